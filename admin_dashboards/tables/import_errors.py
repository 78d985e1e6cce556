"""The errors of an imported file: one entry for each error, with the lines that have it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class LineError(NamedTuple):
    """What is wrong with one line."""

    line: int
    column: str
    """The column of the file; empty where the error is about the row as a whole."""
    sentence: str


def group_errors(errors: Iterable[LineError]) -> list[tuple[str, str, str]]:
    """The lines as text, such as "Lines 2 and 5", the column and the sentence, in the order of the first lines."""
    lines: dict[tuple[str, str], list[int]] = {}
    for line, column, sentence in sorted(errors):
        lines.setdefault((column, sentence), []).append(line)
    return [(lines_text(found), column, sentence) for (column, sentence), found in lines.items()]


def lines_text(lines: list[int]) -> str:
    """Such as "Line 2", "Lines 2 and 5", "Lines 2–4, 7 and 9", for lines in order."""
    runs: list[list[int]] = []
    for line in dict.fromkeys(lines):
        if runs and runs[-1][-1] == line - 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    parts: list[str] = []
    for run in runs:
        parts += [f"{run[0]}–{run[-1]}"] if len(run) > 2 else map(str, run)
    shown = (
        parts[0] if len(parts) == 1 else _("%(some)s and %(last)s") % {"some": ", ".join(parts[:-1]), "last": parts[-1]}
    )
    return ngettext("Line %s", "Lines %s", len(lines)) % shown
