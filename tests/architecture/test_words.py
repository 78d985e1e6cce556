"""The code says the words of `docs/glossary.md`, in identifiers and in text alike."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

import pytest

from devtools.paths import CHECKOUT

FOLDERS = ("apps", "api", "admin_dashboards", "templates", "config", "ops", "devtools", "demo", "tests")
EXEMPT_FOLDERS = {"migrations", "mail"}
SUFFIXES = {".py", ".html", ".txt", ".js", ".css"}

TERMS = tomllib.loads((CHECKOUT / "docs" / "refused_words.toml").read_text())
REFUSED: dict[str, str] = TERMS["refused"]
"""The term to use instead, by the word that is refused."""

EXEMPT: dict[str, list[str]] = TERMS["exempt"]
"""The words that a file keeps."""


def texts() -> Iterator[tuple[str, str]]:
    """The path and the text of every file that is read here."""
    for folder in FOLDERS:
        for file in sorted((CHECKOUT / folder).rglob("*")):
            if file.suffix in SUFFIXES and not EXEMPT_FOLDERS & set(file.parts):
                yield file.relative_to(CHECKOUT).as_posix(), file.read_text()


def separated(text: str) -> str:
    """The text in lower case, with the parts of its identifiers as words of their own."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ").replace("-", " ").lower()


def found(text: str) -> list[tuple[int, str]]:
    """The number of the line and the refused word, for each occurrence."""
    words = re.compile(rf"(?<![a-z])({'|'.join(sorted(REFUSED, key=len, reverse=True))})(?![a-z])")
    lines = enumerate(separated(text).splitlines(), start=1)
    return [(number, match[1]) for number, line in lines for match in words.finditer(line)]


def test_code_uses_the_terms_of_the_glossary() -> None:
    refused = [
        f"{path}:{number}: say {REFUSED[word]!r}, not {word!r}"
        for path, text in texts()
        for number, word in found(text)
        if word not in EXEMPT.get(path, ())
    ]
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize("text", ["def world(", "BulkWorld", "a world_view", "the world.", "until_words", "UntilWords"])
def test_refused_words_are_found_in_identifiers_and_text(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize("text", ["indeed", "insight", "worldwide", "def turned(down):"])
def test_longer_words_are_not_refused(text: str) -> None:
    assert not found(text)


def test_exempt_files_still_have_their_words() -> None:
    for path, words in EXEMPT.items():
        assert set(words) <= {word for _number, word in found((CHECKOUT / path).read_text())}, path
