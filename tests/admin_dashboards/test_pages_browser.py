"""Every page of the console that no other browser test looks at, in both schemes, for a desk's window and a phone's."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from tests import people
from tests.accessibility import barriers
from tests.browser import sign_in
from tests.factories import make_blind_check, make_event
from tests.permissions import console_scene

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = {
    "users_document": "users/document",
    "users_user": "users/user",
    "users_profile": "users/profile",
    "stories_story": "stories/story",
    "events_event": "events/event",
    "chat_message": "chat/message",
    "moderation_report": "moderation/report",
    "connections_connection": "connections/connection",
    "notifications_notification": "notifications/notification",
    "auth_group": "auth/group",
    "users_staff": "users/staff",
    "users_session": "users/session",
}
FILTERED = {"users_document": "?status__exact=pending&o=-1"}
"""What lists are asked with: they show the rows that they show without, and what is chosen."""
ALONE = (
    "/admin/access/audit/state/",
    "/admin/privacy/",
    "/admin/privacy/holds/",
    "/admin/privacy/retention/",
    "/admin/access/audit/?actor=decider&since=2020-01-01T00%3A00",
    "/admin/access/audit/?id=99999",
    "/admin/access/audit/?request=none",
    "/admin/access/explain/?person=trainee&perm=stories.delete_story",
    "/admin/auth/group/add/",
    "/admin/users/staff/add/",
    "/admin/compliance/",
    "/admin/support/",
    "/admin/mfa/",
    "/admin/password_change/",
    "/admin/notices/",
    "/admin/compliance/templates/",
    "/admin/compliance/quality/",
    "/admin/compliance/settings/",
    "/admin/moderation/appeals/",
    "/admin/no-such-page/",
    "/admin/users/user/add/",
)
STATUS = {"/admin/access/audit/?id=99999": 422, "/admin/no-such-page/": 404, "/admin/users/user/add/": 403}


def addresses() -> list[str]:
    """Of one of everything."""
    cast = console_scene.cast()
    rows = console_scene.rows(cast)
    officer = cast["compliance"]
    assert officer is not None
    check = make_blind_check(officer)
    found = [f"/admin/{path}/{FILTERED.get(table, '')}" for table, path in TABLES.items()]
    found += [f"/admin/{path}/{rows[table]}/change/" for table, path in TABLES.items()]
    event = make_event(people.carol(), "A party")
    version = event.history.latest().pk
    found += [f"/admin/events/event/{event.pk}/{page}/" for page in ("history", f"history/{version}", "delete")]
    found += ["/admin/events/event/import/"]
    found += [f"/admin/compliance/quality/{check.pk}/", f"/admin/moderation/appeals/{rows['desk_moderation_appeals']}/"]
    alice = cast["alice"]
    assert alice is not None
    found += [
        f"/admin/stories/story/{rows['stories_story']}/permissions/",
        f"/admin/users/staff/{rows['users_staff']}/password/",
        reverse("admin:users_session_end_all", args=[alice.pk]),
    ]
    return [*found, *ALONE]


def test_all_pages_are_accessible(page: Page) -> None:
    to_open = addresses()
    sign_in(page, "admin")
    faults: list[str] = []
    for address in to_open:
        answer = page.goto(address)
        assert answer is not None
        if answer.status != STATUS.get(address, 200):
            faults.append(f"{address}: {answer.status}")
        faults += [f"{address}, {fault}" for fault in barriers(page)]
    # What would be done to many at once is asked from the queue.
    page.goto("/admin/moderation/")
    page.locator("input[name=item]").first.check()
    page.locator("button[name=action]").first.click()
    page.wait_for_url("**/admin/moderation/bulk/")
    faults += [f"bulk, {fault}" for fault in barriers(page)]
    assert faults == []
