"""Erases again, in a restored database, what had been erased since its backup."""

from __future__ import annotations

from django.db import transaction

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.privacy.erasures import carry_out, scheduled_of
from apps.privacy.holds import lock_person
from apps.privacy.ledger import unknown_erasures
from apps.privacy.models import Erasure


def reapply() -> int:
    """Carry out all erasures of the ledger that the database does not know; returns how many.

    Whatever kept the data at the time of the backup had ended when it was erased.
    """
    return sum(_again(erasure) for erasure in unknown_erasures())


@transaction.atomic
def _again(noted: Erasure) -> int:
    person = lock_person(noted.person_id)
    known = Erasure.objects.filter(reference=noted.reference).first() or scheduled_of(person.pk)
    if known is None:
        known = save_as(None, noted, action=Action.ERASURE_REQUESTED)
    elif known.reference != noted.reference:
        known.reference = noted.reference
        known.save(update_fields=["reference"])
    carry_out(known.pk, though_kept=True)
    return 1
