"""An outcome is one class: a made-up one goes through the desk, the API, undo, strikes and notices as the others do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from apps.moderation.actions.base import ModerationAction, Params, StrikeRule
from apps.moderation.actions.registry import by_severity, most_severe, registered
from apps.moderation.models import Case, Strike
from apps.moderation.notices import Notice
from apps.moderation.reporting import report
from apps.notifications.models import Kind, Notification
from apps.review.decisions.models import Decision
from apps.review.decisions.services import undo
from apps.stories.models import Story
from apps.users.models import User
from tests import people
from tests.client import api
from tests.console import console
from tests.factories import make_story
from tests.jobs import run_jobs

pytestmark = pytest.mark.django_db

UNDO_WINDOW = timedelta(seconds=10)


class Mute(ModerationAction):
    """Takes the caption of a story away."""

    code, label, choice = "muted", "Muted", "Mute the caption"
    severity = 2
    position = 4
    strike = StrikeRule(points=3, valid_for=timedelta(days=30))

    def why_impossible(self, kind: str) -> str:
        return "" if kind == "story" else "Only stories can be muted."

    def permission(self, kind: str) -> str:
        return "stories.delete_story"

    def apply(self, actor: User, case: Case, params: Params) -> dict[str, Any]:
        story = Story.objects.get(pk=case.target_id)
        Story.objects.filter(pk=story.pk).update(caption="")
        return {"caption": story.caption}

    def revert(self, actor: User, case: Case, decision: Decision, *, note: str) -> None:
        Story.objects.filter(pk=case.target_id).update(caption=decision.before["done"]["caption"])

    def author_notice(self, case: Case, target: Any, *, text: str, done: Mapping[str, Any]) -> Notice:
        return Notice(Kind.WARNING, {"thing": case.kind, "text": text})


@pytest.fixture
def mute() -> Iterator[None]:
    with registered(Mute):
        yield


@pytest.fixture
def case() -> Case:
    made = report(people.bob(), kind="story", target_id=make_story(people.alice(), "Rude").pk, reason="harassment")
    assert made.case is not None
    return made.case


def decide(by: User, case: Case, **sent: Any) -> Any:
    return console(by).post(f"/admin/moderation/{case.pk}/decide/", {"outcome": "muted", "version": 1} | sent)


def notices_of(username: str) -> list[tuple[str, str]]:
    return list(Notification.objects.filter(recipient__username=username).order_by("id").values_list("kind", "text"))


@pytest.mark.usefixtures("mute")
class TestMadeUpOutcome:
    def test_the_desk_offers_and_previews_it_by_its_permission(self, case: Case) -> None:
        able, unable = people.community(), people.make_staff("clerk")
        unable.user_permissions.set(people.permission_ids("settle_report"))
        page = console(able).get(f"/admin/moderation/{case.pk}/").text
        assert "Mute the caption" in page
        preview = console(able).get(f"/admin/moderation/{case.pk}/preview/", {"outcome": "muted", "text": "Be kind."})
        assert "Be kind." in preview.text
        assert "Mute the caption" not in console(unable).get(f"/admin/moderation/{case.pk}/").text
        refused = decide(unable, case)
        assert refused.status_code == 403
        assert "Can delete story" in refused.text
        assert Story.objects.get().caption == "Rude"

    def test_registered_outcomes_are_carried_out_with_strike_notice_and_answer(self, case: Case) -> None:
        assert decide(people.community(), case, text="Be kind.").status_code == 302
        assert Story.objects.get().caption == ""
        assert Strike.objects.get().points == 3
        run_jobs(later=UNDO_WINDOW)
        [(kind, text)] = notices_of("alice")
        assert (kind, "Be kind." in text) == (Kind.WARNING, True)
        [answer] = api(User.objects.get(username="bob")).get("/reports").json()["results"]
        assert (answer["status"], answer["outcome"]) == ("closed", "muted")
        page = console(people.make_staff("later", "Community Manager")).get(f"/admin/moderation/{case.pk}/").text
        assert "Muted by community" in page

    def test_undoing_reverts_it_and_notifies_the_author(self, case: Case) -> None:
        officer = people.community()
        decide(officer, case)
        run_jobs(later=UNDO_WINDOW)
        undo(officer, Decision.objects.get().pk, reason="it was irony")
        assert Story.objects.get().caption == "Rude"
        assert Strike.objects.get().lifted_at is not None
        assert [kind for kind, _text in notices_of("alice")] == [Kind.WARNING, Kind.DECISION_UNDONE]
        case.refresh_from_db()
        assert case.status == "open"

    def test_impossible_outcomes_are_refused(self) -> None:
        made = report(people.bob(), kind="user", target_id=people.alice().pk, reason="harassment")
        assert made.case is not None
        page = decide(people.community(), made.case)
        assert page.status_code == 422
        assert "Only stories can be muted." in page.text


def test_the_most_severe_outcome_is_the_one_that_reporters_read_of() -> None:
    assert [action.code for action in by_severity()] == ["suspended", "removed", "edited", "warned", "kept"]
    assert most_severe(["warned", "removed"]) == "removed"


def test_an_outcome_is_registered_once() -> None:
    with registered(Mute), pytest.raises(ValueError, match="muted"), registered(Mute):
        pass
