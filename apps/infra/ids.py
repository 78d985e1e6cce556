"""Numbers that come as text from outside."""

from __future__ import annotations

import re

LARGEST_ID = 2**63 - 1
# What comes along with a number that is copied out of a sentence.
_AROUND = " \t\r\n\u00a0.,;:!?()[]{}<>\"'`“”„‘’‚«»‹›"


def parse_id(text: str) -> int:
    """The number that `text` writes in plain digits; 0, which no row has, for all else and for what is too large."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LARGEST_ID)):
        return 0
    number = int(text)
    return number if number <= LARGEST_ID else 0


def searched_number(text: str, *kinds: str) -> int:
    """The number that a user searches for, written as our pages write it: "157", "#157", "№ 157", "document #157".

    `kinds` are words that may stand before it without a sign, as in "Case 157". 0 where it is no number.
    """
    match = re.fullmatch(r"(?:(?!no\b)(\w+)\s+)?([#＃№]+|no\.?)?\s*(\d+)", text.strip(_AROUND), re.IGNORECASE)
    if match is None:
        return 0
    word, sign, digits = match.groups()
    return parse_id(digits) if word is None or sign or word.casefold() in map(str.casefold, kinds) else 0
