"""Masked fields, shown to one member of staff for ten minutes, for a reason, within a ration."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.services import record
from apps.errors import Conflict
from apps.review.models import REVEAL_LASTS, Reveal, RevealAllowance
from apps.review.texts import sensible_reason

if TYPE_CHECKING:
    from apps.users.models import User

RATION = 30
RATION_OF = timedelta(days=1)


@transaction.atomic
def reveal(actor: User, target: models.Model, field: str, *, subject: User, reason: str, counts: bool = True) -> Reveal:
    """Show one masked field to one member of staff for ten minutes. Recorded and counted; the user is notified.

    Needs the permission `reveal_<model>` on the row. `counts`: towards the ration of the day, see `require_ration`.
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
    record(actor, Action.REVEALED, target, reason=reason, subject=subject, field=field)
    return shown


def reveals_today(user: User) -> int:
    """The number of reveals of `user` in the last 24 hours that count towards the ration."""
    return Reveal.objects.filter(staff=user, counts=True, created_at__gt=timezone.now() - RATION_OF).count()


def ration_of(user: User) -> int:
    """The number of reveals that `user` may make in 24 hours: `RATION`, and as many again for each allowance."""
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
    """Whether `viewer` has revealed the field, and still may see it."""
    return (
        Reveal.objects.open_to(viewer)
        .filter(target_type=target._meta.label_lower, target_id=target.pk, field=field)
        .exists()
    )
