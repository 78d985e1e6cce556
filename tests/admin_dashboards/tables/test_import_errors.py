"""Errors of an imported file, grouped."""

from __future__ import annotations

import pytest

from admin_dashboards.tables.import_errors import LineError, group_errors, lines_text


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([2], "Line 2"),
        ([2, 5], "Lines 2 and 5"),
        ([2, 3], "Lines 2 and 3"),
        ([2, 3, 4], "Lines 2–4"),
        ([2, 3, 4, 7, 9, 10], "Lines 2–4, 7, 9 and 10"),
    ],
)
def test_lines_are_named_in_runs(lines: list[int], shown: str) -> None:
    assert lines_text(lines) == shown


def test_errors_are_grouped_by_column_and_sentence_in_the_order_of_the_lines() -> None:
    errors = [LineError(4, "title", "Blank."), LineError(3, "", "Absent."), LineError(2, "title", "Blank.")]
    errors.append(LineError(2, "location", "Blank."))
    assert group_errors(errors) == [
        ("Line 2", "location", "Blank."),
        ("Lines 2 and 4", "title", "Blank."),
        ("Line 3", "", "Absent."),
    ]
