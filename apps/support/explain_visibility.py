"""Why can't they see it? The checks that the API makes, one by one, for one viewer and one target, now or at a time.

Nothing is decided here: each result comes from the policies and account checks that the API applies. What this adds are
the texts, the evidence of each result, and who can change it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import Group
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.errors import Absent, Invalid
from apps.notifications.models import Notification
from apps.support.check_texts import FIXABLE, WHY
from apps.support.delivery import deliveries
from apps.support.evidence import (
    Evidence,
    evidence_for_check,
    of_absence,
    of_account,
    of_notification,
    of_reading,
    remarks,
    when,
)
from apps.support.targets import CREATED_AT, TARGETS, Target
from apps.users.models import User
from apps.visibility.evaluate import evaluate
from apps.visibility.policy import Policy, Text
from apps.visibility.snapshot import LIVE, AsOf, Snapshot

type CheckOutcomes = list[tuple[str, bool | None]]
"""The checks by code, and whether each passed; None for those not reached."""

DELIVERY_QUESTIONS: dict[str, Text] = {
    "notified": gettext_lazy("Was the viewer notified of it?"),
    "delivered": gettext_lazy("Has the viewer read the notification?"),
}


@dataclass(frozen=True, slots=True)
class ExplainedCheck:
    """The result of one check, with its evidence. `passed` is None where it was not reached."""

    code: str
    question: Text
    passed: bool | None
    evidence: list[Evidence] = field(default_factory=list)
    """The rows and versions that led to the result."""
    fixable_by: str = ""
    """Who can change the result, as a sentence; empty where it passed."""
    decides: bool = True
    """Whether failing it hides the target. The others say more: whether a list shows it, whether they were notified."""

    @property
    def applies(self) -> bool:
        """True for all that decide; for the others where there is something to list or to notify of."""
        return self.decides or self.passed is not None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a viewer sees a target, and why."""

    viewer: User
    """As of the time asked about."""
    kind: str
    target_id: int
    at: datetime | None
    """The time asked about; None for now."""
    checks: list[ExplainedCheck]
    remarks: list[Evidence]
    """What else the viewer notices: under which tab it is listed, what is left out of it."""

    @property
    def visible(self) -> bool:
        return all(check.passed for check in self.checks if check.decides)

    @property
    def failed(self) -> ExplainedCheck | None:
        """The first failed check of those that decide."""
        return next((check for check in self.checks if check.decides and check.passed is False), None)

    @property
    def sentence(self) -> str:
        """The result in one sentence, with the reason where the target is not visible."""
        names = {"name": self.viewer.username, "target": TARGETS[self.kind].name, "id": self.target_id}
        failed = self.failed
        if failed is None:
            return _("%(name)s sees %(target)s #%(id)d.") % names
        return _("%(name)s does not see %(target)s #%(id)d: %(why)s.") % (names | {"why": WHY[failed.code]})


def evaluate_checks(
    viewer_id: int, kind: str, target_ids: Collection[int], *, at: datetime | None = None
) -> dict[int, CheckOutcomes]:
    """The results of all checks that decide, by target. Raises as `explain` does."""
    target, snapshot, viewer = _resolve(viewer_id, kind, at)
    of_viewer: CheckOutcomes = [(check.code, check.passes(viewer, snapshot.now)) for check in target.account_checks]
    policy = target.policy(viewer, snapshot)
    results = evaluate(policy, target.model, target_ids, snapshot)
    unreached: CheckOutcomes = [(check.code, None) for check in policy.checks]
    return {
        target_id: [*of_viewer, ("exists", True), *((each.check.code, each.passed) for each in results[target_id])]
        if target_id in results
        else [*of_viewer, ("exists", False), *unreached]
        for target_id in target_ids
    }


def evaluate_listing(
    viewer_id: int, kind: str, target_ids: Collection[int], *, at: datetime | None = None
) -> dict[int, CheckOutcomes]:
    """The results of the checks of the list, by visible target; none where the list shows all that is visible."""
    target, snapshot, viewer = _resolve(viewer_id, kind, at)
    results = evaluate(target.listing(viewer, snapshot), target.model, target_ids, snapshot) if target.listing else {}
    return {
        target_id: [(each.check.code, each.passed) for each in results.get(target_id, [])] for target_id in target_ids
    }


def explain(viewer_id: int, kind: str, target_id: int, *, at: datetime | None = None) -> Explanation:
    """Whether the viewer sees the target and what decides it, now or as of the time `at`.

    Raises `Absent` where there is (or was) no such viewer, `Invalid` for a time in the future or an unknown kind.
    """
    target, snapshot, viewer = _resolve(viewer_id, kind, at)
    row = snapshot.of(target.model).filter(id=target_id).first()
    checks = [
        _explain_check(target, viewer, row, target_id, code, passed, at, snapshot)
        for code, passed in evaluate_checks(viewer_id, kind, [target_id], at=at)[target_id]
    ]
    if target.listing:
        sees = all(check.passed for check in checks)
        outcomes = evaluate_listing(viewer_id, kind, [target_id], at=at)[target_id] if sees else []
        checks.append(_explain_listing(target, target.listing(viewer, snapshot), outcomes))
    checks += _explain_delivery(target, viewer, target_id, snapshot)
    return Explanation(viewer, kind, target_id, at, checks, remarks(target.model, viewer, target_id, snapshot))


