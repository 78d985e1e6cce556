"""Requesting, cancelling and carrying out the erasure of a user."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.encryption import destroy_key
from apps.audit.history import bulk_update_as, save_as
from apps.audit.services import record
from apps.errors import Absent, Conflict, DomainError
from apps.events.erasure import leave_events
from apps.infra import pubsub
from apps.moderation import retention as evidence
from apps.moderation.models import Appeal, Case
from apps.privacy import ledger
from apps.privacy.erasing import anonymise, apply_rules
from apps.privacy.files import delete_later
from apps.privacy.holds import holds_on, lock_person
from apps.privacy.mentions import erase_mentions, forget_calls, names_of
from apps.privacy.models import DataExport, Erasure
from apps.privacy.retention import forget_documents, purge_documents
from apps.review.texts import sensible_reason
from apps.stories.models import Story
from apps.users.accounts.mails import mail_account_notice
from apps.users.models import Document, User
from apps.users.passwords import require_password

logger = logging.getLogger(__name__)


@transaction.atomic
def request_erasure(user: User, *, password: str) -> Erasure:
    """Ask for one's own erasure, which is carried out after the waiting time. The same while one is scheduled.

    Raises `Invalid` for a wrong password.
    """
    person = lock_person(user.pk)
    require_password(person, password, field="password")
    return scheduled_of(person.pk) or _schedule(person, by=person, reason="")


@transaction.atomic
def order_erasure(actor: User, person_id: int, *, reason: str) -> Erasure:
    """Schedule the erasure of a user, who is notified. Raises `Absent`, `Refused`, `Invalid`, `Conflict`."""
    require(actor, "privacy.add_erasure")
    person = lock_person(person_id)
    reason = sensible_reason(reason, _("Enter a reason, such as the reference of the request."))
    if scheduled_of(person.pk):
        raise Conflict("already-scheduled", _("An erasure of this user is scheduled already."))
    if is_erased(person.pk):
        raise Conflict("already-erased", _("This user has been erased."))
    return _schedule(person, by=actor, reason=reason)


def _schedule(person: User, *, by: User, reason: str) -> Erasure:
    due_at = timezone.now() + timedelta(days=settings.ERASURE_WAITING_DAYS)
    erasure = Erasure(person=person, requested_by=by, reason=reason, due_at=due_at)
    save_as(by, erasure, action=Action.ERASURE_REQUESTED)
    mail_account_notice(
        person, "erasure_scheduled", date=formats.date_format(timezone.localtime(due_at), "DATE_FORMAT")
    )
    return erasure


@transaction.atomic
def withdraw_erasure(user: User) -> None:
    """Cancel one's own erasure. Raises `Absent` where none is scheduled."""
    person = lock_person(user.pk)
    _cancel(own_erasure(person), by=person)


def own_erasure(user: User) -> Erasure:
    """The erasure of the user that is scheduled. Raises `Absent`."""
    erasure = scheduled_of(user.pk)
    if erasure is None:
        raise Absent("not-found", _("No erasure of your account is scheduled."))
    return erasure


@transaction.atomic
def cancel_erasure(actor: User, erasure_id: int) -> Erasure:
    """Cancel the erasure of a user. Raises `Absent`, `Refused`, and `Conflict` where it is over."""
    require(actor, "privacy.cancel_erasure")
    known = Erasure.objects.filter(pk=erasure_id).first()
    if known is None:
        raise Absent("not-found", _("There is no such erasure."))
    lock_person(known.person_id)
    return _cancel(Erasure.objects.get(pk=erasure_id), by=actor)


def _cancel(erasure: Erasure, *, by: User) -> Erasure:
    erasure.cancel(by)
    save_as(by, erasure, action=Action.ERASURE_CANCELLED)
    mail_account_notice(erasure.person, "erasure_cancelled")
    return erasure


def scheduled_of(person_id: int) -> Erasure | None:
    return Erasure.objects.scheduled().filter(person=person_id).first()


def is_erased(person_id: int) -> bool:
    return Erasure.objects.filter(person=person_id, status=Erasure.Status.DONE).exists()


