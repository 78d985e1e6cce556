"""A day's work for moderators: what waits for them in every kind, and what they and others decided these two weeks."""

from __future__ import annotations

from apps.chat.models import Message
from apps.events.models import Event
from apps.moderation.models import Appeal, Case, Report
from apps.moderation.priority import update_open_scores
from apps.stories.models import Story
from apps.users.models import User
from demo import texts, work_texts
from demo.accounts import TRIO
from demo.reports import appeal, report, resolve
from demo.scenario import Scenario
from demo.teamwork import assign, claim, escalate, note, snooze

Reason, Outcome = Report.Reason, Report.Outcome
SPAM, HARASSMENT, NUDITY, VIOLENCE, FRAUD, OTHER = Reason
LOOKED_BACK = 13
"""Days of closed cases."""
# None of those of the accounts that people try out.
# Which of the public stories, why they were reported, how many hours ago, and what was written with the last report.
STORIES: tuple[tuple[int, tuple[str, ...], float, str], ...] = (
    (3, (SPAM,), 0.15, ""),
    (8, (VIOLENCE, VIOLENCE, NUDITY, OTHER), 0.5, "You can see where it was filmed, this is my neighbour's yard."),
    (4, (NUDITY, NUDITY), 2.6, ""),
    (9, (HARASSMENT, OTHER), 8.5, "It makes fun of a waiter who did not agree to be filmed."),
    (12, (FRAUD, SPAM, FRAUD), 15, ""),
    (18, (SPAM,), 27, ""),
    (19, (VIOLENCE, HARASSMENT), 33, ""),
)
EVENTS: tuple[tuple[int, tuple[str, ...], float, str], ...] = (
    (10, (HARASSMENT,), 2, ""),
    (13, (SPAM, SPAM), 12, ""),
    (17, (FRAUD, FRAUD, FRAUD, OTHER), 5.5, "The hall says that no one has booked it for that evening."),
    (24, (OTHER,), 46, "The address is a private flat. Do they know?"),
    (12, (VIOLENCE,), 1.1, ""),
)
PEOPLE: tuple[tuple[int, tuple[str, ...], float, str], ...] = (
    (5, (FRAUD, FRAUD, HARASSMENT, SPAM, OTHER), 3.2, "Took an advance from three of us and does not answer."),
    (6, (SPAM,), 0.3, ""),
    (7, (HARASSMENT, HARASSMENT), 14, ""),
    (8, (OTHER,), 52, "Uses the pictures of another creator."),
    (9, (SPAM, FRAUD), 38, ""),
)
MODERATORS = ("community", "maya.lund", "community", "admin")


def work(scenario: Scenario, events: list[Event], stories: list[Story], messages: list[Message]) -> None:
    people = [user for user in scenario.verified if user.username not in TRIO][30:]
    assert len(people) > 14
    public = [story for story in stories if story.audience == Story.Audience.PUBLIC]
    unkind = [next(message for message in messages if message.text == text) for text in work_texts.UNKIND]
    _look_back(scenario, people[10:], messages)
    _appeals(scenario, events, public[7], unkind[1], people)
    for place, reasons, hours, text in STORIES:
        report(scenario, public[place], reasons, hours=hours, note=text)
    for place, reasons, hours, text in EVENTS:
        report(scenario, events[place], reasons, hours=hours, note=text)
    for place, reasons, hours, text in PEOPLE:
        report(scenario, people[place], reasons, hours=hours, note=text)
    for message, why in zip((unkind[0], *unkind[2:]), (VIOLENCE, FRAUD, FRAUD, HARASSMENT), strict=True):
        report(scenario, message, (why,), hours=_age(scenario, message) * 0.9)
    update_open_scores()
    _share_out(scenario)


