"""Fixtures of the tests of tables."""

from __future__ import annotations

import pytest

from admin_dashboards.tables import background, limits


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are many here, so that tests are quick; tests that depend on real amounts set them."""
    monkeypatch.setattr(limits, "IMPORTED_AT_ONCE", 3)
    monkeypatch.setattr(limits, "EXPORTED_AT_ONCE", 3)
    monkeypatch.setattr(background, "CHUNK", 2)
