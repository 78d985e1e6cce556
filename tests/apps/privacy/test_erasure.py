"""Erasing a user: what is gone, what stays, and what nobody can read any more."""

from __future__ import annotations

import io
from datetime import UTC
from typing import Any

import pytest
from django.apps import apps as all_apps
from django.core.files.storage import default_storage
from django.db import connection, models
from django.utils import timezone

from apps.audit.encryption import ERASED, encrypted_fields
from apps.audit.models import Entry
from apps.errors import Conflict
from apps.events.participation import join_event
from apps.moderation.models import Appeal, Report
from apps.privacy import erasures, holds, ledger, reapply
from apps.privacy.erasing import RULES
from apps.privacy.files import delete_file
from apps.privacy.models import Erasure
from apps.review.figures import figures
from apps.users.models import Document, User
from apps.users.verification.queue import DOCUMENTS
from apps.users.verification.review import review_document
from tests import people
from tests.factories import (
    make_case,
    make_connection,
    make_document,
    make_event,
    make_message,
    make_notification,
    make_story,
)
from tests.jobs import arguments, waiting

pytestmark = pytest.mark.django_db
SECRETS = ("alice", "alice@example.com", "+4915112345", "My secret bio", "Sunrise at home", "Garden party", "See you")
REASON = "Request 12 of 2026"


def person() -> User:
    alice = people.make_user("alice", phone="+4915112345")
    alice.profile.bio = "My secret bio"
    alice.profile.save()
    return alice


def due(user: User) -> Erasure:
    erasure = erasures.request_erasure(user, password="infloo-demo")
    Erasure.objects.filter(pk=erasure.pk).update(due_at=timezone.now())
    return erasure


def text_of_database() -> str:
    """All rows of all tables as PostgreSQL prints them."""
    out = io.StringIO()
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        for [table] in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')  # noqa: S608
            out.writelines(f"{table}: {row}\n" for [row] in cursor.fetchall())
    return out.getvalue()


def lines_with(text: str) -> list[str]:
    return [line[:300] for line in text_of_database().splitlines() if text in line]


def run_deletions() -> None:
    for job in waiting("privacy.delete_file"):
        delete_file(**arguments(job))


def full_life() -> tuple[User, Document]:
    """Alice with something in every table, of which others have their part."""
    alice, bob = person(), people.bob()
    make_connection(alice, bob)
    make_message(alice, bob, "See you at eight")
    make_event(alice, "Garden party")
    make_story(alice, "Sunrise at home")
    make_notification(bob, "alice wants to connect")
    make_case(bob, "user", alice, reason=Report.Reason.OTHER, note="alice pretends")
    document = make_document(alice)
    review_document(people.compliance(), document.pk, verdict="approved", comment="Welcome, alice")
    make_document(alice, doc_type="business")
    return alice, document


def close_cases() -> None:
    """Let no case keep evidence."""
    Report.objects.all().update(status="closed", outcome="kept", closed_at=timezone.now())
    for case in all_apps.get_model("moderation.case").objects.all():
        all_apps.get_model("moderation.case").objects.filter(pk=case.pk).update(
            status="closed", outcomes=["kept"], closed_at=timezone.now()
        )


def test_an_erased_user_can_be_read_nowhere() -> None:
    alice, document = full_life()
    close_cases()
    files = [document.file.name, *(story.content_file.name for story in alice.stories.all())]
    assert all(lines_with(secret) for secret in ("alice@example.com", "Garden party"))
    due(alice)
    assert erasures.erase_due() == 1
    run_deletions()
    for secret in SECRETS:
        assert not lines_with(secret), secret
    assert not [name for name in files if default_storage.exists(name)]
    version = User.history.filter(id=alice.pk).last()
    assert (version.username, version.email) == (ERASED, ERASED)
    alice.refresh_from_db()
    assert not alice.is_active
    assert str(alice).startswith("erased#")


def test_figures_of_past_periods_stay_when_a_user_is_erased() -> None:
    alice, document = full_life()
    close_cases()
    now = timezone.now()
    boss = people.admin()
    before = figures(DOCUMENTS, None, boss, UTC, now)
    reports = Report.objects.count()
    due(alice)
    erasures.erase_due()
    after = figures(DOCUMENTS, None, boss, UTC, now)
    assert (after.open, before.open) == (0, 1)
    # The document that waited has left the queue today, and is nobody's decision.
    assert [day.arrived for day in after.days] == [day.arrived for day in before.days]
    assert after.days[:-1] == before.days[:-1]
    assert after.people == before.people
    assert Report.objects.count() == reports
    document.refresh_from_db()
    assert (document.status, document.file.name, document.purged_at is None) == ("approved", "", False)


def test_a_legal_hold_refuses_an_erasure_and_says_whose_it_is() -> None:
    alice, boss = person(), people.admin()
    hold = holds.place_hold(boss, alice.pk, reason="Police request 12/2026")
    erasure = due(alice)
    assert erasures.erase_due() == 0
    erasure.refresh_from_db()
    assert f"A legal hold by {boss}" in erasure.waits_for
    holds.release_hold(boss, hold.pk, reason="Request withdrawn")
    assert erasures.erase_due() == 1


