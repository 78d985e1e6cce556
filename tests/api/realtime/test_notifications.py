from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from api.realtime.manager import ConnectionManager
from apps.notifications.models import Kind, Notification
from apps.notifications.services import mark_all_read, notify, notify_all
from apps.users.accounts.relationships import follow
from apps.users.models import User
from tests.api.realtime.client import notifications
from tests.client import api
from tests.people import alice, bob, newton


def add_notification(person: User, who: str = "bob") -> Notification:
    return notify(person.pk, Kind.NEW_FOLLOWER, about=person, person=who)


def test_notifications_reach_all_sockets_of_their_recipient(stack_url: str) -> None:
    a, b = alice(), bob()
    with (
        notifications(stack_url, a) as phone,
        notifications(stack_url, a) as laptop,
        notifications(stack_url, b) as other,
    ):
        follow(b, "alice")
        frame = phone.next()
        assert laptop.next() == frame
        stored = api(a).get("/notifications").json()["results"][0]
        assert frame == {"type": "notification", **stored, "unread": 1}
        other.expect_nothing()


def test_old_notifications_are_not_sent(stack_url: str) -> None:
    a = alice()
    add_notification(a)
    with notifications(stack_url, a) as one:
        one.expect_nothing()
        new = add_notification(a)
        frame = one.next()
        assert (frame["id"], frame["unread"]) == (new.pk, 2)
        mark_all_read(a)
        add_notification(a)
        assert one.next()["unread"] == 1


def test_many_at_once_come_once_each(stack_url: str) -> None:
    n = newton()
    with notifications(stack_url, n) as one:
        sent = notify_all([n.pk] * 250, Kind.NEW_FOLLOWER, person="bob")
        assert [one.next()["id"] for _ in range(250)] == [notification.pk for notification in sent]
        one.expect_nothing()


def test_notifications_lost_by_the_broker_are_delivered(stack_url: str) -> None:
    a = alice()
    with notifications(stack_url, a) as one:
        add_notification(a)
        assert one.next()["unread"] == 1
        # Of a transaction that took its time: an older number and an older date than what was sent already.
        late = Notification(
            recipient=a, kind=Kind.NEW_FOLLOWER, text="Hi", created_at=timezone.now() - timedelta(seconds=20)
        )
        late.save()
        frame = one.next()
        assert (frame["id"], frame["unread"]) == (late.pk, 2)
        one.expect_nothing()


def test_setting_the_clock_back_repeats_no_notification() -> None:
    # What was sent is forgotten once no poll reads it any more: never because of a time that has yet to come.
    manager = object.__new__(ConnectionManager)
    manager._last_poll = timezone.now() + timedelta(days=1)
    assert manager.missing_since() < timezone.now()
