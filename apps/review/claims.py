"""Working on a queue: claim, hand over, take over, snooze, escalate; notes, reveals, filters, preferences."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import holders, may, require
from apps.audit.history import save_as
from apps.audit.models import Verb
from apps.audit.services import record
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.review.models import REVEAL_LASTS, Note, Notice, Preference, Reveal, RevealAllowance, SavedFilter, Workable
from apps.review.notices import mentioned_in, notify_staff
from apps.review.shortcuts import checked
from apps.review.time_zones import time_zones

if TYPE_CHECKING:
    from apps.users.models import User

MOST_COLLEAGUES = 200
# Characters.
MOST_REASON = 500
LEAST_REASON = 10
LEAST_SIGNS = 3
"""Different letters and digits in a reason."""
MOST_NOTE = 2000
MOST_FILTERS = 50
"""Saved filters of one person."""
RATION = 30
RATION_OF = timedelta(days=1)
LONGEST_AWAY = timedelta(days=366)


def work_permission(model: type[models.Model]) -> str:
    """The permission that working on a queue of `model` needs; the model names it as `WORK_PERMISSION`."""
    return str(model.WORK_PERMISSION)  # type: ignore[attr-defined]


def colleagues(perm: str, item: models.Model | None = None) -> list[User]:
    """The staff who hold `perm` on all rows, or on a share that `item` is in, by name. Who is away comes last."""
    staff = holders(perm, item, superusers=True).select_related("desk_preference").order_by("username")
    return sorted(staff[:MOST_COLLEAGUES], key=is_away)


def is_away(person: User) -> bool:
    preference: Preference | None = getattr(person, "desk_preference", None)
    return preference is not None and preference.is_away


@transaction.atomic
def claim[W: Workable](actor: User, model: type[W], item_id: int) -> W:
    """Take an item, or renew one's claim. Raises `Conflict` where somebody else holds it."""
    item = _locked(actor, model, item_id)
    fresh = item.claim_holder() is None
    item.claim(actor)
    _save_work(item)
    if fresh:
        record(actor, Verb.CLAIMED, item)
    return item


@transaction.atomic
def release[W: Workable](actor: User, model: type[W], item_id: int) -> W:
    """Give an item back. Nothing happens where one does not hold it."""
    item = _locked(actor, model, item_id)
    if item.claimed_by_id == actor.pk:
        item.release()
        _save_work(item)
        record(actor, Verb.RELEASED, item)
    return item


@transaction.atomic
def hand_over[W: Workable](actor: User, model: type[W], item_id: int, *, to: User) -> W:
    """Give an item that one holds, or that nobody holds, to a named person who may work on it."""
    item = _locked(actor, model, item_id)
    holder = item.claim_holder()
    if holder is not None and holder.pk != actor.pk:
        raise Conflict(
            "claimed",
            _("Claimed by %(name)s. Take it over with a reason, or choose another item.") % {"name": holder.username},
        )
    if not may(to, work_permission(model), item) or item.not_for(to) is not None:
        raise Invalid(
            "may-not-work-on-it",
            _("%(name)s has no permission to decide this. Choose another colleague.") % {"name": to.username},
            field="to",
        )
    if is_away(to):
        raise Invalid("away", _("%(name)s is away. Choose another colleague.") % {"name": to.username}, field="to")
    item.release()
    item.assigned_to = to
    _save_work(item)
    record(actor, Verb.RELEASED, item, to=to.pk)
    notify_staff(actor, Notice.Kind.ASSIGNED, item, [to])
    return item


@transaction.atomic
def take_over[W: Workable](actor: User, model: type[W], item_id: int, *, reason: str) -> W:
    """Take an item from whoever holds it. The reason is kept, and they see it at once."""
    reason = _text(reason, "reason", MOST_REASON, _("Enter a reason for taking over."))
    item = _locked(actor, model, item_id)
    holder = item.claim_holder()
    item.release()
    item.claim(actor)
    _save_work(item)
    record(actor, Verb.CLAIMED, item, reason=reason, taken_from=holder.pk if holder else None)
    return item


@transaction.atomic
def snooze[W: Workable](actor: User, model: type[W], item_id: int, *, until: datetime) -> W:
    """Put an item out of the queue until a time."""
    if until <= timezone.now():
        raise Invalid("past", _("Choose a time in the future."), field="until")
    item = _held(actor, model, item_id)
    item.snoozed_until = until
    item.release()
    _save_work(item)
    record(actor, Verb.RELEASED, item, snoozed_until=until.isoformat())
    return item


