"""Sign-ins: of staff to the console, of people to the API, and failed ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.models import Session, User
from demo.accounts import STAFF
from demo.bulk import copy_rows
from demo.scenario import Scenario

DEVICES = (
    "Infloo/3.2 (iPhone; iOS 19.1)",
    "Infloo/3.2 (Android 16; Pixel 10)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15",
)
DAYS_OF_STAFF = 6
SESSION = (
    "user_id", "key", "door", "refresh_id", "address", "user_agent", "created_at", "last_seen_at", "expires_at",
    "ended_at", "ended_by_id", "end_reason",
)  # fmt: skip
ENTRY = ("actor_id", "verb", "target_type", "target_id", "address", "created_at")


def sign_in(scenario: Scenario) -> None:
    sessions: list[tuple[Any, ...]] = []
    entries: list[tuple[Any, ...]] = []
    for place, name in enumerate(STAFF):
        member, address = scenario[name], f"10.20.0.{14 + place}"
        for day in range(1, DAYS_OF_STAFF):
            began = scenario.ago(days=day, minutes=scenario.random.randint(0, 90))
            ended = began + timedelta(hours=scenario.random.uniform(2, 8))
            sessions.append(_session(scenario, member, Session.EntryPoint.CONSOLE, began, ended, address))
            entries.append((member.pk, Action.SIGNED_IN.value, "", "", address, began))
            entries.append((member.pk, Action.SIGNED_OUT.value, "", "", address, ended))
    for user in scenario.random.sample(scenario.clients, 30):
        began = scenario.ago(days=scenario.random.uniform(0.1, 6))
        left = began + timedelta(hours=2) if scenario.random.random() < 0.3 else None
        address = f"203.0.113.{scenario.random.randint(1, 254)}"
        sessions.append(_session(scenario, user, Session.EntryPoint.API, began, left, address))
    target = User._meta.label_lower
    for minute in range(3):
        at = scenario.ago(hours=11, minutes=minute)
        entries.append((None, Action.SIGN_IN_FAILED.value, target, str(scenario["access"].pk), "198.51.100.23", at))
    copy_rows(Session, SESSION, sorted(sessions, key=lambda row: row[6]))
    copy_rows(Entry, ENTRY, sorted(entries, key=lambda row: row[5]))


def _session(
    scenario: Scenario,
    user: User,
    entry_point: Session.EntryPoint,
    began: datetime,
    ended: datetime | None,
    address: str,
) -> tuple[Any, ...]:
    """A row of the columns of `SESSION`."""
    is_api = entry_point == Session.EntryPoint.API
    lifetime = timedelta(days=7) if is_api else timedelta(hours=12)
    seen = ended or began + (scenario.now - began) * scenario.random.random()
    key, refresh = (UUID(bytes=scenario.random.randbytes(16), version=4) for _ in range(2))
    device = scenario.random.choice(DEVICES[:2] if is_api else DEVICES[2:])
    return (
        user.pk, key, entry_point.value, refresh if is_api else None, address, device, began, seen, began + lifetime,
        ended, user.pk if ended else None, "signed out" if ended else "",
    )  # fmt: skip
