"""Who may act on an item of a queue: every action of every queue, against each user who may not, at its address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.moderation.appeals import appeal, rule_on_appeal
from apps.moderation.cases import resolve_case
from apps.moderation.models import Appeal, Case, Report
from apps.moderation.queues import APPEALS, CASES
from apps.moderation.reporting import report
from apps.review.claims import claim
from apps.review.conflicts import conflict_of, conflicts, without_conflicts
from apps.review.decisions.models import Decision
from apps.review.queue import ReviewQueue, waiting
from apps.users.models import Document, User
from apps.users.verification.queue import DOCUMENTS
from apps.users.verification.review import review_document
from apps.users.verification.upload import send_document
from tests import people
from tests.console import console, undrawn_errors, undrawn_pages
from tests.drawn import png, upload
from tests.factories import make_story
from tests.jobs import run_jobs
from tests.undoing import undone

pytestmark = pytest.mark.django_db

QUEUES = {"documents": DOCUMENTS, "cases": CASES, "appeals": APPEALS}
ADDRESSES = {
    "documents": "/admin/compliance/",
    "cases": "/admin/moderation/",
    "appeals": "/admin/moderation/appeals/",
}
DECISIONS = {
    "documents": {"verdict": "approved"},
    "cases": {"outcome": "kept"},
    "appeals": {"ruling": "uphold", "text": "It breaks the rules."},
}
ACTIONS: dict[str, dict[str, str]] = {
    "claim": {"action": "claim"},
    "renew": {"action": "renew"},
    "release": {"action": "release"},
    "assign": {"action": "assign", "to": "colleague"},
    "take over": {"action": "take_over", "reason": "The owner is on the phone."},
    "snooze": {"action": "snooze", "hours": "1"},
    "escalate": {"action": "escalate", "reason": "A lawyer should see this."},
}
ROLES = {
    "documents": ("owner", "first approver"),
    "cases": ("owner", "reporter"),
    "appeals": ("owner", "decider"),
}
"""The conflicts of interest of each queue."""


def team(name: str) -> User:
    return people.make_staff(name, "Compliance Officer", "Community Manager")


class Scene:
    """An item of one queue, with a member of staff who stands to it as `role` says."""

    def __init__(self, queue: str, role: str) -> None:
        self.queue: ReviewQueue = QUEUES[queue]
        self.actor, self.colleague = team("actor"), team("colleague")
        self.item = getattr(self, f"_{queue}")(role)
        if role == "other holder":
            claim(self.colleague, self.queue.model, self.item.pk)
        if role == "decided item":
            self._decide(queue)
        self.item.refresh_from_db()
        self.client = console(self.actor)
        self.client.get("/admin/jsi18n/")  # The console's session begins here, outside of what is undone.
        self.address = f"{ADDRESSES[queue]}{self.item.pk}/"

    def _documents(self, role: str) -> Document:
        document = send_document(people.newton(), upload(png()), doc_type="identity")
        if role == "owner":
            Document.objects.filter(pk=document.pk).update(owner=self.actor)
        if role == "first approver":
            Document.objects.filter(pk=document.pk).update(needs_second=True)
            review_document(self.actor, document.pk, verdict="approved")
        return document

    def _cases(self, role: str) -> Case:
        author = people.alice()
        reported = report(people.bob(), kind="story", target_id=make_story(author).pk, reason="spam")
        assert reported.case is not None
        if role == "owner":
            Case.objects.filter(pk=reported.case.pk).update(author=self.actor)
        if role == "reporter":
            Report.objects.filter(pk=reported.pk).update(reporter=self.actor)
        return reported.case

    def _appeals(self, role: str) -> Appeal:
        case = self._cases("")
        resolve_case(self.actor if role == "decider" else team("decider"), case.pk, outcomes=["removed"])
        run_jobs(later=timedelta(seconds=10))
        made = appeal(case.author, Decision.objects.get().pk, text="It is art.")
        if role == "owner":
            Appeal.objects.filter(pk=made.pk).update(author=self.actor)
        return made

    def _decide(self, queue: str) -> None:
        match queue:
            case "documents":
                review_document(self.colleague, self.item.pk, verdict="approved")
            case "cases":
                resolve_case(self.colleague, self.item.pk, outcomes=["kept"])
            case "appeals":
                rule_on_appeal(self.colleague, self.item.pk, overturn=False, text="It breaks the rules.")

    def post(self, page: str, data: dict[str, str]) -> int:
        data = {name: str(self.colleague.pk) if value == "colleague" else value for name, value in data.items()}
        return int(self.client.post(f"{self.address}{page}/", data).status_code)

    def state(self) -> dict[str, Any]:
        """All that an action could have changed."""
        viewed = {"pages", "letters_missing"}  # found out when its page is opened
        fields = self.queue.model._meta.concrete_fields
        names = [field.attname for field in fields if field.name not in viewed]
        return self.queue.model._default_manager.values(*names).get(pk=self.item.pk)


CONFLICTS = [(queue, role) for queue, roles in ROLES.items() for role in roles]
ELSEWHERE = [(queue, role) for queue in QUEUES for role in ("other holder", "decided item")]


@pytest.mark.parametrize(("queue", "role"), CONFLICTS)
@undrawn_pages()
@undrawn_errors()
def test_a_conflict_of_interest_refuses_every_action_with_403(queue: str, role: str) -> None:
    scene = Scene(queue, role)
    before = scene.state()
    for action in (*ACTIONS, "decide"):
        with undone():
            assert act(scene, queue, action) == 403, action
            assert scene.state() == before, action


@pytest.mark.parametrize(("queue", "role"), ELSEWHERE)
@undrawn_pages()
@undrawn_errors()
def test_decided_and_claimed_items_refuse_every_action_with_409(queue: str, role: str) -> None:
    scene = Scene(queue, role)
    before = scene.state()
    for action in (*ACTIONS, "decide"):
        with undone():
            if action == "take over" and role == "other holder":
                assert act(scene, queue, action) == 302
                assert scene.state()["claimed_by_id"] == scene.actor.pk
            else:
                assert act(scene, queue, action) == 409, action
                assert scene.state() == before, action


@pytest.mark.parametrize("queue", QUEUES)
def test_a_free_item_takes_every_action(queue: str) -> None:
    scene = Scene(queue, "")
    for action in (*ACTIONS, "decide"):
        with undone():
            assert act(scene, queue, action) in (204, 302), action


@pytest.mark.parametrize(("queue", "role"), CONFLICTS)
def test_queues_offer_no_item_with_a_conflict_of_interest(queue: str, role: str) -> None:
    scene = Scene(queue, role)
    rows = scene.queue.model._default_manager.all()
    assert waiting(scene.queue, rows, scene.actor, timezone.now()).exists()
    page = scene.client.get(f"{ADDRESSES[queue]}next/")
    assert (page.status_code, page.headers["Location"]) == (302, ADDRESSES[queue])


@pytest.mark.parametrize(("queue", "role"), [*CONFLICTS, *((queue, "") for queue in QUEUES)])
def test_the_rule_for_a_query_agrees_with_the_rule_for_an_item(queue: str, role: str) -> None:
    scene = Scene(queue, role)
    for user in (scene.actor, scene.colleague, people.make_staff("outsider", "Compliance Officer")):
        for rule in conflicts(scene.queue.model):
            found = scene.queue.model._default_manager.filter(rule.rows(user), pk=scene.item.pk)
            assert found.exists() == rule.applies(scene.item, user), rule.code
        offered = without_conflicts(user, scene.queue.model._default_manager.all()).exists()
        assert offered == (conflict_of(user, scene.item) is None)


def act(scene: Scene, queue: str, action: str) -> int:
    sent: Callable[[], int] = (
        (lambda: scene.post("decide", DECISIONS[queue] | {"version": str(scene.item.version)}))
        if action == "decide"
        else (lambda: scene.post("action", ACTIONS[action]))
    )
    return sent()
