"""Which documents require two approvals, by a rule or by an officer's request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import Q, TextField
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.errors import Absent, Conflict, Invalid
from apps.infra.columns import column
from apps.review.claims import lock_for_work
from apps.review.decisions.services import decide, snapshot_of
from apps.review.notes import add_note
from apps.review.settings import begin_setting, keep_setting, require_unchanged
from apps.users.models import CLIENT_ROLES, DocType, Document, Follow, ReviewRule, User
from apps.visibility.slots import Slot
from apps.visibility.statement import Statement

ASKED_FIELDS = ("status", "needs_second", "first_approved_by")
MOST_FOLLOWERS = 1_000_000
CHANGES_RULES = "users.change_reviewrule"
SAYS = ("doc_type", "role", "after_rejection", "followers_from")
"""The fields by which a rule differs from another."""


def rules_asking(document: Document) -> list[ReviewRule]:
    """The active rules by which this document requires two approvals."""
    owner = document.owner
    rules = _rules().rows({"doc_type": document.doc_type, "role": owner.role})
    return [rule for rule in rules if _rejected_if_asked(rule, document) and _followed_if_asked(rule, owner)]


@cache
def _rules() -> Statement:
    """The active rules about one kind of document and one role."""
    doc_type, role = Slot("doc_type", TextField()), Slot("role", TextField())
    rules = ReviewRule.objects.filter(Q(doc_type="") | Q(doc_type=doc_type), Q(role="") | Q(role=role), active=True)
    return Statement(rules.order_by("id"))


def needs_second(document: Document) -> bool:
    return document.needs_second or bool(rules_asking(document))


@transaction.atomic
def ask_second(reviewer: User, document_id: int, *, reason: str) -> Document:
    """Require a second approval of one document that is pending. The reason becomes a note; it can be undone.

    Raises what `lock_for_work` does, and `Conflict` where one is required already.
    """
    document = lock_for_work(reviewer, Document, document_id)
    if not reason.strip():
        raise Invalid("required", _("Enter what the second officer should check."), field="reason")
    if document.needs_second:
        raise Conflict("not-open", _("A second approval is already required."))
    add_note(reviewer, document, text=reason)
    before = snapshot_of(document, ASKED_FIELDS)
    document.needs_second = True
    save_as(reviewer, document, action=Action.SECOND_REQUESTED, note=reason.strip())
    decide(
        reviewer,
        "document.second_asked",
        document,
        subject_id=document.owner_id,
        before=before,
        after=snapshot_of(document, ASKED_FIELDS),
    )
    return document


@transaction.atomic
def save_rule(actor: User, rule_id: int | None, *, version: int | None = None, **fields: Any) -> ReviewRule:
    """Create a rule, or change one; it applies from the next approval on.

    Raises `Invalid` for what it cannot say, `Conflict` for one that is there already or has changed since `version`.
    """
    begin_setting(actor, CHANGES_RULES)
    rule = ReviewRule() if rule_id is None else _rule(rule_id)
    _check_rule(fields)
    if rule_id is None and ReviewRule.objects.filter(**{name: fields.get(name, _none(name)) for name in SAYS}).exists():
        raise Conflict("rule-exists", _("This rule exists already. Activate it if it is inactive."))
    return keep_setting(
        actor, rule, version=version, action=Action.RULE_CHANGED if rule_id else Action.RULE_CREATED, **fields
    )


@transaction.atomic
def remove_rule(actor: User, rule_id: int, *, version: int | None = None) -> None:
    """Delete a rule; its history stays. Documents that are pending a second approval because of it stay so."""
    begin_setting(actor, CHANGES_RULES)
    rule = _rule(rule_id)
    require_unchanged(rule, version)
    delete_as(actor, rule, action=Action.RULE_DELETED)


def _rule(rule_id: int) -> ReviewRule:
    rule = ReviewRule.objects.filter(pk=rule_id).first()
    if rule is None:
        raise Absent("not-found", _("This rule no longer exists. Reload the page."))
    return rule


def _none(name: str) -> Any:
    """The default of a field of a rule."""
    return column(ReviewRule, name).get_default()


def _check_rule(fields: Mapping[str, Any]) -> None:
    if fields.get("doc_type", "") not in ("", *DocType.values):
        raise Invalid("unknown", _("There is no such kind."), field="doc_type")
    if fields.get("role", "") not in ("", *CLIENT_ROLES):
        raise Invalid("unknown", _("There is no such role."), field="role")
    followers = fields.get("followers_from")
    if followers is not None and not 1 <= followers <= MOST_FOLLOWERS:
        raise Invalid("range", _("Enter a number from 1 to 1,000,000, or none."), field="followers_from")


def _rejected_if_asked(rule: ReviewRule, document: Document) -> bool:
    rejected = Document.objects.filter(owner=document.owner_id, status=Document.Status.REJECTED)
    return not rule.after_rejection or rejected.exclude(pk=document.pk).exists()


def _followed_if_asked(rule: ReviewRule, owner: User) -> bool:
    wanted = rule.followers_from
    # Counted up to what was asked, however many there are.
    return wanted is None or Follow.objects.filter(followed=owner)[:wanted].count() >= wanted