# --- Carrying out ----------------------------------------------------------------------------------------------------


def erase_due(is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Carry out what is due; returns how many. What has to wait says why, and is tried again with the next run."""
    done = 0
    for erasure_id in list(Erasure.objects.due().order_by("due_at").values_list("pk", flat=True)):
        if is_stopping():
            break
        try:
            carry_out(erasure_id)
            done += 1
        except DomainError as error:
            Erasure.objects.scheduled().filter(pk=erasure_id).update(waits_for=str(error))
        except Exception:
            logger.exception("Erasure %d failed", erasure_id)
    return done


@transaction.atomic
def carry_out(erasure_id: int, *, though_kept: bool = False) -> Erasure:
    """Erase the user of a scheduled erasure. Raises `Conflict` where data has to be kept, or it is over.

    `though_kept`: it was carried out before, in a database of which this is an older copy.
    """
    known = Erasure.objects.get(pk=erasure_id)
    person = lock_person(known.person_id)
    erasure = Erasure.objects.get(pk=erasure_id)
    if erasure.status != Erasure.Status.SCHEDULED:
        raise Conflict("erasure-over", _("This erasure is over."))
    if not though_kept:
        _require_nothing_keeps(person)
    counts = _erase(person)
    erasure.complete(counts)
    save_as(None, erasure, action=Action.ERASED)
    record(None, Action.ERASED, erasure, subject=person, **counts)
    transaction.on_commit(partial(forget_calls, person.pk))
    transaction.on_commit(partial(pubsub.recheck, person.pk))
    ledger.note_later(erasure)
    return erasure


def _require_nothing_keeps(person: User) -> None:
    """Raise `Conflict` where a legal hold or an open case needs the data."""
    for hold in holds_on(person.pk):
        said = _("A legal hold by %(name)s of %(date)s is in force.")
        raise Conflict("on-hold", said % {"name": hold.placed_by, "date": formats.date_format(hold.placed_at)})
    cases = Case.objects.filter(author=person)
    for case in cases.order_by("pk"):
        if evidence.is_needed(case.kind, case.target_id):
            raise Conflict("evidence", _("Case %(id)s is open, or may still be appealed about.") % {"id": case.pk})
    if appeal := Appeal.objects.open().filter(author=person).first():
        raise Conflict("evidence", _("Appeal %(id)s is open.") % {"id": appeal.pk})


def _erase(person: User) -> dict[str, Any]:
    names = names_of(person)
    # The key first: what is written from here on about the user is unreadable at once.
    destroy_key(person.pk)
    # Before the events are left: their hosts were notified by name.
    counts = erase_mentions(person, names)
    leave_events(person)
    documents = Document.objects.filter(owner=person).select_for_update(of=("self",)).order_by("pk")
    files = _close_documents(list(documents))
    forget_documents(documents)
    files += [*_free_stories(person), str(person.profile.image.name or "")]
    files += DataExport.objects.filter(person=person).values_list("file", flat=True)
    for label, count in apply_rules(person).items():
        counts[label] = counts.get(label, 0) + count
    anonymise(person)
    save_as(None, person, action=Action.ERASED, secret=True)
    delete_later(*files)
    counts["files"] = len([name for name in files if name])
    return {label: count for label, count in counts.items() if count}


def _close_documents(documents: list[Document]) -> list[str]:
    """Take pending documents out of the queue, as rejected by nobody. Returns the files of all."""
    for document in documents:
        if document.status == Document.Status.PENDING:
            document.close()
            save_as(None, document, action=Action.ERASED)
    kept = [document for document in documents if document.purged_at is None]
    files = [str(document.file.name) for document in kept]
    purge_documents(kept)
    return files


def _free_stories(person: User) -> list[str]:
    stories = list(Story.objects.filter(author=person, freed_at__isnull=True).select_for_update().order_by("pk"))
    files = [str(story.content_file.name) for story in stories]
    for story in stories:
        story.freed_at, story.held = timezone.now(), False
        story.deleted_at = story.deleted_at or story.freed_at
    bulk_update_as(None, stories, ["freed_at", "held", "deleted_at"], action=Action.ERASED)
    return files
