"""One of everything that the console shows, and every address that it answers at."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.urls import URLPattern, URLResolver, get_resolver

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.users.authentication.api_sessions import begin
from apps.users.models import Session, User
from tests import people
from tests.drawn import png, upload
from tests.factories import make_connection, make_event, make_message, make_notification, make_report, make_story

PEOPLE = ("anonymous", "alice", "ungrouped", "compliance", "community", "access", "support", "admin")
"""Ungrouped is staff in no group; Alice is an end user, who has no business here."""


def cast() -> dict[str, User | None]:
    staff = {name: getattr(people, name)() for name in ("compliance", "community", "access", "support", "admin")}
    return {"anonymous": None, "alice": people.alice(), "ungrouped": people.make_staff("ungrouped")} | staff


def rows(cast: dict[str, Any]) -> dict[str, int]:
    """The key of a row for each table, by its model."""
    from apps.users.verification.upload import send_document

    alice, bob = cast["alice"], people.bob()
    event = make_event(alice)
    rows: dict[str, Any] = {
        "users_document": send_document(bob, upload(png()), doc_type="identity"),
        "users_user": save_as(alice, bob, action=Action.RECORDED),
        "users_profile": save_as(bob, bob.profile, action=Action.RECORDED),
        "stories_story": make_story(alice),
        "events_event": event,
        "chat_message": make_message(alice, bob),
        "moderation_report": make_report(bob, "event", event, alice),
        "connections_connection": make_connection(alice, bob),
        "notifications_notification": make_notification(bob),
        "auth_group": Group.objects.create(name="Trainees"),
        "users_staff": people.make_staff("trainee"),
    }
    rows |= _cases(bob, alice)
    begin(bob)
    rows["users_session"] = Session.objects.filter(user=bob).latest("id")
    return {name: row.pk for name, row in rows.items()}


def _cases(reporter: User, author: User) -> dict[str, Any]:
    """An open case, and an appeal against a decision of an officer who is not in the cast."""
    from apps.moderation.cases import resolve_case
    from apps.moderation.models import Appeal
    from apps.moderation.reporting import report
    from apps.review.decisions.models import Decision

    appealed = report(reporter, kind="event", target_id=make_event(author).pk, reason="spam").case
    assert appealed is not None
    decider = people.make_staff("decider", "Community Manager")
    resolve_case(decider, appealed.pk, outcomes=["warned"])
    decision = Decision.objects.latest("id")
    appeal = Appeal.objects.create(decision=decision, case=appealed, author=author, decider=decider, text="No.")
    about = report(reporter, kind="user", target_id=author.pk, reason="spam")
    assert about.case is not None
    return {"desk_moderation_appeals": appeal, "desk_moderation": about.case}


def addresses() -> dict[str, str]:
    """Every address of the console: its pattern by its name."""
    found: dict[str, str] = {}

    def walk(patterns: list[URLPattern | URLResolver], above: str, inside: bool) -> None:
        for pattern in patterns:
            route = above + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route, inside or pattern.namespace == "admin")
            elif inside:
                found[pattern.name or route] = route

    walk(get_resolver().url_patterns, "/", inside=False)
    return found
