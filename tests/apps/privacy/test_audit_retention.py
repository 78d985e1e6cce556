"""Audit entries whose retention is over: `manage.py purge_audit`, the log that accounts for them, and who may not."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.audit.services import record
from apps.privacy.holds import place_hold
from apps.privacy.models import Kept
from apps.privacy.periods import set_period
from apps.transparency.jobs import checkpoint, verify_log
from apps.transparency.keys import SigningKey
from apps.transparency.models import Purge, Verification
from apps.upkeep.models import LastSuccess
from tests import people
from tests.apps.transparency.sessions import attacker, restart_numbers

pytestmark = pytest.mark.django_db(transaction=True)


def purge() -> str:
    out = StringIO()
    call_command("purge_audit", stdout=out)
    return out.getvalue().strip()


def age(entries: list[Entry], days: int) -> None:
    with attacker() as session:
        session.execute(
            "UPDATE audit_entry SET created_at = %s WHERE id = ANY(%s)",
            [timezone.now() - timedelta(days=days), [entry.pk for entry in entries]],
        )


def test_entries_go_when_their_time_is_over_and_the_log_stays_in_order(settings: LazySettings, tmp_path: Path) -> None:
    folder = {"location": str(tmp_path), "allow_overwrite": True}
    log = {"log_folder": {"BACKEND": "apps.infra.files.storage.Folder", "OPTIONS": folder}}
    settings.STORAGES = settings.STORAGES | log
    settings.LOG_SIGNING_KEY, settings.LOG_VERIFIER_KEYS = str(SigningKey.new("infloo.example/log")), []
    restart_numbers()
    access, admin = people.access(), people.admin()
    alice, bob = people.alice(), people.bob()
    place_hold(admin, bob.pk, reason="Order 12 of 2026")
    old = [record(access, Action.VIEWED, alice, subject=alice) for _ in range(3)]
    held = record(access, Action.VIEWED, bob, subject=bob)
    later = record(access, Action.VIEWED, alice, subject=alice)
    age([*old, held], 1826)
    age([later], 400)
    with pytest.raises(CommandError, match="not all in the log yet"):
        purge()
    assert not LastSuccess.objects.filter(name="purge").exists()
    assert Entry.objects.filter(pk__in=[entry.pk for entry in old]).count() == 3

    checkpoint()
    with attacker() as other, other.transaction():
        other.execute("SELECT FROM audit_entry WHERE id = %s FOR UPDATE", [old[0].pk])  # as another purge does
        assert purge() == "2 audit entries deleted."
    assert purge() == "1 audit entries deleted."
    assert LastSuccess.objects.filter(name="purge").exists()
    assert sum(Purge.objects.values_list("count", flat=True)) == 3
    assert set(Entry.objects.filter(pk__in=[e.pk for e in (*old, held, later)])) == {held, later}
    noted = Entry.objects.filter(verb=Action.PURGED).order_by("pk")
    assert [entry.detail for entry in noted] == [{"kind": "audit", "count": 2}, {"kind": "audit", "count": 1}]
    assert purge() == "0 audit entries deleted."
    set_period(admin, Kept.AUDIT, days=300)
    assert purge() == "1 audit entries deleted."
    set_period(admin, Kept.AUDIT, days=None)
    assert purge() == "0 audit entries deleted."
    assert Purge.objects.count() == 3

    checkpoint()
    verify_log()
    assert Verification.objects.latest("pk").finding == ""
    assert set(LastSuccess.objects.values_list("name", flat=True)) >= {"checkpoint", "verification"}
    with attacker() as session:
        session.execute("DELETE FROM audit_entry WHERE id = %s", [held.pk])
    LastSuccess.objects.all().delete()
    verify_log()
    assert f"row {held.pk} of audit.entry" in Verification.objects.latest("pk").finding
    assert not LastSuccess.objects.exists()
    storages._storages.clear()


def test_the_application_s_role_deletes_no_entry(settings: LazySettings) -> None:
    age([record(people.access(), Action.VIEWED)], 2000)
    settings.LOG_SIGNING_KEY = str(SigningKey.new("infloo.example/log"))
    checkpoint()
    own = settings.DATABASES["default"]
    settings.OWNER_DATABASE = settings.OWNER_DATABASE | {name: own[name] for name in ("USER", "PASSWORD")}
    with pytest.raises(CommandError, match="set OWNER_DATABASE_URL"):
        purge()
    assert Entry.objects.exists()
