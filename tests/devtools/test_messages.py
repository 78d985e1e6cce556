"""Texts for people in other languages: all translated, and compiled as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.messages import compiled, gathered, languages, read


@pytest.mark.parametrize("file", list(languages()), ids=lambda file: file.parts[-3])
class TestLanguage:
    def test_every_text_that_people_read_is_translated(self, file: Path) -> None:
        catalog = read(file)
        wanted = {(message.context, message.id) for message in gathered() if message.id}
        assert len(wanted) > 50
        translated = {
            (message.context, message.id) for message in catalog if message.id and message.string and not message.fuzzy
        }
        assert translated == wanted
        assert [str(error) for _message, errors in catalog.check() for error in errors] == []

    def test_compiled_messages_match_their_sources(self, file: Path) -> None:
        assert file.with_suffix(".mo").read_bytes() == compiled(read(file)), "run python -m devtools.messages"
