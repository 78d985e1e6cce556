"""What people reported, open and closed, and what staff did about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apps.audit.actions import Action
from apps.chat.models import Message
from apps.events.models import Event
from apps.moderation.cases import DECIDED_FIELDS
from apps.moderation.content import content_of
from apps.moderation.models import Appeal, Case, ContentSnapshot, Report
from apps.moderation.priority import update_open_scores
from apps.moderation.retention import is_needed
from apps.moderation.strikes import give_strike
from apps.notifications.models import Kind
from apps.review.decisions.in_force import key_of
from apps.review.decisions.models import UNDO_WINDOW, Decision
from apps.review.decisions.services import snapshot_of
from apps.stories.models import Story
from apps.users.models import Suspension, User
from demo import texts
from demo.accounts import TRIO
from demo.scenario import Scenario, change, create

Reason, Outcome = Report.Reason, Report.Outcome
Target = Story | Event | Message | User


def file_reports(scenario: Scenario, events: list[Event], stories: list[Story], messages: list[Message]) -> None:
    rude = next(message for message in messages if message.text == texts.RUDE)
    spam = next(message for message in messages if message.text == texts.SPAM)
    active = [story for story in stories if story.audience == Story.Audience.PUBLIC]
    shy = [user for user in scenario.verified if user.username not in TRIO][20:30]
    fake = shy[0]

    resolve(scenario, Outcome.REMOVED, report(scenario, active[6], (Reason.NUDITY, Reason.VIOLENCE), hours=5))
    resolve(scenario, Outcome.REMOVED, report(scenario, spam, (Reason.SPAM,), hours=9))
    fraud = resolve(
        scenario, Outcome.REMOVED, report(scenario, events[5], (Reason.FRAUD, Reason.FRAUD), hours=180), "admin"
    )
    appeal(scenario, fraud, "The money went back to everyone on the same day. Please look again.", hours=11)
    resolve(scenario, Outcome.EDITED, report(scenario, events[20], (Reason.HARASSMENT,), hours=60))
    resolve(scenario, Outcome.KEPT, report(scenario, events[16], (Reason.SPAM,), hours=80))
    resolve(scenario, Outcome.WARNED, report(scenario, shy[1], (Reason.HARASSMENT,), hours=100))
    resolve(scenario, Outcome.SUSPENDED, report(scenario, shy[2], (Reason.FRAUD, Reason.FRAUD, Reason.SPAM), hours=30))

    report(
        scenario,
        active[2],
        (Reason.VIOLENCE, Reason.NUDITY, Reason.OTHER),
        hours=1,
        note="There is a knife in the picture.",
    )
    report(scenario, active[5], (Reason.SPAM,), hours=4)
    [asked, *_more] = report(
        scenario,
        events[14],
        (Reason.FRAUD, Reason.FRAUD),
        hours=3,
        note="They ask for the ticket money by bank transfer.",
    )
    # The host has taken it out since; what was reported stays to be seen.
    for snapshot in ContentSnapshot.objects.filter(case=asked.case_id):
        snapshot.text["description"] = f"{events[14].description} Tickets by bank transfer only, to the host."
        snapshot.save(update_fields=["text"])
    report(scenario, events[21], (Reason.OTHER,), hours=26, note="The place in the invitation does not exist.")
    # Only who can read a message can report it: the other one in the room.
    report(scenario, rude, (Reason.HARASSMENT,), hours=1.5, note="He has been writing like this for days.")
    report(scenario, fake, (Reason.FRAUD, Reason.OTHER), hours=7, note="Pretends to be a singer that I know.")
    report(scenario, shy[3], (Reason.HARASSMENT,), hours=20)
    update_open_scores()


def report(
    scenario: Scenario, target: Target, reasons: tuple[str, ...], *, hours: float, note: str = ""
) -> list[Report]:
    """One report a reason, each by another reporter, the first of them that long ago."""
    author = _author(target)
    if isinstance(target, Message):
        members = target.room.memberships.exclude(user=author).select_related("user")
        reporters = [membership.user for membership in members]
    else:
        reporters = [user for user in scenario.random.sample(scenario.verified, 8) if user.pk != author.pk]
    about = {"kind": str(target._meta.model_name), "target_id": target.pk, "author": author}
    opened = Case(**about, opened_at=scenario.ago(hours=hours))
    [case] = create([opened], by=lambda _: reporters[0], at=lambda case: case.opened_at, action=Action.CASE_OPENED)
    ContentSnapshot.objects.create(case=case, text=content_of(case.kind).snapshot(target), taken_at=case.opened_at)
    reports = [
        Report(
            **about,
            reporter=reporter,
            case=case,
            reason=reason,
            note=note if place == len(reasons) - 1 else "",
            created_at=scenario.ago(hours=hours * (1 - 0.1 * place)),
        )
        for place, (reporter, reason) in enumerate(zip(reporters, reasons, strict=False))
    ]
    if isinstance(target, Story):
        target.held = True
        change(
            [target],
            ["held"],
            by=lambda _: reports[0].reporter,
            at=lambda _: reports[0].created_at,
            action=Action.STORY_HELD,
        )
    return create(
        reports, by=lambda report: report.reporter, at=lambda report: report.created_at, action=Action.REPORTED
    )


def _author(target: Target) -> User:
    content = content_of(str(target._meta.model_name))
    return target if isinstance(target, User) else getattr(target, content.author_field)


def appeal(scenario: Scenario, decision: Decision, text: str, *, hours: float) -> None:
    """The author appeals, that long ago."""
    assert decision.subject is not None
    made = Appeal(
        decision=decision,
        case_id=decision.target_id,
        author=decision.subject,
        decider=decision.actor,
        text=text,
        created_at=scenario.ago(hours=hours),
    )
    create([made], by=lambda appeal: appeal.author, at=lambda appeal: appeal.created_at, action=Action.APPEALED)


def resolve(scenario: Scenario, outcome: str, reports: list[Report], by: str = "community") -> Decision:
    moderator = scenario[by]
    at = reports[-1].created_at + timedelta(minutes=25)
    for report in reports:
        report.resolve(outcome, moderator)
        report.closed_at = at
        scenario.notify(report.reporter, Kind.REPORT_CLOSED, at, about=report, outcome=outcome)
    case = reports[0].case
    assert case is not None
    before = snapshot_of(case, DECIDED_FIELDS)
    case.resolve([outcome], moderator)
    case.closed_at = at
    change(
        reports,
        ["status", "outcome", "closed_by", "closed_at"],
        by=lambda _: moderator,
        at=lambda _: at,
        action=Action.CASE_RESOLVED,
    )
    change([case], DECIDED_FIELDS, by=lambda _: moderator, at=lambda _: at, action=Action.CASE_RESOLVED)
    done = _carry_out(scenario, reports[0], moderator)
    about = key_of(content_of(case.kind).model, case.target_id)
    decision = Decision.objects.create(
        verb="case.settled",
        actor=moderator,
        target_type=case._meta.label_lower,
        target_id=case.pk,
        subject=case.author,
        reason=reports[0].reason,
        before=before | {"about": about, "done": done, "reports": [report.pk for report in reports]},
        after=snapshot_of(case, DECIDED_FIELDS),
        made_at=at,
        told_at=at + UNDO_WINDOW,
    )
    give_strike(moderator, case, decision, [outcome])
    if "suspended" in done:
        until = datetime.fromisoformat(done["suspended"]["after"])
        given = Suspension(person=case.author, decision=decision, given_at=at, until=until)
        create([given], by=lambda _: moderator, at=lambda _: at, action=Action.SUSPENDED)
    story = Story.objects.filter(pk=case.target_id).first() if case.kind == Report.Kind.STORY else None
    if story is not None and not is_needed(case.kind, story.pk):
        story.held = False
        change([story], ["held"], by=lambda _: moderator, at=lambda _: at, action=Action.STORY_HOLD_RELEASED)
    return decision


def _carry_out(scenario: Scenario, report: Report, moderator: User) -> dict[str, Any]:
    """Do what was decided. What was done, as undoing it needs it."""
    at, author = report.closed_at or scenario.now, report.author
    model = {"story": Story, "event": Event, "message": Message, "user": User}[report.kind]
    target = model._default_manager.get(pk=report.target_id)

    def write(*fields: str, action: Action, note: str) -> None:
        change([target], fields, by=lambda _: moderator, at=lambda _: at, action=action, note=note)

    target_name = str(target._meta.verbose_name)
    match report.outcome:
        case Outcome.REMOVED:
            assert isinstance(target, Story | Event | Message)
            target.remove(moderator, f"{report.get_reason_display()}, reported")
            target.removed_at = at
            write(
                "removed_at",
                "removed_by",
                "removal_reason",
                action=Action(f"{report.kind}.removed"),
                note=target.removal_reason,
            )
            scenario.notify(author, Kind.CONTENT_REMOVED, at, about=target, thing=target_name)
            return {"removed": True, "removed_at": at.isoformat()}
        case Outcome.EDITED:
            assert isinstance(target, Event)
            before = {"description": target.description}
            target.description = target.description.split(".")[0] + "."
            write("description", action=Action.EVENT_EDITED, note="insults taken out")
            scenario.notify(author, Kind.CONTENT_EDITED, at, about=target, thing=target_name)
            return {"words": {"before": before, "after": {"description": target.description}}}
        case Outcome.WARNED:
            scenario.notify(author, Kind.WARNING, at, thing=report.get_kind_display().lower())
        case Outcome.SUSPENDED:
            assert isinstance(target, User)
            target.suspended_until = until = scenario.now + timedelta(days=6)
            write("suspended_until", action=Action.SUSPENDED, note="fraud, reported by several people")
            scenario.notify(author, Kind.SUSPENDED, at, until=until.isoformat(), reason="Fraud.")
            return {"suspended": {"after": until.isoformat()}}
    return {}
