"""The single-key shortcuts of the desks: what each does, and how one member of staff maps them to other keys.

WCAG 2.1.4 asks that shortcuts of one character can be turned off or remapped; with speech input, a spoken word would
otherwise decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.errors import Invalid


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One action that a key carries out."""

    key: str
    """Unless it is mapped to another one."""
    title: str | Promise


DECIDE = (
    Shortcut("a", gettext_lazy("Approve, keep or uphold")),
    Shortcut("r", gettext_lazy("Reject, remove or overturn")),
    Shortcut("d", gettext_lazy("Apply selected actions")),
    Shortcut("t", gettext_lazy("Write the message")),
    Shortcut("f", gettext_lazy("Document details")),
    Shortcut("y", gettext_lazy("Request second approval")),
    Shortcut("u", gettext_lazy("Undo")),
    Shortcut("c", gettext_lazy("Claim or take over")),
    Shortcut("h", gettext_lazy("Assign")),
    Shortcut("s", gettext_lazy("Snooze")),
    Shortcut("e", gettext_lazy("Escalate")),
    Shortcut("m", gettext_lazy("Write a note")),
    Shortcut("x", gettext_lazy("Select the line")),
    Shortcut("*", gettext_lazy("Select all")),
)
MOVE = (
    Shortcut("n", gettext_lazy("Next item")),
    Shortcut("j", gettext_lazy("Next line or item")),
    Shortcut("k", gettext_lazy("Previous line or item")),
    Shortcut("o", gettext_lazy("Open the line")),
    Shortcut("q", gettext_lazy("Back to the queue")),
    Shortcut("/", gettext_lazy("Search")),
)
VIEW = (
    Shortcut("v", gettext_lazy("Reveal; see pictures clearly while held; change a decision")),
    Shortcut("i", gettext_lazy("About the author")),
    Shortcut("[", gettext_lazy("Previous page")),
    Shortcut("]", gettext_lazy("Next page")),
    Shortcut("+", gettext_lazy("Zoom in")),
    Shortcut("-", gettext_lazy("Zoom out")),
    Shortcut("0", gettext_lazy("Fit page")),
    Shortcut("w", gettext_lazy("Fit width; warn the authors of selected items")),
    Shortcut(".", gettext_lazy("Rotate")),
    Shortcut("p", gettext_lazy("Compare with the next picture")),
    Shortcut("?", gettext_lazy("Keyboard shortcuts")),
)
GROUPS: Mapping[str, tuple[str | Promise, tuple[Shortcut, ...]]] = {
    "decide": (gettext_lazy("Decide"), DECIDE),
    "move": (gettext_lazy("Move"), MOVE),
    "view": (gettext_lazy("View"), VIEW),
}
KNOWN = {each.key: each for _title, shortcuts in GROUPS.values() for each in shortcuts}


def checked(keys: Mapping[str, str]) -> dict[str, str]:
    """The map from each default key to the chosen one, without those left as they are.

    Raises `Invalid` on the default key for what is no single printable character, is a digit, which chooses reasons,
    or stands for two actions.
    """
    chosen = {default: keys.get(default, "").strip() or default for default in KNOWN}
    taken: dict[str, str] = {}
    for default, key in chosen.items():
        if len(key) != 1 or not key.isprintable() or (key.isdigit() and key != default):
            raise Invalid("invalid", _("Enter a single character that is not a digit."), field=default)
        if key in taken:
            details = {"key": key, "title": KNOWN[taken[key]].title}
            raise Invalid("taken", _("“%(key)s” already stands for “%(title)s”.") % details, field=default)
        taken[key] = default
    return {default: key for default, key in chosen.items() if key != default}
