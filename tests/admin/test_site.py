"""The console's frame: coming in, being turned away, page sizes, sessions."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from apps.users.models import Session, User
from tests import people
from tests.console import console, links

pytestmark = pytest.mark.django_db

TABLES = {
    "users_document": "/admin/users/document/",
    "users_user": "/admin/users/user/",
    "users_profile": "/admin/users/profile/",
    "stories_story": "/admin/stories/story/",
    "events_event": "/admin/events/event/",
    "chat_message": "/admin/chat/message/",
    "moderation_report": "/admin/moderation/report/",
    "connections_connection": "/admin/connections/connection/",
    "notifications_notification": "/admin/notifications/notification/",
    "auth_group": "/admin/auth/group/",
    "users_staff": "/admin/users/staff/",
    "users_session": "/admin/users/session/",
}
THEIRS = {
    "compliance": {"users_document", "users_user"},
    "community": {"stories_story", "events_event", "chat_message", "moderation_report"},
    "access": {"auth_group", "users_staff", "users_session"},
    "support": {"connections_connection", "users_profile", "notifications_notification"},
    "admin": set(TABLES),
}


@pytest.mark.parametrize("name", THEIRS)
def test_it_opens_exactly_the_tables_of_a_group(name: str) -> None:
    client = console(getattr(people, name)())
    for table, address in TABLES.items():
        assert reverse(f"admin:{table}_changelist") == address
        assert client.get(address).status_code == (200 if table in THEIRS[name] else 403), address