def _explain_check(
    target: Target,
    viewer: User,
    row: Model | None,
    target_id: int,
    code: str,
    passed: bool | None,
    at: datetime | None,
    snapshot: Snapshot,
) -> ExplainedCheck:
    of_viewer = {check.code: check for check in target.account_checks}
    of_policy = {check.code: check for check in target.policy(viewer, snapshot).checks}
    question: Text
    if code in of_viewer:
        question, perm = of_viewer[code].question, of_viewer[code].fixable_by
        evidence = of_account(code, viewer, snapshot)
    elif code in of_policy:
        question, perm = of_policy[code].question, of_policy[code].fixable_by
        evidence = evidence_for_check(code, viewer, row, snapshot) if row is not None else []
        if of_policy[code].spares_own and row is not None and _is_own(target, viewer, row, snapshot):
            evidence = [Evidence(_("It is their own, so this check does not apply.")), *evidence]
    else:
        question, perm = _existence_question(target, at), ""
        evidence = [] if passed else of_absence(target.model, target_id, snapshot)
        if passed and isinstance(row, Notification):
            evidence = [Evidence(_("Created at %(time)s.") % {"time": when(row.created_at)}, row, row.created_at)]
    return ExplainedCheck(code, question, passed, evidence, _fix(code, perm) if passed is False else "")


def _existence_question(target: Target, at: datetime | None) -> str:
    if target.model is Notification:
        return _("Was this notification created?")
    return _("Does it exist?") if at is None else _("Did it exist?")


def _explain_listing(target: Target, listing: Policy, outcomes: CheckOutcomes) -> ExplainedCheck:
    """Whether the list shows it; does not apply to a target that is not visible at all."""
    question = _("Is it shown in their %(list)s?") % {"list": target.list_name}
    if not outcomes:
        return ExplainedCheck("listed", question, None, [Evidence(_("They cannot see it at all."))], decides=False)
    failed = next((code for code, passed in outcomes if not passed), None)
    if failed is None:
        return ExplainedCheck("listed", question, True, decides=False)
    perm = next(check.fixable_by for check in listing.checks if check.code == failed)
    sentence = _("Not shown in the %(list)s: %(why)s.") % {"list": target.list_name, "why": WHY[failed]}
    return ExplainedCheck("listed", question, False, [Evidence(sentence)], _fix(failed, perm), decides=False)


def _explain_delivery(target: Target, viewer: User, target_id: int, snapshot: Snapshot) -> list[ExplainedCheck]:
    """Whether the viewer was notified, and whether they have read it. A notification is its own: only the latter."""
    delivery = deliveries(target.model, viewer, [target_id], snapshot)[target_id]
    read = _delivery_check(
        "delivered", delivery.was_read(snapshot.now), of_reading(delivery, viewer, snapshot), _("None was sent.")
    )
    if target.model is Notification:
        return [read]
    nothing_due = _("There is nothing to notify them of.")
    return [_delivery_check("notified", delivery.notified, of_notification(delivery, snapshot), nothing_due), read]


def _delivery_check(code: str, passed: bool | None, evidence: list[Evidence], unreached: str) -> ExplainedCheck:
    if passed is None:
        evidence = [Evidence(unreached)]
    fixable_by = _fix(code, "") if passed is False else ""
    return ExplainedCheck(code, DELIVERY_QUESTIONS[code], passed, evidence, fixable_by, decides=False)


def _resolve(viewer_id: int, kind: str, at: datetime | None) -> tuple[Target, Snapshot, User]:
    target = TARGETS.get(kind)
    if target is None:
        raise Invalid("unknown", _("Unknown type. Choose one from the page of the user."), field="kind")
    try:
        snapshot: Snapshot = LIVE if at is None else AsOf(at, CREATED_AT)
    except ValueError as error:
        raise Invalid("future", _("This time is in the future. Choose an earlier one."), field="at") from error
    viewer = snapshot.of(User).filter(id=viewer_id).first()
    if viewer is None:
        raise Absent(
            "not-found",
            _("This account did not exist at that time. Choose a later one.")
            if at
            else _("There is no account with this ID. Search for the user again."),
        )
    return target, snapshot, viewer


def _is_own(target: Target, viewer: User, row: Model, snapshot: Snapshot) -> bool:
    own = target.policy(viewer, snapshot).own
    return own is not None and snapshot.of(target.model).filter(own, id=row.pk).exists()


def _fix(code: str, perm: str) -> str:
    """Who can change the result of a failed check, and how: by the permission that it takes, if any."""
    return str(FIXABLE.get(code, _("Can be fixed by: %(who)s."))) % {"who": _who(perm)}


def _who(perm: str) -> str:
    if not perm:
        return _("a superuser")
    app_label, codename = perm.split(".")
    groups = Group.objects.filter(permissions__content_type__app_label=app_label, permissions__codename=codename)
    return ", ".join(sorted(groups.values_list("name", flat=True))) or _("a superuser")
