"""Lets what people and objects are follow from the decisions that stand.

Names in each decision about a case the object that it was about, and writes its suspensions down one by one. Somebody
whose suspension no decision explains keeps it as one given by hand; whom an undone decision left suspended is free.
"""

from datetime import datetime

from django.db import migrations, transaction
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
    for person_id in User.objects.filter(suspended_until__gt=now).values_list("pk", flat=True):
        with transaction.atomic():
            person = User.objects.select_for_update(of=("self",)).get(pk=person_id)
            theirs = Suspension.objects.filter(person=person)
            if not theirs.filter(until=person.suspended_until).exists():
                Suspension.objects.create(person=person, until=person.suspended_until)
            standing = theirs.filter(lifted_at__isnull=True, until__gt=now).order_by("-until").first()
            until = standing.until if standing else None
            if until != person.suspended_until:
                User.objects.filter(pk=person_id).update(suspended_until=until)


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
