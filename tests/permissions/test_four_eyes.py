"""What two people approve is never approved by one: at no address of the console, by no method, and not by the API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from redis import Redis

from apps.review.decisions.models import Decision
from apps.users.models import BlindCheck, Document, QualityShare, ReviewRule, Role, User
from apps.users.verification.review import review_document
from tests import people
from tests.client import Api, api
from tests.console import console, undrawn_errors, undrawn_pages
from tests.factories import make_document
from tests.permissions.api_table import TABLE as OPERATIONS
from tests.permissions.console_scene import addresses
from tests.permissions.console_table import FOR_ALL, SIGNING_OUT

pytestmark = pytest.mark.django_db

OF_DOCUMENTS = ("users_document_", "desk_compliance")
ACTIONS = ("approve", "claim", "approved")
BROKEN = """
    SELECT EXISTS (SELECT FROM users_document WHERE status = 'approved')
        OR EXISTS (SELECT FROM users_user WHERE NOT is_staff AND is_verified)
"""


class Scene:
    """Three documents that two have to approve: one pending after a first approval, one before it, one rejected."""

    def __init__(self, first: User, other: User) -> None:
        ReviewRule.objects.create()
        QualityShare.objects.create(percent=100)
        owner = people.make_user("acme", verified=False, role=Role.BRAND)
        self.pending = make_document(owner, doc_type="business", pages=1)
        self.before = make_document(owner, pages=1)
        self.rejected = make_document(people.make_user("ivy", verified=False), pages=1)
        review_document(first, self.pending.pk, verdict="approved")
        review_document(other, self.rejected.pk, verdict="rejected", reason="expired")
        self.owner = owner
        self.check = BlindCheck.objects.get().pk
        self.documents = [Document.objects.get(pk=each.pk) for each in (self.pending, self.before, self.rejected)]
        self.versions = {each.pk: each.history.latest().pk for each in self.documents}
        decision = Decision.objects.order_by("id").first()
        assert decision is not None
        self.decision = decision.pk

    @staticmethod
    def is_broken() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(BROKEN)
            return bool(cursor.fetchone()[0])


def sent(scene: Scene, document: Document, action: str) -> dict[str, Any]:
    """All by which any form, action, import or frame could approve."""
    key, version = document.pk, document.version
    said: dict[str, Any] = dict.fromkeys(("status", "verdict", "form-0-status", "outcome", "value"), "approved")
    said |= dict.fromkeys(("is_verified", "identity_verified", "active", "_save", "_continue", "confirmed"), "on")
    said |= dict.fromkeys(("version", "seen_version", f"version_{key}"), version)
    said |= dict.fromkeys(("id", "object_id", "document", "_selected_action", "item", "form-0-id"), key)
    said |= {"comment": "", "reason": "", "text": "Fine.", "why": "Looked again.", "action": action}
    said |= {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "decision": scene.decision, "resource": "0", "format": "0"}
    return said | {"select_across": "1", "history_id": scene.versions[document.pk]}


def asked(scene: Scene, *, everything: bool) -> Iterator[tuple[str, str, Document]]:
    """Addresses by name, filled in for the pending document: all of documents, or everything, for each document."""
    for name, route in addresses().items():
        if name == SIGNING_OUT or name in FOR_ALL:
            continue
        about = name.startswith(OF_DOCUMENTS)
        if not (about or everything):
            continue
        for document in scene.documents if everything and about and "<" in route else scene.documents[:1]:
            numbers = {"check_id": scene.check, "page": 1, "version_id": scene.versions[document.pk]}

            def filled(found: Any, numbers: dict[str, int] = numbers, document: Document = document) -> str:
                return str(numbers.get(found[1], document.pk))

            yield name, re.sub(r"<\w+:(\w+)>", filled, route), document


def approving(scene: Scene, client: Client, *, everything: bool = False) -> set[str]:
    """The addresses at which what was sent made a document approved or gave a user the badge."""
    client.get("/admin/jsi18n/")  # The console's session begins here, outside of what is taken back.
    found = set()
    for name, address, document in asked(scene, everything=everything):
        about = name.startswith(OF_DOCUMENTS)
        tries = [("post", action) for action in (ACTIONS if name.endswith(("action", "bulk")) else ACTIONS[:1])]
        if everything and about and document == scene.pending:
            tries += [(method, "approve") for method in ("get", "put", "patch", "delete")]
        for method, action in tries:
            with transaction.atomic():  # Each finds what was there at first.
                body = sent(scene, document, action)
                if "import" in name and method == "post":
                    rows = f"id,status\n{document.pk},approved\n".encode()
                    body["import_file"] = SimpleUploadedFile("rows.csv", rows, "text/csv")
                if method in ("put", "patch", "delete"):
                    answer = getattr(client, method)(address, body, content_type="application/json")
                else:
                    answer = getattr(client, method)(address, body)
                assert answer.status_code < 500, f"{method} {name}"
                if scene.is_broken():
                    found.add(name)
                transaction.set_rollback(True)
    return found


@pytest.fixture(autouse=True)
def _undrawn() -> Iterator[None]:
    with undrawn_pages(), undrawn_errors():
        yield


@pytest.fixture
def omar() -> User:
    return people.make_staff("omar", "Compliance Officer")


def test_a_superuser_does_not_confirm_their_own_approval_at_any_address(omar: User) -> None:
    boss = people.admin()
    assert approving(Scene(boss, omar), console(boss), everything=True) == set()


def test_an_officer_does_neither_but_another_does_where_decisions_are_made(omar: User) -> None:
    vera = people.compliance()
    vera.user_permissions.set(Permission.objects.filter(content_type__model="document"))
    scene = Scene(vera, omar)
    assert approving(scene, console(vera)) == set()
    assert approving(scene, console(people.community())) == set()
    # The very same, sent by another officer, confirms it: so it is well formed, and no other address takes it.
    assert approving(scene, console(omar)) == {
        "users_document_change", "desk_compliance_item_decide", "desk_compliance_bulk",
    }  # fmt: skip


def test_no_call_of_the_api_approves(omar: User, broker: Redis) -> None:
    vera = people.compliance()
    scene = Scene(vera, omar)
    said = sent(scene, scene.pending, "approve")
    own, staff = api(scene.owner), api(vera)
    for row in OPERATIONS:
        path = re.sub(r"\{\w+\}", str(scene.pending.pk), row.path)
        for client, opens in ((own, True), (staff, False)):
            with transaction.atomic():
                status = _call(client, row.method, path, (row.body or {}) | said)
                assert not scene.is_broken(), f"{row.method} {path}"
                assert opens or row.access == "public" or status in (401, 403), f"{row.method} {path}: {status}"
                transaction.set_rollback(True)
        broker.flushdb()  # The limits are of no interest here.


def _call(client: Api, method: str, path: str, body: dict[str, Any]) -> int:
    if method == "GET":
        return int(client.get(path).status_code)
    return int(getattr(client, method.lower())(path, body).status_code)
