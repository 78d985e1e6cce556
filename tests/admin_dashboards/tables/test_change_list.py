"""Lists of tables: the titles of their filters, and what an empty one says."""

from __future__ import annotations

import re

import pytest

from tests import people
from tests.console import EVENTS, console

pytestmark = pytest.mark.django_db


def test_filters_are_titled_by_what_they_filter() -> None:
    shown = console(people.admin()).get(EVENTS).text
    assert not re.search(r">\s*By ", shown)
    titles = [
        title.strip() for title in re.findall(r'<h2 class="font-semibold text-important">(.*?)</h2>', shown, re.DOTALL)
    ]
    assert "Status" in titles
    assert "Begins" in titles


@pytest.mark.parametrize(
    ("query", "way"),
    [
        ("", ""),
        ("?q=harvest", "Clear search"),
        ("?when=past", "Clear filters"),
        ("?when=past&q=harvest", "Clear search and filters"),
    ],
)
def test_empty_lists_say_so_and_lead_to_the_whole_table(query: str, way: str) -> None:
    page = console(people.admin()).get(f"{EVENTS}{query}")
    assert re.search(r"<h2[^>]*>No results\.</h2>", page.text)
    cleared = re.search(r'<a href="\?"[^>]*>\s*(Clear[^<]*?)\s*</a>', page.text)
    assert (cleared[1] if cleared else "") == way
    assert "yielded" not in page.text
