"""Lets what people and objects are follow from the decisions that stand.

Names in each decision about a case the object that it was about, and writes its suspensions down one by one. Somebody
whose suspension no decision explains keeps it as one given by hand; whom an undone decision left suspended is free.
Nobody's suspension begins or gets longer.
"""

from datetime import datetime

from django.db import migrations, transaction
from django.db.models import Max, Q
from django.utils import timezone

BATCH = 1000
LABELS = {"story": "stories.story", "event": "events.event", "message": "chat.message", "user": "users.user"}


def name_objects(apps, schema_editor):
    Case, Decision = apps.get_model("moderation", "Case"), apps.get_model("decisions", "Decision")
    last = 0
    while decisions := list(Decision.objects.filter(pk__gt=last, verb="case.settled").order_by("pk")[:BATCH]):
        last = decisions[-1].pk
        kinds = dict(
            Case.objects.filter(pk__in=[each.target_id for each in decisions]).values_list("pk", "kind")
        )
        targets = dict(Case.objects.filter(pk__in=kinds).values_list("pk", "target_id"))
        for decision in decisions:
            if decision.target_id in kinds:
                label = LABELS[kinds[decision.target_id]]
                decision.before["about"] = f"{label}:{targets[decision.target_id]}"
                if "removed" in decision.after.get("outcomes", []):
                    decision.before.setdefault("done", {})["removed"] = True
        Decision.objects.bulk_update(decisions, ["before"])


def write_suspensions_down(apps, schema_editor):
    Decision, Suspension = apps.get_model("decisions", "Decision"), apps.get_model("users", "Suspension")
    User = apps.get_model("users", "User")
    now = timezone.now()
    suspending = Decision.objects.filter(
        verb="case.settled", before__done__has_key="suspended", suspension__isnull=True
    )
    for decision in suspending.order_by("pk").iterator(BATCH):
        until = datetime.fromisoformat(decision.before["done"]["suspended"]["after"])
        if until > decision.made_at and decision.subject_id:
            Suspension.objects.create(
                person_id=decision.subject_id,
                decision=decision,
                until=until,
                given_at=decision.made_at,
                lifted_at=decision.undone_at,
            )
    concerned = Q(suspended_until__gt=now) | Q(pk__in=Suspension.objects.filter(_in_force(now)).values("person"))
    for person_id in User.objects.filter(concerned).values_list("pk", flat=True):
        with transaction.atomic():
            _bring_in_line(apps, User.objects.select_for_update(of=("self",)).get(pk=person_id), now)


def _in_force(now):
    return Q(lifted_at__isnull=True, until__gt=now)


def _bring_in_line(apps, person, now):
    """Make the longest of somebody's suspensions end when theirs does, or earlier; never later."""
    theirs = apps.get_model("users", "Suspension").objects.filter(person=person)
    end = person.suspended_until if person.suspended_until and person.suspended_until > now else None
    # Until now the latest decision counted, not the longest suspension: what it cut short is over.
    cut_short = Q() if end is None else Q(until__gt=end)
    theirs.filter(_in_force(now) & cut_short).update(lifted_at=now)
    if end is None:
        return
    if not theirs.filter(until=end).exists():
        theirs.create(person=person, until=end)
    last = theirs.filter(_in_force(now)).aggregate(last=Max("until"))["last"]
    if last != end:
        person.suspended_until = last
        apps.get_model("users", "User").objects.filter(pk=person.pk).update(suspended_until=last)
        _write_version(apps, person, reason="the decision that suspended them is undone")


def _write_version(apps, person, *, reason):
    """Add to the history of an end user, who is in no group and has no permission of their own."""
    Version = apps.get_model("users", "HistoricalUser")
    names = {field.attname for field in Version._meta.fields} & {field.attname for field in person._meta.fields}
    Version.objects.create(
        **{name: getattr(person, name) for name in names},
        history_date=timezone.now(),
        history_type="~",
        history_change_reason=reason,
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("moderation", "0007_latest_opened"),
        ("users", "0025_suspensions"),
        ("decisions", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(name_objects, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(write_suspensions_down, migrations.RunPython.noop, elidable=True),
    ]
