"""Notifications in the console, for support: what users were sent, and whether they have read it."""

from typing import Any

import pytest

from apps.notifications.models import Kind
from tests import people
from tests.console import console
from tests.factories import make_notification

pytestmark = pytest.mark.django_db
NOTIFICATIONS = "/admin/notifications/notification/"


def test_support_reads_notifications() -> None:
    notice = make_notification(people.alice())
    client = console(people.support())
    assert "bob wants to connect" in client.get(NOTIFICATIONS).content.decode()
    page = client.get(f"{NOTIFICATIONS}{notice.pk}/change/").content.decode()
    assert "bob wants to connect" in page
    assert "Unread" in page


def test_notifications_are_narrowed_down() -> None:
    make_notification(people.alice(), "Unread one")
    make_notification(people.bob(), "Bobs warning", kind=Kind.WARNING, is_read=True)
    client = console(people.support())
    for narrowed in ({"q": "bob"}, {"is_read__exact": "1"}, {"kind__exact": "warning"}):
        page = client.get(NOTIFICATIONS, narrowed).content.decode()
        assert "Bobs warning" in page
        assert "Unread one" not in page


def test_there_is_no_history_of_notifications_and_no_way_to_it() -> None:
    notice = make_notification(people.alice())
    client = console(people.support())
    assert (
        f"{NOTIFICATIONS}{notice.pk}/history/" not in client.get(f"{NOTIFICATIONS}{notice.pk}/change/").content.decode()
    )
    assert client.get(f"{NOTIFICATIONS}{notice.pk}/history/").status_code == 404
    assert client.post(f"{NOTIFICATIONS}{notice.pk}/history/").status_code == 403


def test_a_page_of_notifications_takes_the_same_queries_however_full_it_is(django_assert_num_queries: Any) -> None:
    client = console(people.support())
    client.get(NOTIFICATIONS)
    for number in range(3):
        make_notification(people.make_user(f"friend{number}"))
        with django_assert_num_queries(8):
            client.get(NOTIFICATIONS)
