"""The explanation of a target agrees with what the API does, what the console shows, and what `may` answers.

One question is one viewer and one target in one drawn state of the data. `VISIBILITY_SITUATIONS` sets how many are
asked at first: 500 in the suite, and up to three times as many again until all that may fail has been mended.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.access import may
from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.chat.models import Membership
from apps.connections.models import Connection
from apps.support.explain_visibility import CheckOutcomes, evaluate_checks, evaluate_listing
from apps.support.targets import TARGETS
from apps.users.models import Block, Role, User
from tests import people
from tests.apps.support.situations import Eyes, Situation, build, delivery_of, situations
from tests.console import console

pytestmark = pytest.mark.django_db
SITUATIONS = int(os.environ.get("VISIBILITY_SITUATIONS", "500"))
# Four of five viewers, each asked about nineteen targets: what costs is making the state.
VIEWERS, IN_ONE_STATE = 4, 76
MENDABLE = {
    "signed_in", "standing", "verified", "direction", "unblocked", "kept", "kept_by_author", "lasting", "active",
    "audience", "member", "recipient", "client",
}  # fmt: skip
"""All that may fail, but for there being nothing."""
ANSWERS = {(kind, seen) for kind in TARGETS for seen in (True, False)}
MENDED_OFTEN = max(2, SITUATIONS // 1000)
ROUNDS = 4
CONSOLE_TABLES = {"story": "stories/story", "event": "events/event", "message": "chat/message"}
drawn = settings(
    max_examples=-(-SITUATIONS // IN_ONE_STATE),
    deadline=None,
    # Making a failing state smaller would take minutes; the assertion names the question as it is.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _swift(settings: Any) -> Iterator[None]:
    """Thousands of calls in a minute, of which no log is kept."""
    settings.LIMITS_SCALE = 1e6
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def failed(verdict: CheckOutcomes) -> list[str]:
    return [code for code, passed in verdict if not passed]


def _evaluated(viewer: User, kind: str, target_id: int) -> CheckOutcomes:
    return evaluate_checks(viewer.pk, kind, [target_id])[target_id]


@pytest.mark.timeout(300 + SITUATIONS // 10)
def test_explanations_agree_with_the_api_and_the_console_and_change_once_mended() -> None:
    desk, asked, mended = console(people.support()), 0, Counter[tuple[str, str]]()
    answered: set[tuple[str, bool]] = set()
    desk.get("/admin/")

    @drawn
    @given(situations(), st.randoms(use_true_random=False))
    def agree(plan: dict[str, Any], chance: Any) -> None:
        nonlocal asked
        with transaction.atomic():
            made = build(plan)
            viewers = chance.sample([*made.people, made.staff], VIEWERS)
            pairs = list(made.pairs(viewers))
            asked += len(pairs)
            barred = _api_agrees(made, viewers, pairs)
            unseen = {pair for pair, _code in barred}
            answered.update((pair[1], pair not in unseen) for pair in pairs)
            _console_agrees(desk, made, chance.sample(pairs, 1))
            if chance.random() < 0.5:
                _grants_agree(made, chance)
            # Of all that failed first, of every kind, one each, until it has been mended often enough.
            for failure, pair in {(pair[1], code): pair for pair, code in barred}.items():
                if mended[failure] < MENDED_OFTEN:
                    mended.update(_mending_helps(*pair))
            transaction.set_rollback(True)

    for _round in range(ROUNDS):
        agree()
        if {code for _kind, code in mended} == MENDABLE and answered == ANSWERS:
            break
    assert asked >= SITUATIONS
    assert answered == ANSWERS
    assert {code for _kind, code in mended} == MENDABLE


def _api_agrees(
    made: Situation, viewers: list[User], pairs: list[tuple[User, str, int]]
) -> list[tuple[tuple[User, str, int], str]]:
    """Ask both about everything; returns what is not seen, with what failed first."""
    eyes = {viewer.pk: Eyes(viewer) for viewer in viewers}
    barred = []
    numbers = {kind: [target_id for of, target_id in made.targets if of == kind] for kind in TARGETS}
    asked = [(viewer, kind) for viewer in viewers for kind in TARGETS]
    explained = {(viewer.pk, kind): evaluate_checks(viewer.pk, kind, numbers[kind]) for viewer, kind in asked}
    lists = {(viewer.pk, kind): evaluate_listing(viewer.pk, kind, numbers[kind]) for viewer, kind in asked}
    delivered = {(viewer.pk, kind): delivery_of(viewer, kind, numbers[kind]) for viewer, kind in asked}
    for viewer, kind, target_id in pairs:
        verdict, seen = explained[viewer.pk, kind][target_id], eyes[viewer.pk].opens(kind, target_id)
        assert (not failed(verdict)) == seen, (viewer, kind, target_id, verdict)
        listed = seen and not failed(lists[viewer.pk, kind][target_id])
        assert listed == eyes[viewer.pk].lists(kind, target_id), (viewer, kind, target_id)
        _delivery_agrees(eyes[viewer.pk], kind, target_id, *delivered[viewer.pk, kind][target_id])
        if not seen:
            barred.append(((viewer, kind, target_id), failed(verdict)[0]))
    return barred


def _delivery_agrees(eyes: Eyes, kind: str, target_id: int, notified: bool | None, was_read: bool | None) -> None:
    """Viewers were notified of what their notifications name, and have read it where they have read one of those."""
    eyes.lists("notification", 0)
    if not eyes.hears:
        return
    read = eyes.notified.get(("user" if kind == "profile" else kind, target_id))
    assert was_read == read, (kind, target_id, notified)
    if read is None:
        assert not notified


def _console_agrees(desk: Client, made: Situation, pairs: list[tuple[User, str, int]]) -> None:
    """What support reads is what was evaluated; of staff accounts it reads nothing."""
    for viewer, kind, target_id in pairs:
        answer = desk.get(f"/admin/support/{viewer.pk}/why/{kind}/{target_id}/")
        if viewer == made.staff:
            assert answer.status_code == 404
            continue
        page = answer.content.decode()
        seen = not failed(_evaluated(viewer, kind, target_id))
        assert (f"{viewer.username} sees {TARGETS[kind].name} #{target_id}." in page) == seen
        assert (f"{viewer.username} does not see {TARGETS[kind].name} #{target_id}:" in page) == (not seen)


def _grants_agree(made: Situation, chance: Any) -> None:
    """Staff open exactly those rows of the console that `may` allows them something on."""
    client = console(made.staff)
    for kind, table in CONSOLE_TABLES.items():
        row = chance.choice(made.made[kind])
        app_label, model = table.split("/")
        allowed = [bool(may(made.staff, f"{app_label}.{verb}_{model}", row)) for verb in ("view", "change", "delete")]
        answer = client.get(f"/admin/{table}/{row.pk}/change/")
        assert (answer.status_code == 200) == any(allowed), (kind, allowed, answer.status_code)


def _mending_helps(viewer: User, kind: str, target_id: int) -> set[tuple[str, str]]:
    """Mend what failed first, then what fails first then, until it is seen; each time the answer is another one."""
    before, mended = failed(_evaluated(viewer, kind, target_id)), set()
    with transaction.atomic():
        while before and _mend(before[0], User.objects.get(pk=viewer.pk), kind, target_id):
            after = failed(_evaluated(viewer, kind, target_id))
            assert before[0] not in after, (viewer, kind, target_id, before)
            assert set(after) < set(before)
            mended.add((kind, before[0]))
            before = after
        assert (not before) == Eyes(User.objects.get(pk=viewer.pk)).opens(kind, target_id)
        assert not before or before[0] == "exists"
        transaction.set_rollback(True)
    return mended


def _mend(code: str, viewer: User, kind: str, target_id: int) -> bool:
    """Do what the failed check asks for, where that can be done."""
    row: Any = TARGETS[kind].model._default_manager.filter(pk=target_id).first()
    owner = getattr(row, "author", None) or getattr(row, "host", None) or row
    changes: dict[str, tuple[Any, dict[str, Any]]] = {
        "signed_in": (viewer, {"is_active": True, "is_staff": False, "role": Role.BRAND}),
        "standing": (viewer, {"suspended_until": None}),
        "verified": (viewer, {"identity_verified": True}),
        "kept": (row, {"removed_at": None}),
        "kept_by_author": (row, {"deleted_at": None}),
        "lasting": (row, {"expires_at": timezone.now() + timedelta(hours=1)}),
        "audience": (row, {"audience": "public"}),
        "active": (owner, {"is_active": True}),
        "recipient": (row, {"recipient": viewer}),
        "direction": (row, {"receiver": viewer}),
        "client": (row, {"is_staff": False, "role": Role.BRAND}),
    }
    if code == "unblocked":
        for block in Block.objects.all():
            delete_as(None, block, action=Action.RECORDED)
    elif code == "member":
        save_as(None, Membership(room=row.room, user=viewer), action=Action.RECORDED)
    elif code in changes:
        if code == "direction":  # the two may have asked each other already
            Connection.objects.between(viewer.pk, row.sender_id).delete()
        changed, fields = changes[code]
        changed.refresh_from_db()
        for name, value in fields.items():
            setattr(changed, name, value)
        save_as(None, changed, action=Action.RECORDED)
    return code != "exists"
