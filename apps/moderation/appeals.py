"""Appeals: one for each decision, within 20 days, ruled on by an officer other than the decider."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import visible
from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Absent, Conflict, Invalid
from apps.moderation.cases import LONGEST_TEXT
from apps.moderation.models import APPEAL_WITHIN, Appeal, Case, Strike, known_to_author
from apps.review.claims import lock_for_work
from apps.review.decisions.models import Decision
from apps.review.decisions.services import decide, snapshot_of, undo
from apps.users.accounts.alerts import alert_if_same_person
from apps.users.models import User

LONGEST_APPEAL = 2000
DECIDED_FIELDS = ("status", "ruling", "ruled_by", "ruled_at", "version")


def appeals_of(author: User) -> QuerySet[Appeal]:
    """The appeals of a user, latest first."""
    return visible(author, Appeal).order_by("-created_at", "-id")


@transaction.atomic
def appeal(author: User, decision_id: int, *, text: str) -> Appeal:
    """Appeal against a decision that gave `author` a strike.

    Raises `Absent` where they have not been notified of it, `Conflict` the second time, too late, or where it is
    undone.
    """
    text = text.strip()
    if not text:
        raise Invalid("required", _("Say why the decision is wrong."), field="text")
    if len(text) > LONGEST_APPEAL:
        raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": LONGEST_APPEAL}, field="text")
    known = Strike.objects.filter(known_to_author(), person=author, decision=decision_id).first()
    if known is None:
        raise Absent("not-found", _("There is no such decision about you."))
    # The case first, as deciding and undoing do.
    case = Case.objects.select_for_update(of=("self",)).get(pk=known.case_id)
    decision = Decision.objects.get(pk=decision_id)
    if Appeal.objects.filter(decision=decision).exists():
        raise _already_appealed()
    if decision.undone_at is not None:
        raise Conflict("decision-undone", _("This decision has already been undone."))
    if decision.made_at + APPEAL_WITHIN <= timezone.now():
        raise Conflict("too-late", _("A decision can be appealed for 20 days."))
    new = Appeal(decision=decision, case=case, author=author, decider_id=decision.actor_id, text=text)
    try:
        with transaction.atomic():
            return save_as(author, new, action=Action.APPEALED)
    except IntegrityError as error:
        raise _already_appealed() from error


@transaction.atomic
def rule_on_appeal(actor: User, appeal_id: int, *, overturn: bool, text: str, version: int | None = None) -> Appeal:
    """Uphold the decision, or overturn it: then it is undone and the case closed as unfounded. With a text.

    Raises what `lock_for_work` does, and `Invalid` without a text.
    """
    # The case before the appeal, as appealing and undoing do; of an appeal that does not exist there is none.
    Case.objects.select_for_update(of=("self",)).filter(appeals=appeal_id).first()
    ruled = lock_for_work(actor, Appeal, appeal_id, version=version)
    _check(text)
    before = snapshot_of(ruled, DECIDED_FIELDS)
    status = Appeal.Status.OVERTURNED if overturn else Appeal.Status.UPHELD
    ruled.rule(status, actor, text.strip())
    save_as(actor, ruled, action=Action(f"appeal.{status}"))
    if overturn:
        undo(actor, ruled.decision_id, reason=ruled.ruling[:1000])
    decide(
        actor,
        f"appeal.{status}",
        ruled,
        subject_id=ruled.author_id,
        before=before,
        after=snapshot_of(ruled, DECIDED_FIELDS),
        text=ruled.ruling,
    )
    alert_if_same_person(ruled.decider, actor, ruled, since=ruled.decision.made_at)
    return ruled


def _check(text: str) -> None:
    if not text.strip():
        raise Invalid("required", _("Write an explanation to the author."), field="text")
    if len(text) > LONGEST_TEXT:
        raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": LONGEST_TEXT}, field="text")


def _already_appealed() -> Conflict:
    return Conflict("already-appealed", _("You have appealed this decision already."))