def _look_back(scenario: Scenario, people: list[User], messages: list[Message]) -> None:
    """Closed cases of the last days, by all moderators; most of them kept as they were."""
    known = {*work_texts.UNKIND, texts.RUDE, texts.SPAM}
    plain = [message for message in messages if message.text not in known and _is_between_two(message)]
    lately = [message for message in plain if 9 < _age(scenario, message) < 24 * LOOKED_BACK]
    for place, message in enumerate(lately[:: max(1, len(lately) // 14)]):
        by = MODERATORS[place % len(MODERATORS)]
        resolve(scenario, Outcome.KEPT, report(scenario, message, (SPAM,), hours=_age(scenario, message) * 0.95), by)
    for day in range(LOOKED_BACK, 0, -1):
        person, by = people[day % len(people)], MODERATORS[day % len(MODERATORS)]
        reasons = (HARASSMENT, SPAM) if day % 3 == 0 else (SPAM,)
        outcome = Outcome.WARNED if day % 5 == 0 else Outcome.KEPT
        resolve(scenario, outcome, report(scenario, person, reasons, hours=24 * day + 5 + day % 3), by)


def _is_between_two(message: Message) -> bool:
    return message.room.direct_key is not None


def _appeals(scenario: Scenario, events: list[Event], story: Story, message: Message, people: list[User]) -> None:
    """Against decisions of colleagues, so that the community manager can rule on them."""
    decided = (
        ("story", story, Outcome.REMOVED, (VIOLENCE, VIOLENCE), 6, "maya.lund", 3.0),
        ("message", message, Outcome.REMOVED, (HARASSMENT,), 20, "maya.lund", 9.0),
        ("user", people[0], Outcome.WARNED, (HARASSMENT, SPAM), 75, "admin", 60.0),
        ("suspended", people[1], Outcome.SUSPENDED, (FRAUD, SPAM), 32, "admin", 26.0),
        ("event", events[3], Outcome.REMOVED, (FRAUD, OTHER), 120, "maya.lund", 0.4),
    )
    for name, target, outcome, reasons, hours, by, appealed in decided:
        text = "The tickets were never sent." if OTHER in reasons else ""
        decision = resolve(scenario, outcome, report(scenario, target, reasons, hours=hours, note=text), by)
        appeal(scenario, decision, work_texts.APPEALS[name], hours=appealed)


def _share_out(scenario: Scenario) -> None:
    """Who works on what, and what they write to each other about it."""
    cases = list(Case.objects.open().select_related("author").order_by("-priority_score", "opened_at", "id"))

    def since(case: Case) -> float:
        """Hours, so that it lies within the time that the case has been open."""
        return (scenario.now - case.opened_at).total_seconds() / 3600 * 0.4

    claim(scenario, cases[3], "admin")
    escalate(scenario, cases[1], "community", "admin", work_texts.ESCALATED, hours=since(cases[1]))
    escalate(scenario, cases[8], "maya.lund", "admin", work_texts.NOTES["known"], hours=since(cases[8]))
    assign(scenario, cases[4], "admin", "community", hours=since(cases[4]))
    assign(scenario, cases[10], "maya.lund", "community", hours=since(cases[10]))
    assign(scenario, cases[12], "community", "admin", hours=since(cases[12]))
    snooze(scenario, cases[6], until_hours=5)
    snooze(scenario, cases[13], until_hours=21)
    note(scenario, cases[6], "community", work_texts.NOTES["ticket"], hours=since(cases[6]))
    for kind, by, text in ((Report.Kind.MESSAGE, "community", "threat"), (Report.Kind.STORY, "admin", "kitchen")):
        first = next(case for case in cases if case.kind == kind)
        note(scenario, first, by, work_texts.NOTES[text], hours=since(first))
    oldest, *_rest = Appeal.objects.open().order_by("created_at", "id")
    note(scenario, oldest, "admin", "I gave the warning. @community please look at the invoice in the chat.", hours=50)


def _age(scenario: Scenario, message: Message) -> float:
    """Hours since it was sent."""
    return (scenario.now - message.sent_at).total_seconds() / 3600
