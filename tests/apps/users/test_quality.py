"""Blind checks of decisions."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from guardian.shortcuts import assign_perm

from apps.errors import Absent, Conflict, Invalid, Refused
from apps.review.decisions.models import Decision
from apps.review.decisions.services import undo
from apps.users.models import BlindCheck, Document, Reason, User
from apps.users.verification.quality import Agreement, decide_blind, is_sampled, open_checks, quality
from apps.users.verification.review import review_document
from tests import people
from tests.console import console
from tests.factories import make_blind_check, make_document
from tests.people import officers
from tests.refusals import refused

pytestmark = pytest.mark.django_db


def test_the_share_is_drawn_and_stays_drawn() -> None:
    drawn = [is_sampled(number, 20) for number in range(2000)]
    assert 300 < sum(drawn) < 500
    assert drawn == [is_sampled(number, 20) for number in range(2000)]
    assert not any(is_sampled(number, 0) for number in range(100))
    assert all(is_sampled(number, 100) for number in range(100))


def test_documents_are_not_sampled_without_a_sampling_rate() -> None:
    document = make_document(people.newton())
    review_document(people.compliance(), document.pk, verdict="approved")
    assert not BlindCheck.objects.exists()


def test_a_blind_verdict_is_kept_and_changes_nothing() -> None:
    vera, omar = officers()
    check = make_blind_check(vera)
    before = Document.objects.values().get()
    decide_blind(omar, check.pk, verdict="rejected", reason="forged")
    assert Document.objects.values().get() == before
    assert User.objects.get(username="newton").identity_verified
    assert Decision.objects.count() == 1
    refused(Conflict, "already-checked", lambda: decide_blind(omar, check.pk, verdict="approved"))


def test_another_officer_decides_and_only_a_reviewer() -> None:
    vera, omar = officers()
    check = make_blind_check(vera)
    assert list(open_checks(omar)) == [check]
    assert not open_checks(vera)
    refused(Refused, "own-decision", lambda: decide_blind(vera, check.pk, verdict="approved"))
    refused(Refused, "permission-missing", lambda: decide_blind(people.community(), check.pk, verdict="approved"))
    refused(Absent, "not-found", lambda: decide_blind(omar, 0, verdict="approved"))
    for verdict, reason in (("pending", ""), ("rejected", ""), ("rejected", "odd"), ("approved", "forged")):
        refused(Invalid, "invalid", partial(decide_blind, omar, check.pk, verdict=verdict, reason=reason))
    with pytest.raises(IntegrityError), transaction.atomic():
        BlindCheck.objects.update(checked_by=vera, checked_at=check.document.created_at, verdict="approved")


def test_limited_reviewers_check_their_documents_alone() -> None:
    vera, _omar = officers()
    granted, other = make_blind_check(vera), make_blind_check(vera, name="another")
    helper = people.make_staff("helper")
    assign_perm("users.review_document", helper, granted.document)
    assert list(open_checks(helper)) == [granted]
    assert console(helper).get(f"/admin/compliance/quality/{other.pk}/").status_code == 404


def test_undone_decisions_are_not_sampled_for_quality() -> None:
    vera, omar = officers()
    make_blind_check(vera)
    undo(vera, Decision.objects.get().pk)
    assert not open_checks(omar)


def test_figures_of_all_for_those_who_may_see_them_and_one_s_own_for_the_rest() -> None:
    vera, omar = officers()
    decide_blind(omar, make_blind_check(vera).pk, verdict="approved")
    decide_blind(omar, make_blind_check(vera, "rejected", "forged", "second").pk, verdict="approved")
    decide_blind(vera, make_blind_check(omar, name="third").pk, verdict="approved")
    assert quality(vera).by_officer == [Agreement("vera", 2, 1, 1, 0)]
    assert quality(omar).by_officer == [Agreement("omar", 1, 1)]
    lead = people.make_staff("lead", "Compliance Officer")
    lead.user_permissions.add(Permission.objects.get(codename="view_quality"))
    seen = quality(User.objects.get(pk=lead.pk))
    assert seen.by_officer == [Agreement("omar", 1, 1), Agreement("vera", 2, 1, 1, 0)]
    assert seen.by_outcome == [Agreement("Approved", 2, 2), Agreement("Forged or altered", 1, 0, 1, 0)]
    assert seen.by_officer[1].percent == 50
    assert "omar" not in console(vera).get("/admin/compliance/quality/").content.decode()
    assert "omar" in console(lead).get("/admin/compliance/quality/").content.decode()


def test_agreement_is_a_plain_count_for_each_reason_and_each_officer() -> None:
    checked: list[tuple[str, str, str, str]] = []
    staff = dict(zip(("vera", "omar"), officers(), strict=True))
    draw = Random(7)
    outcomes = [("approved", ""), *(("rejected", reason) for reason in ("forged", "expired", "unreadable"))]
    for number in range(24):
        who, (verdict, reason) = draw.choice(("vera", "omar")), draw.choice(outcomes)
        second, why = draw.choice(outcomes)
        check = make_blind_check(staff[who], verdict, reason, f"owner{number}")
        decide_blind(staff["omar" if who == "vera" else "vera"], check.pk, verdict=second, reason=why)
        checked.append((who, reason, second, why))
    seen = quality(people.admin())
    rows = {line.name: line for line in (*seen.by_officer, *seen.by_outcome)}
    for name, mine in (
        *((who, [row for row in checked if row[0] == who]) for who in ("omar", "vera")),
        *(
            (str(Reason(reason).label), [row for row in checked if row[1] == reason])
            for _verdict, reason in outcomes[1:]
        ),
        ("Approved", [row for row in checked if not row[1]]),
    ):
        line = rows.pop(name)
        assert line.checked == len(mine)
        assert line.agreed == sum((row[2] == "rejected") == bool(row[1]) for row in mine)
        assert line.reasoned == sum(bool(row[1]) for row in mine)
        assert line.same_reason == sum(bool(row[1]) and row[3] == row[1] for row in mine)
    assert not rows
    expired = [row for row in checked if row[1] == "expired"]
    page = console(User.objects.get(username="admin")).get("/admin/compliance/quality/").content.decode()
    assert f"<td>{sum(row[3] == 'expired' for row in expired)} of {len(expired)}</td>" in page


def test_the_page_does_not_say_what_was_decided() -> None:
    vera, omar = officers()
    check = make_blind_check(vera, "rejected", "forged")
    client, address = console(omar), f"/admin/compliance/quality/{check.pk}/"
    page = client.get(address).content.decode()
    main = page[page.index("desk-grid") :]
    for text in ("vera", "Rejected", "Approved", "checked"):
        assert text not in main, text
    assert f"/admin/users/document/{check.document_id}/picture/" in main
    assert client.post(address, {"verdict": "rejected"}).status_code == 422
    assert client.post(address, {"verdict": "rejected", "reason": "forged"})["Location"] == "/admin/compliance/quality/"
    assert client.get(address).status_code == 404
    assert console(vera).get(address).status_code == 404
