"""The dashboard in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.factories import make_document

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_dashboard_is_accessible(page: Page) -> None:
    make_document(people.alice())
    people.admin()
    complaints = sign_in(page, "admin")
    page.goto("/admin/")
    expect(page.get_by_role("heading", name="Decisions by officer")).to_be_visible()
    assert barriers(page) == []
    assert complaints == []
