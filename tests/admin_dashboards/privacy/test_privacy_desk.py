"""The privacy desk, and what others see of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.privacy import retention
from apps.privacy.erasures import erase_due
from apps.privacy.models import Erasure, Kept, LegalHold, RetentionPeriod
from apps.users.models import Document
from apps.users.verification.review import review_document
from tests import people
from tests.console import console
from tests.factories import make_document

pytestmark = pytest.mark.django_db
DESK = "/admin/privacy/"
REASON = "Request 12 of 2026"


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_an_erasure_is_scheduled_cancelled_and_certified() -> None:
    people.alice()
    desk = console(people.admin())
    wrong = desk.post(DESK, {"action": "order", "person": "alicia", "reason": REASON})
    assert (wrong.status_code, "No user has this user name" in text_of(wrong)) == (404, True)
    assert 'value="alicia"' in text_of(wrong), "what was typed stays"
    assert desk.post(DESK, {"action": "order", "person": "alice", "reason": REASON}).status_code == 302
    again = desk.post(DESK, {"action": "order", "person": "alice", "reason": REASON})
    assert (again.status_code, "scheduled already" in text_of(again)) == (409, True)
    erasure = Erasure.objects.get()
    assert desk.post(DESK, {"action": "cancel", "id": erasure.pk}).status_code == 302
    desk.post(DESK, {"action": "order", "person": "alice", "reason": REASON})
    Erasure.objects.scheduled().update(due_at=timezone.now())
    assert erase_due() == 1
    done = Erasure.objects.get(status="done")
    certificate = desk.get(f"{DESK}certificate/{done.pk}/")
    assert certificate.json()["reference"] == str(done.reference)
    assert "alice" not in certificate.content.decode()
    desk.get(DESK)  # says once what was done
    assert "alice" not in text_of(desk.get(DESK))


def test_a_legal_hold_shows_who_and_why_and_is_released() -> None:
    document = make_document(people.alice())
    review_document(people.compliance(), document.pk, verdict="approved")
    desk = console(people.admin())
    desk.post(f"{DESK}holds/", {"action": "place", "person": "alice", "reason": "Police request 12/2026"})
    page = text_of(desk.get(f"{DESK}holds/"))
    assert "Police request 12/2026" in page
    assert "by admin" in page
    assert "Legal hold since" in text_of(desk.get(f"/admin/compliance/{document.pk}/"))
    hold = LegalHold.objects.get()
    short = desk.post(f"{DESK}holds/", {"action": "release", "id": hold.pk, "reason": "x"})
    assert short.status_code == 422
    assert (
        desk.post(f"{DESK}holds/", {"action": "release", "id": hold.pk, "reason": "Withdrawn by court"}).status_code
        == 302
    )
    hold.refresh_from_db()
    assert not hold.is_in_force


def test_a_period_is_changed_with_history_and_shown_on_the_document() -> None:
    document = make_document(people.alice())
    review_document(people.compliance(), document.pk, verdict="approved")
    desk = console(people.admin())
    sent = {"action": "set", "kind": Kept.IDENTITY_APPROVED, "days": "30", "version": "0"}
    assert desk.post(f"{DESK}retention/", sent).status_code == 302
    assert desk.post(f"{DESK}retention/", sent | {"days": "40"}).status_code == 409, "changed since the page was opened"
    assert desk.post(f"{DESK}retention/", sent | {"days": "-3"}).status_code in (409, 422)
    assert RetentionPeriod.history.count() == 1
    assert "30 days after the decision" in text_of(desk.get(f"/admin/compliance/{document.pk}/"))


def test_due_files_are_purged_unless_a_hold_keeps_them() -> None:
    alice = people.alice()
    document = make_document(alice)
    review_document(people.compliance(), document.pk, verdict="approved")
    Document.objects.filter(pk=document.pk).update(decided_at=timezone.now() - timedelta(days=200))
    boss = people.admin()
    hold = LegalHold.objects.create(person=alice, reason=REASON, placed_by=boss)
    assert not retention.purge_due()[Kept.IDENTITY_APPROVED]
    LegalHold.objects.filter(pk=hold.pk).update(released_at=timezone.now(), released_by=boss)
    assert retention.purge_due()[Kept.IDENTITY_APPROVED] == 1
    assert not retention.purge_due()[Kept.IDENTITY_APPROVED]
    document.refresh_from_db()
    assert (document.file.name, document.status) == ("", "approved")
    page = text_of(console(boss).get(f"/admin/compliance/{document.pk}/"))
    assert "The file was purged on" in page


def test_access_managers_and_support_see_and_change_nothing() -> None:
    alice = people.alice()
    console(people.admin()).post(DESK, {"action": "order", "person": "alice", "reason": REASON})
    access, support = console(people.access()), console(people.support())
    assert "alice" in text_of(support.get(DESK))
    assert "Erasure and legal holds" in text_of(support.get(f"/admin/support/{alice.pk}/"))
    for client in (access, support):
        assert client.post(DESK, {"action": "cancel", "id": 1}).status_code == 403
        assert f'href="{DESK}"' not in text_of(client.get("/admin/preferences/")), "no entry in the menu"
