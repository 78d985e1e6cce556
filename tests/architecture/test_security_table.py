"""The table of OWASP ASVS 5.0.0 in docs/ is complete, and names only what exists."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import NamedTuple

from devtools.paths import CHECKOUT

# How many requirements of levels 1 and 2 each section has; they are its first ones. Sections of level 3 alone have
# none. Source: github.com/OWASP/ASVS, 5.0/docs_en/OWASP_Application_Security_Verification_Standard_5.0.0_en.csv.
REQUIREMENTS = {
    1: (2, 9, 11, 3, 2),
    2: (3, 3, 4, 1),
    3: (0, 2, 4, 6, 5, 0, 2),
    4: (3, 1, 2, 4),
    5: (1, 3, 2, 3),
    6: (3, 12, 4, 4, 5, 3, 0, 4),
    7: (3, 4, 2, 5, 2, 2),
    8: (2, 3, 1, 1),
    9: (3, 4),
    10: (2, 2, 4, 11, 5, 2, 3),
    11: (2, 3, 3, 4, 1, 1, 0),
    12: (3, 2, 4),
    13: (1, 5, 2, 5),
    14: (2, 4, 3),
    15: (3, 3, 7, 0),
    16: (1, 5, 4, 3, 3),
    17: (1, 4, 2),
}
PAGES = [CHECKOUT / "docs" / "security.md", *sorted((CHECKOUT / "docs").glob("asvs/*.md"))]
STATES = re.compile(r"met$|(?:not applicable|open): \S")
WITHOUT_A_TEST = re.compile(r"none: \S")
QUOTED = re.compile(r"`([^`]+)`")
PATH = re.compile(r"[\w-]+/[\w./-]+|[\w.-]+\.(?:md|py|toml)|\.env\.example")
TEST = re.compile(r"^ *(?:async )?def (test_\w+)", re.MULTILINE)


class Row(NamedTuple):
    number: str
    about: str
    state: str
    where: str
    test: str


def rows_of(text: str) -> list[Row]:
    """The rows of a page's tables that begin with a requirement's number."""
    lines = (line.strip("| \n").split(" | ") for line in text.splitlines() if re.match(r"\| \d+\.\d+\.\d+ ", line))
    return [Row(*cells) for cells in lines]


@cache
def own_tests() -> frozenset[str]:
    return frozenset(
        name for file in (CHECKOUT / "tests").rglob("test_*.py") for name in TEST.findall(file.read_text())
    )


def faults(row: Row) -> list[str]:
    """What is wrong with a row."""
    paths = [quoted for quoted in QUOTED.findall(row.where) if PATH.fullmatch(quoted)]
    found = [f"no such path: {path}" for path in paths if not (CHECKOUT / path).exists()]
    names = [] if row.test.startswith("none") else QUOTED.findall(row.test)
    found += [f"no such test: {name}" for name in names if name not in own_tests()]
    if not STATES.match(row.state):
        found.append(f"no state: {row.state}")
    if row.state == "met" and not paths:
        found.append("met, and it does not say where")
    if row.state == "met" and not names and not WITHOUT_A_TEST.match(row.test):
        found.append("met, with neither a test nor a reason for none")
    return found


def test_every_requirement_of_levels_one_and_two_is_there_once() -> None:
    found = Counter(row.number for page in PAGES for row in rows_of(page.read_text()))
    wanted = {
        f"{chapter}.{section}.{requirement}"
        for chapter, sections in REQUIREMENTS.items()
        for section, count in enumerate(sections, start=1)
        for requirement in range(1, count + 1)
    }
    assert found == Counter(wanted)


def test_every_row_says_what_is_met_where_and_which_test_shows_it() -> None:
    wrong = {row.number: faults(row) for page in PAGES for row in rows_of(page.read_text()) if faults(row)}
    assert not wrong


def test_faults_of_a_row_are_found() -> None:
    good = Row("1.1.1", "about", "met", "`docs/security.md`", "`test_faults_of_a_row_are_found`")
    assert not faults(good)
    assert not faults(good._replace(state="open: much is missing", where="–", test="none"))
    for wrong in (
        {"state": "done"},
        {"state": "open"},
        {"state": "not applicable"},
        {"where": "`docs/absent.md`"},
        {"where": "–"},
        {"test": "`test_" + "absent_rows`"},
        {"test": "none"},
    ):
        assert faults(good._replace(**wrong)), wrong