def test_an_open_case_is_evidence_until_it_is_decided() -> None:
    alice = person()
    make_case(people.bob(), "user", alice)
    due(alice)
    assert erasures.erase_due() == 0
    close_cases()
    assert erasures.erase_due() == 1
    assert not Appeal.objects.exists()


def test_links_alone_and_what_hosts_read_are_erased_too() -> None:
    alice, bob = people.alice(), people.bob()
    alice.profile.social_links = {"web": "https://secret.example.com"}
    alice.profile.save()
    join_event(alice, make_event(bob).pk, status="going")
    assert lines_with("alice is going to")
    due(alice)
    assert erasures.erase_due() == 1
    assert not lines_with("alice is going to")
    assert not lines_with("secret.example.com")


def test_an_erasure_is_carried_out_once() -> None:
    alice = person()
    erasure = due(alice)
    erasures.carry_out(erasure.pk)
    with pytest.raises(Conflict):
        erasures.carry_out(erasure.pk)


def test_an_older_backup_is_erased_again_before_it_serves() -> None:
    alice = person()
    erasure = due(alice)
    joined = alice.date_joined
    erasures.carry_out(erasure.pk)
    ledger.note_in_ledger(erasure_id=erasure.pk)
    # The older backup: the account as it was, and no erasure.
    Erasure.objects.all().delete()
    User.objects.filter(pk=alice.pk).update(username="alice", email="alice@example.com", is_active=True)
    assert reapply.reapply() == 1
    alice.refresh_from_db()
    assert (str(alice), alice.date_joined) == (f"erased#{alice.pk}", joined)
    assert reapply.reapply() == 0


def test_another_account_of_the_same_number_is_not_erased() -> None:
    alice = person()
    erasure = due(alice)
    erasures.carry_out(erasure.pk)
    ledger.note_in_ledger(erasure_id=erasure.pk)
    Erasure.objects.all().delete()
    User.objects.filter(pk=alice.pk).update(username="amy", date_joined=timezone.now())
    assert reapply.reapply() == 0


def test_audit_entries_of_an_erased_user_stay_unread() -> None:
    alice = person()
    holds.place_hold(people.admin(), alice.pk, reason="Police request 12/2026")
    Entry.objects.all()
    erasure = due(alice)
    erasures.carry_out(erasure.pk, though_kept=True)
    assert {entry.reason for entry in Entry.objects.filter(subject=alice)} <= {"", ERASED}


def personal_columns(model: Any) -> set[str]:
    """Columns that can hold what a user wrote or sent in, or says who they are."""
    kinds = (models.CharField, models.TextField, models.JSONField, models.GenericIPAddressField, models.BinaryField)
    return {
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, (*kinds, models.FileField)) and not field.choices and not field.is_relation
    }


NOT_PERSONAL = {
    "users.document": {"media_type"},
    "stories.story": {"media_type"},
    "chat.message": {"client_id"},
    "chat.room": {"name", "direct_key"},
    "decisions.decision": {"verb", "target_type", "reason"},
    "desk.reveal": {"target_type", "field"},
    "users.user": {
        "password",
        "username",
        "username_key",
        "username_skeleton",
        "email",
        "email_key",
        "phone",
        "language",
    },
    "privacy.erasure": {"reason", "waits_for", "counts"},
    "audit.personkey": {"key"},
    "audit.entry": {"verb", "target_type", "target_id", "detail", "request_id", "plain_address"},
    "tallies.tally": {"kind"},
}
"""Columns that name no user, or that `erasing.anonymise`, `erasures` and the key of the user take care of."""
OF_STAFF = {
    "desk.note",
    "desk.notice",
    "desk.savedfilter",
    "desk.messagetemplate",
    "desk.preference",
    "desk.goal",
    "desk.revealallowance",
    "tables.transfer",
    "users.blindcheck",
}
"""Of staff, whose record is kept, or emptied by `mentions`."""


OF_NOBODY = {"transparency", "upkeep"}
"""Apps whose rows name no user: hashes, and when something last went well."""


def test_every_personal_column_has_a_rule_for_erasing() -> None:
    missing = []
    for model in all_apps.get_models():
        label = model._meta.label_lower
        if (
            model._meta.proxy
            or not model.__module__.startswith("apps.")
            or label in OF_STAFF
            or "historical" in label
            or label.split(".")[0] in OF_NOBODY
        ):
            continue
        rules = RULES.get(label, ())
        if any(not hasattr(rule, "values") for rule in rules):
            continue
        covered = {name for rule in rules for name in getattr(rule, "values", ())}
        covered |= NOT_PERSONAL.get(label, set()) | {field.name for field in encrypted_fields(model)}
        missing += [f"{label}.{name}" for name in personal_columns(model) - covered]
    assert not missing, missing
