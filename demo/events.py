"""Events past, going on and to come, and who takes part."""

from __future__ import annotations

from datetime import timedelta

from apps.audit.actions import Action
from apps.events.models import DEFAULT_LENGTH, Event, Participation
from apps.notifications.models import Kind
from apps.users.models import User
from demo import texts
from demo.accounts import TRIO
from demo.scenario import Scenario, change, create

Status = Participation.Status

# Hours from now at which events begin; one of four hours that began less than four hours ago goes on.
BEGINS = (
    -900, -700, -510, -400, -290, -200, -130, -75, -50, -26, -3, -2.5, -1.5, -0.5,
    4, 9, 28, 50, 55, 75, 100, 150, 200, 290, 400, 520, 700, 1000,
)  # fmt: skip
FULL, CANCELLED, NO_GUESTS = 15, 18, 27


def host(scenario: Scenario) -> list[Event]:
    """All events, in the order in which they begin."""
    hosts = [scenario[name] for name in TRIO] + scenario.random.sample(scenario.verified[3:], 12)
    events = []
    for place, hours in enumerate(BEGINS):
        title, location, about = texts.EVENTS[place % len(texts.EVENTS)]
        date = (scenario.now + timedelta(hours=hours)).replace(minute=0 if hours > 3 else scenario.now.minute, second=0)
        events.append(
            Event(
                host=hosts[(place * 4) % len(hosts)],
                title=title if place < len(texts.EVENTS) else f"{title} #{place // len(texts.EVENTS) + 1}",
                description=about,
                date=date,
                ends_at=date + (timedelta(hours=2) if place % 5 == 4 and hours > 0 else DEFAULT_LENGTH),
                location=location,
                capacity=(20, 80, None)[place % 3],
                created_at=min(date, scenario.now) - timedelta(days=12, hours=place),
            )
        )
    chosen = {id(event): _guests(scenario, event) for event in events}
    events[FULL].capacity = sum(status == Status.GOING for _, status in chosen[id(events[FULL])])
    chosen[id(events[NO_GUESTS])] = []
    by_date = create(
        events, by=lambda event: event.host, at=lambda event: event.created_at, action=Action.EVENT_CREATED
    )
    _join(scenario, [(event, chosen[id(event)]) for event in by_date])

    cancelled = events[CANCELLED]
    cancelled.cancel()
    at = scenario.ago(hours=20)
    change([cancelled], ["status"], by=lambda event: event.host, at=lambda _: at, action=Action.EVENT_CANCELLED)
    for guest, _ in chosen[id(cancelled)]:
        scenario.notify(guest, Kind.EVENT_CANCELLED, at, about=cancelled, event=cancelled.title)
    return events


def _guests(scenario: Scenario, event: Event) -> list[tuple[User, str]]:
    others = [user for user in scenario.verified if user.pk != event.host_id]
    trio = [scenario[name] for name in TRIO if scenario[name].pk != event.host_id]
    guests = list(dict.fromkeys([*trio, *scenario.random.sample(others, scenario.random.randint(4, 16))]))
    statuses = [status.value for status in (Status.GOING, Status.INTERESTED, Status.INVITED)]
    return [(guest, scenario.random.choices(statuses, (60, 25, 15))[0]) for guest in guests]


def _join(scenario: Scenario, guests: list[tuple[Event, list[tuple[User, str]]]]) -> None:
    participations = []
    for event, people in guests:
        latest = min(event.date, scenario.now)
        for guest, status in people:
            since = event.created_at + (latest - event.created_at) * scenario.random.random()
            participations.append(Participation(event=event, user=guest, status=status, created_at=since))
    invited = [p for p in participations if p.status == Status.INVITED]
    joined = [p for p in participations if p.status != Status.INVITED]
    create(invited, by=lambda p: p.event.host, at=lambda p: p.created_at, action=Action.GUEST_INVITED)
    create(joined, by=lambda p: p.user, at=lambda p: p.created_at, action=Action.GUEST_GOING)
    for p in invited:
        names = {"person": p.event.host.username, "event": p.event.title}
        scenario.notify(p.user, Kind.EVENT_INVITATION, p.created_at, about=p.event, **names)
    for p in joined:
        names = {"person": p.user.username, "event": p.event.title, "status": p.status}
        scenario.notify(p.event.host, Kind.EVENT_JOINED, p.created_at, about=p.event, **names)
