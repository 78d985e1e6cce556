"""The language of the people whom staff write to, named where it is not the reader's own."""

from __future__ import annotations

from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext as _


def in_language(code: str) -> str:
    """As in "in German"; nothing for the language that is read just now."""
    if code == get_language():
        return ""
    return _("in %(language)s") % {"language": get_language_info(code)["name_translated"]}
