"""Reviewers of one kind of user: they decide documents of brands, and there are no others for them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from admin_dashboards.compliance.pages import picture_address
from apps.access import may
from apps.errors import Refused
from apps.review.claims import claim, colleagues
from apps.review.decisions.models import Decision
from apps.users.models import BlindCheck, Document, QualityShare, Role, User
from apps.users.staff.access_review import dangerous
from apps.users.staff.object_grants import row_permissions
from apps.users.verification.four_eyes import ask_second
from apps.users.verification.quality import decide_blind, quality
from apps.users.verification.review import override_decision, review_document
from apps.users.verification.viewing import record_view
from tests import people
from tests.console import console
from tests.factories import make_document
from tests.people import brand_reviewer
from tests.permissions.console_scene import addresses
from tests.refusals import refused

pytestmark = pytest.mark.django_db

CSV = "0"
ABOUT_DOCUMENTS = ("users_document_", "desk_compliance_", "/admin/users/document/")
# They lead to the page that is shut, whatever number is asked for.
LEADS_ON = {"desk_compliance_item_decide", "/admin/users/document/<path:object_id>/"}


@pytest.fixture
def documents() -> tuple[Document, Document]:
    """Of a brand and of an influencer, each with the same file."""
    acme = people.make_user("acme", verified=False, role=Role.BRAND)
    ivy = people.make_user("ivy_green", verified=False)
    return make_document(acme), make_document(ivy)


def decided_pair(officer: User) -> tuple[Document, Document]:
    """The same, decided and set aside to be judged once more."""
    QualityShare.objects.create(percent=100)
    pair = (
        make_document(people.make_user("decidedacme", verified=False, role=Role.BRAND)),
        make_document(people.make_user("decidedivy_green", verified=False)),
    )
    batch = uuid4()
    for each in pair:
        review_document(officer, each.pk, verdict="rejected", reason="expired", batch=batch)
    return pair


def test_no_address_opens_a_document_of_others(documents: tuple[Document, Document]) -> None:
    theirs, other = documents
    officer, brandy = people.compliance(), brand_reviewer()
    _mine, old = decided_pair(officer)
    client = console(brandy)
    before = list(Document.objects.order_by("id").values())
    version = other.history.latest().pk
    asked = 0
    for document in (other, old):
        check = BlindCheck.objects.filter(document=document).values_list("pk", flat=True).first() or 0
        rest = {"version_id": version, "page": 1, "token": "x", "check_id": check}
        for name, route in addresses().items():
            if not name.startswith(ABOUT_DOCUMENTS) or "<" not in route:
                continue
            numbers = {key: str(rest.get(key, document.pk)) for key in re.findall(r"<\w+:(\w+)>", route)}
            address = re.sub(r"<\w+:(\w+)>", lambda found, numbers=numbers: numbers[found[1]], route)
            for method in ("get", "post"):
                answer = getattr(client, method)(address, everything(document, "approved"))
                shut = {403, 404, 405} | ({302} if method == "get" and name in LEADS_ON else set())
                assert answer.status_code in shut, f"{method} {name}: {answer.status_code}"
                assert document.owner.username not in answer.content.decode()
                asked += 1
        assert client.get(picture_address(brandy, document, 1)).status_code == 404
    assert asked > 70
    assert list(Document.objects.order_by("id").values()) == before
    # Their own kind opens, at the same addresses.
    for page in ("change", "history", "page/1"):
        assert client.get(f"/admin/users/document/{theirs.pk}/{page}/").status_code == 200
    for page in ("", "state/"):
        assert client.get(f"/admin/compliance/{theirs.pk}/{page}").status_code == 200
    assert client.get(picture_address(brandy, theirs, 1)).status_code == 200


def everything(document: Document, verdict: str) -> dict[str, Any]:
    said = {"status": verdict, "verdict": verdict, "comment": "", "reason": "", "why": "because", "text": "because"}
    return said | {"seen_version": document.version, "version": document.version, "action": "claim"}


def test_no_list_names_them(documents: tuple[Document, Document]) -> None:
    theirs, other = documents
    _decided, old = decided_pair(people.compliance())
    client = console(brand_reviewer())
    table = "/admin/users/document/"
    queue = "/admin/compliance/"
    pages = [table, f"{table}?q=ivy_green", f"{table}?q={other.pk}", f"{table}?status__exact=pending", "/admin/"]
    pages += [f"{queue}?tab={tab}" for tab in ("waiting", "mine", "escalated", "snoozed", "decided")]
    pages += [
        f"{queue}?role=influencer",
        f"{queue}quality/",
        f"/admin/search/?s={other.pk}",
        "/admin/search/?s=ivy_green",
    ]
    pages += [f"{queue}{theirs.pk}/", f"{table}{theirs.pk}/change/"]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        found = re.sub(r"[?&]\w+=[^\"]*|value=\"[^\"]*\"", "", answer.content.decode())
        assert "ivy_green" not in found, page
        assert not re.search(rf"/(document|compliance)/({other.pk}|{old.pk})/", found), page
    assert "acme" in client.get(table).content.decode()
    assert "decidedacme" in client.get(f"{queue}?tab=decided").content.decode()
    figures = client.get(queue).context["figures"]
    assert (figures.open, figures.decided_today) == (1, 1)
    exported = client.post(f"{table}export/", {"format": CSV}).content.decode()
    assert "acme" in exported
    assert "ivy_green" not in exported
    assert "2 more that you have no permission to see." in client.get(f"{queue}{theirs.pk}/").content.decode()
    assert client.get(f"{queue}next/")["Location"] == f"{queue}{theirs.pk}/"


def test_actions_on_many_leave_them_out(documents: tuple[Document, Document]) -> None:
    theirs, other = documents
    officer, brandy = people.compliance(), brand_reviewer()
    decided, old = decided_pair(officer)
    client = console(brandy)
    both = {"item": [theirs.pk, other.pk], "action": "approve", f"version_{theirs.pk}": 1, f"version_{other.pk}": 1}
    page = client.post("/admin/compliance/bulk/", both | {"confirmed": "1"}).content.decode()
    assert "ivy_green" not in page
    theirs.refresh_from_db()
    other.refresh_from_db()
    assert (theirs.status, other.status) == ("approved", "pending")
    rejection = Decision.objects.get(target_id=old.pk)
    assert client.post("/admin/compliance/undo/", {"decision": rejection.pk}).status_code == 404
    page = client.post("/admin/compliance/undo/", {"batch": str(rejection.batch)}).content.decode()
    assert "decidedivy_green" not in page
    old.refresh_from_db()
    decided.refresh_from_db()
    assert (decided.status, old.status) == ("pending", "rejected")


def test_services_say_the_same(documents: tuple[Document, Document]) -> None:
    theirs, other = documents
    officer, brandy = people.compliance(), brand_reviewer()
    decided, old = decided_pair(officer)
    for action in (
        lambda: claim(brandy, Document, other.pk),
        lambda: review_document(brandy, other.pk, verdict="approved"),
        lambda: ask_second(brandy, other.pk, reason="odd"),
        lambda: record_view(brandy, other.pk),
        lambda: override_decision(brandy, old.pk, verdict="approved", why="odd"),
        lambda: decide_blind(brandy, BlindCheck.objects.get(document=old).pk, verdict="approved"),
    ):
        refused(Refused, "permission-missing", action)
    decide_blind(brandy, BlindCheck.objects.get(document=decided).pk, verdict="approved")
    assert brandy in colleagues("users.review_document", theirs)
    assert brandy not in colleagues("users.review_document", other)
    missing = may(brandy, "users.review_document", other)
    assert missing.sentence == "You need “Can review document”; you have “Can review documents of brands” only."


def test_figures_of_quality_are_of_their_kind() -> None:
    officer, brandy = people.compliance(), brand_reviewer("brandy", "view_quality")
    decided_pair(officer)
    boss = people.admin()
    for check in BlindCheck.objects.all():
        decide_blind(boss, check.pk, verdict="approved")
    assert [line.checked for line in quality(boss).by_officer] == [2]
    assert [line.checked for line in quality(brandy).by_officer] == [1]


def test_review_by_role_ends_with_the_membership(documents: tuple[Document, Document]) -> None:
    theirs, _other = documents
    brandy = brand_reviewer()
    brandy.group_memberships.update(ends_at=timezone.now() + timedelta(minutes=5))
    client = console(brandy)
    pages = ("/admin/compliance/", "/admin/users/document/", f"/admin/compliance/{theirs.pk}/")
    assert [client.get(page).status_code for page in pages] == [200] * 3
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1), tick=False):
        assert [client.get(page).status_code for page in pages] == [403] * 3
        assert brandy not in colleagues("users.review_document", theirs)


def test_access_managers_grant_review_by_role_with_its_explanation(
    documents: tuple[Document, Document],
) -> None:
    theirs, other = documents
    client = console(people.access())
    board = client.get("/admin/auth/group/add/").content.decode()
    for role in ("influencers", "entrepreneurs", "brands"):
        assert f"Can review documents of {role}" in board
    assert not row_permissions(Document).filter(codename="review_brand_document")
    brandy = brand_reviewer()
    permission = Permission.objects.get(codename="review_brand_document")
    team = Group.objects.get(name="Brand reviewers")
    shown = preview(client, f"/admin/auth/group/{team.pk}/change/", name=team.name, permissions=[])
    assert "Documents: Can review documents of brands" in shown
    assert "Desk › Verification" in shown
    for document, allowed in ((theirs, True), (other, False)):
        question = {"person": "brandy", "perm": "users.review_document", "row": document.pk}
        answer = client.get("/admin/access/explain/", question).content.decode()
        assert ("Through “Can review documents of brands”, which includes this one" in answer) == allowed
        assert ("Through the group “Brand reviewers”" in answer) == allowed
    assert dangerous({f"users.{permission.codename}", "users.change_user"})
    assert brandy.group_memberships.exists()


def preview(client: Client, page: str, **filled: Any) -> str:
    return client.post(page, filled | {"_preview": "1"}).content.decode()
