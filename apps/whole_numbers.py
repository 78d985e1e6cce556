"""Numbers that come as text from outside."""

from __future__ import annotations

LARGEST_ID = 2**63 - 1


def whole_number(text: str) -> int:
    """The number that `text` writes in plain digits; 0, which no row has, for all else and for what is too large."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LARGEST_ID)):
        return 0
    number = int(text)
    return number if number <= LARGEST_ID else 0
