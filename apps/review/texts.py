"""Texts that staff type: reasons, notes, names."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.errors import Invalid

MOST_REASON = 500
"""Characters of a reason."""
LEAST_REASON = 10
LEAST_SIGNS = 3
"""Different letters and digits in a reason."""


def checked_text(text: str, field: str, most: int, missing: str) -> str:
    """`text` without the space around it. Raises `Invalid` for none, for over `most` characters, null bytes."""
    text = text.strip()
    if not text:
        raise Invalid("required", missing, field=field)
    if len(text) > most:
        raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": most}, field=field)
    if "\x00" in text:
        raise Invalid("invalid", _("The input contains an invalid character. Remove it and try again."), field=field)
    return text


def sensible_reason(reason: str, missing: str) -> str:
    """A reason for viewing personal data that others understand. Raises `Invalid`, with `missing` for none."""
    reason = checked_text(reason, "reason", MOST_REASON, missing)
    if len(reason) < LEAST_REASON or len({sign.casefold() for sign in reason if sign.isalnum()}) < LEAST_SIGNS:
        said = _("Give a reason of at least %(n)d characters that others understand.") % {"n": LEAST_REASON}
        raise Invalid("too-short", said, field="reason")
    return reason