@transaction.atomic
def escalate[W: Workable](actor: User, model: type[W], item_id: int, *, reason: str) -> W:
    """Pass an item up: it leaves the ordinary queue, with the reason as a note, for a colleague.

    Given to whoever of those who are there has the fewest; to nobody where there is no other.
    """
    reason = _text(reason, "reason", MOST_REASON, _("Enter a reason for escalating."))
    item = _held(actor, model, item_id)
    if item.escalated_at is not None:
        raise Conflict("already-escalated", _("Already escalated. Add a note instead."))
    item.escalated_at = timezone.now()
    item.release()
    item.assigned_to = _least_busy(actor, model, item)
    save_as(actor, item, reason=reason)
    Note.objects.create(target_type=item._meta.label_lower, target_id=item.pk, author=actor, text=reason)
    record(actor, Verb.ESCALATED, item, reason=reason)
    if item.assigned_to is not None:
        notify_staff(actor, Notice.Kind.ESCALATED, item, [item.assigned_to], text=reason)
    return item


def _least_busy[W: Workable](actor: User, model: type[W], item: W) -> User | None:
    others = (person for person in colleagues(work_permission(model), item) if person.pk != actor.pk)
    there = [person for person in others if not is_away(person)]
    there = [person for person in there if may(person, work_permission(model), item) and not item.not_for(person)]
    rows = model._default_manager.filter(assigned_to__in=there).values("assigned_to")
    given = dict(rows.annotate(n=models.Count("pk")).values_list("assigned_to", "n"))
    return min(there, key=lambda person: (given.get(person.pk, 0), person.username), default=None)


@transaction.atomic
def add_note(actor: User, target: models.Model, *, text: str) -> Note:
    """An internal note, for staff who may see the item. Those whom it mentions as @name are notified."""
    label = target._meta
    is_work = isinstance(target, Workable)
    perm = work_permission(type(target)) if is_work else f"{label.app_label}.view_{label.model_name}"
    require(actor, perm, target)
    text = _text(text, "text", MOST_NOTE, _("Enter a text first."))
    notify_staff(actor, Notice.Kind.MENTIONED, target, mentioned_in(text, target, perm), text=text)
    return Note.objects.create(target_type=label.label_lower, target_id=target.pk, author=actor, text=text)


@transaction.atomic
def reveal(actor: User, target: models.Model, field: str, *, subject: User, reason: str, counts: bool = True) -> Reveal:
    """Show one masked field to one member of staff for ten minutes. Kept, counted, and told to the person.

    Needs the permission `reveal_<model>` on the thing. `counts`: towards the ration of the day, see `require_ration`.
    """
    label = target._meta
    require(actor, f"{label.app_label}.reveal_{label.model_name}", target)
    reason = sensible_reason(reason, _("Enter a reason for revealing this."))
    if counts:
        require_ration(actor)
    shown = Reveal.objects.create(
        staff=actor,
        target_type=label.label_lower,
        target_id=target.pk,
        field=field,
        subject=subject,
        reason=reason,
        until=timezone.now() + REVEAL_LASTS,
        counts=counts,
    )
    record(actor, Verb.REVEALED, target, reason=reason, subject=subject, field=field)
    return shown


def sensible_reason(reason: str, missing: str) -> str:
    """A reason why personal data is looked at, of which others can make sense. Raises `Invalid`, with `missing` for
    none."""
    reason = _text(reason, "reason", MOST_REASON, missing)
    if len(reason) < LEAST_REASON or len({sign.casefold() for sign in reason if sign.isalnum()}) < LEAST_SIGNS:
        said = _("Give a reason of at least %(n)d characters that others understand.") % {"n": LEAST_REASON}
        raise Invalid("too-short", said, field="reason")
    return reason


def reveals_today(user: User) -> int:
    """How often `user` has revealed something in the last 24 hours."""
    return Reveal.objects.filter(staff=user, counts=True, created_at__gt=timezone.now() - RATION_OF).count()


def ration_of(user: User) -> int:
    """How often they may in 24 hours: `RATION`, and as often again for each time that somebody allowed it."""
    allowed = RevealAllowance.objects.filter(staff=user, created_at__gt=timezone.now() - RATION_OF)
    return RATION * (1 + allowed.count())


def require_ration(user: User) -> None:
    """Raise `Conflict` where the ration is used up; of two at once, one is counted after the other."""
    get_user_model()._default_manager.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    if reveals_today(user) >= (ration := ration_of(user)):
        raise Conflict(
            "ration-used-up",
            _("You have revealed %(n)d fields within a day. An access manager can allow you more.") % {"n": ration},
        )


