"""The access manager's day: what a tick would change, who may and why, and what nobody uses taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.users.models import GroupMembership
from apps.users.staff.accounts import groups_of
from tests import people

pytestmark = pytest.mark.django_db(transaction=True)


def test_access_manager_grants_and_revokes_by_keyboard(page: Page) -> None:
    people.access()
    nora = people.make_staff("nora")
    page.goto("/admin/login/?next=/admin/access/")
    page.fill("#id_username", "access")
    page.fill("#id_password", people.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Staff and their groups")).to_be_visible()

    # What a tick would change is said as it is ticked; nothing is saved by it.
    page.get_by_role("link", name="nora", exact=True).first.click()
    page.get_by_label("Community Manager").check()
    expect(page.get_by_text("1 person affected")).to_be_visible()
    page.get_by_role("button", name="Details").click()
    expect(page.get_by_text("Stories › Stories").first).to_be_visible()
    assert not groups_of(nora)
    end = page.locator("input[type=datetime-local]:visible")
    end.fill("2100-05-03T17:00")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/users/staff/")
    assert [until and until.year for until in groups_of(nora).values()] == [2100]

    # Who may, and by what.
    page.goto("/admin/access/")
    page.get_by_label("Person").fill("nora")
    page.get_by_label("Permission").select_option("stories.delete_story")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_text("Through the group “Community Manager”, until 3 May 2100, 17:00 UTC")).to_be_visible()

    # What nobody used goes with one click.
    GroupMembership.objects.filter(user=nora).update(begun_at=timezone.now() - timedelta(days=91))
    page.goto("/admin/access/")
    page.get_by_role("button", name="Revoke Community Manager from nora").click()
    expect(page.get_by_text("nora is no longer in “Community Manager”.")).to_be_visible()
    assert not Group.objects.get(name="Community Manager").user_set.exists()