def is_revealed(viewer: User, target: models.Model, field: str) -> bool:
    """Whether `viewer` has revealed the field, and still may look."""
    return (
        Reveal.objects.open_to(viewer)
        .filter(target_type=target._meta.label_lower, target_id=target.pk, field=field)
        .exists()
    )


@transaction.atomic
def save_filter(owner: User, *, place: str, name: str, query: str, shared: bool = False) -> SavedFilter:
    """Keep a filter under a name; the same name again replaces it. Raises `Conflict` beyond `MOST_FILTERS`."""
    name = _text(name, "name", 60, _("Give the filter a name."))
    if len(query) > 1000:
        raise Invalid("too-long", _("This filter is too long to keep."), field="query")
    theirs = SavedFilter.objects.filter(owner=owner)
    if theirs.count() >= MOST_FILTERS and not theirs.filter(place=place, name=name).exists():
        raise Conflict("too-many", _("You keep %(n)d filters already. Delete one first.") % {"n": MOST_FILTERS})
    kept, _created = SavedFilter.objects.update_or_create(
        owner=owner, place=place, name=name, defaults={"query": query, "shared": shared}
    )
    return kept


@transaction.atomic
def delete_filter(actor: User, filter_id: int) -> None:
    """Delete one of one's own; a superuser also those that others share."""
    seen = models.Q(owner=actor) | models.Q(shared=True)
    kept = SavedFilter.objects.filter(seen, pk=filter_id).first()
    if kept is None:
        raise Absent("absent", _("There is no such filter."))
    if kept.owner_id != actor.pk and not actor.is_superuser:
        raise Refused("not-yours", _("Only its owner can delete a shared filter. Ask them, or a superuser."))
    kept.delete()


def saved_filters(user: User, place: str) -> models.QuerySet[SavedFilter]:
    """One's own and the shared ones of a place, by name."""
    mine_or_shared = models.Q(owner=user) | models.Q(shared=True)
    return SavedFilter.objects.filter(mine_or_shared, place=place).select_related("owner").order_by("name", "pk")


def preference_of(user: User) -> Preference:
    """How they like it; not saved where they never chose."""
    return Preference.objects.filter(staff=user).first() or Preference(staff=user)


@transaction.atomic
def prefer(user: User, **choices: object) -> Preference:
    """Store preferences. Raises `Invalid` for an unknown time zone, a time away in the past, or keys that clash."""
    if isinstance(keys := choices.get("keys"), dict):
        choices["keys"] = checked(keys)
    zone = choices.get("time_zone")
    if zone is not None and zone not in time_zones():
        raise Invalid("unknown", _("There is no such time zone. Choose one of the list."), field="time_zone")
    away = choices.get("away_until")
    if isinstance(away, datetime) and away <= timezone.now():
        raise Invalid("past", _("Choose a time in the future."), field="away_until")
    if isinstance(away, datetime) and away > timezone.now() + LONGEST_AWAY:
        raise Invalid("too-far", _("Choose a time within a year."), field="away_until")
    preference, _created = Preference.objects.select_for_update().get_or_create(staff=user)
    for name, value in choices.items():
        setattr(preference, name, value)
    preference.save(update_fields=list(choices))
    if preference.is_away:
        _give_back(user)
    return preference


def _give_back(user: User) -> None:
    """What was meant for somebody who is away is anybody's."""
    for model in (model for model in apps.get_models() if issubclass(model, Workable)):
        model._default_manager.filter(assigned_to=user.pk).update(assigned_to=None)


def _text(text: str, field: str, most: int, missing: str) -> str:
    """What somebody wrote, without the space around it. Raises `Invalid` for none, too much, or no text at all."""
    text = text.strip()
    if not text:
        raise Invalid("required", missing, field=field)
    if len(text) > most:
        raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": most}, field=field)
    if "\x00" in text:
        raise Invalid("invalid", _("The input contains an invalid character. Remove it and try again."), field=field)
    return text


def _locked[W: Workable](actor: User, model: type[W], item_id: int) -> W:
    item = model._default_manager.select_for_update(of=("self",)).filter(pk=item_id).first()
    if item is None:
        raise Absent("absent", _("This item does not exist. Go back to the queue."))
    require(actor, work_permission(model), item)
    return item


def _held[W: Workable](actor: User, model: type[W], item_id: int) -> W:
    """Locked, and not in somebody else's hands."""
    item = _locked(actor, model, item_id)
    item.claim(actor)
    return item


def _save_work(item: Workable) -> None:
    # Who is working on what comes and goes; the audit has it, the history of the thing need not.
    item.skip_history_when_saving = True  # type: ignore[attr-defined]
    item.save(update_fields=["claimed_by", "claimed_until", "assigned_to", "snoozed_until"])
