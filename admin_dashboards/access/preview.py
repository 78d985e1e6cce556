"""A preview of a change of permissions: the change in a transaction that is rolled back, and what it would change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from admin_dashboards.access.console_snapshot import ConsoleSnapshot, grants_by_user, snapshots_of
from admin_dashboards.access.differences import Change, differences
from admin_dashboards.context import PART, StaffRequest
from admin_dashboards.errors import status_of
from apps.errors import DomainError
from apps.users.accounts.guards import access_administrators
from apps.users.models import User
from apps.users.staff.access_review import Pair, dangerous, perms_of_group

PREVIEW = "_preview"
"""The field by which a form asks for a preview rather than saves."""
MOST = 50
"""How many users are compared one by one; of the rest only the number of affected users is shown."""


@dataclass(slots=True)
class Affected:
    name: str
    changes: list[Change]
    pairs: list[Pair]
    """Conflicts that they did not have before."""
    before: ConsoleSnapshot
    after: ConsoleSnapshot


@dataclass(slots=True)
class Preview:
    affected: list[Affected] = field(default_factory=list)
    asked: int = 0
    """How many users it may concern; those who are not among the affected keep everything."""
    more: int = 0
    """How many more are affected, beyond those who are named."""
    warnings: list[str] = field(default_factory=list)
    refused: DomainError | None = None
    errors: list[str] = field(default_factory=list)
    """Of a form that cannot be taken as it is."""

    @property
    def count(self) -> int:
        return len(self.affected) + self.more

    @property
    def counts(self) -> str:
        """The counts in one line, as in "2 people affected · 5 gains · 1 loss"."""
        if self.errors:
            return _("Check the form: %(error)s") % {"error": self.errors[0]}
        if self.refused:
            return _("This would be refused: %(why)s") % {"why": self.refused}
        if not (self.count or self.warnings):
            return _("No one is affected")
        changes = [change for each in self.affected for change in each.changes]
        gains = sum(len(change.items) for change in changes if change.gained)
        losses = sum(len(change.items) for change in changes) - gains
        alerts = len(self.warnings) + sum(len(each.pairs) for each in self.affected)
        parts = [
            ngettext("%d person affected", "%d people affected", self.count) % self.count,
            ngettext("%d gain", "%d gains", gains) % gains if gains else "",
            ngettext("%d loss", "%d losses", losses) % losses if losses else "",
            ngettext("%d warning", "%d warnings", alerts) % alerts if alerts else "",
        ]
        return " · ".join(filter(None, parts))

    def lines(self) -> list[str]:
        """The changes and warnings as plain lines."""
        if self.refused:
            return [_("This would be refused: %(why)s") % {"why": self.refused}]
        lines = [
            f"{each.name} {_('gains') if change.gained else _('loses')} {change.what}: {' · '.join(change.items)}"
            for each in self.affected
            for change in each.changes
        ]
        if self.more:
            lines.append(ngettext("%d more is affected.", "%d more are affected.", self.more) % self.more)
        return [*self.warnings, *lines] or [_("No one loses a permission.")]


def what_would_change(action: Callable[[], Any], people: Callable[[Any], Iterable[int]]) -> Preview:
    """Do `action`, compare, and roll it back.

    `people` returns the IDs of the users whom it may concern: called with None before `action`, with its result after.
    """
    preview = Preview()
    with transaction.atomic():
        first = set(people(None))
        compared = sorted(first)[:MOST]
        before, grants_before = snapshots_of(compared), grants_by_user(first - set(compared))
        administrators_before = _names(access_administrators())
        try:
            with transaction.atomic():
                result = action()
        except DomainError as error:
            preview.refused = error
            return preview
        concerned = first | set(people(result))
        compared += sorted(concerned - first)[: MOST - len(compared)]
        after, grants_after = snapshots_of(compared), grants_by_user(concerned - set(compared))
        names = dict(User.objects.filter(pk__in=after).values_list("pk", "username"))
        administrators_after = _names(access_administrators())
        alone = dangerous(perms_of_group(result)) if isinstance(result, Group) and result.pk else []
        transaction.set_rollback(True)
    preview.asked = len(concerned)
    preview.more = sum(grants_before.get(number) != grants_after.get(number) for number in grants_before | grants_after)
    for number in after.keys() | before.keys():
        old, new = before.get(number, ConsoleSnapshot()), after.get(number, ConsoleSnapshot())
        changes = list(differences(old, new))
        if changes:
            gained = [pair for pair in new.pairs if pair not in old.pairs]
            preview.affected.append(Affected(names.get(number, ""), changes, gained, old, new))
    preview.affected.sort(key=lambda each: each.name)
    preview.warnings = [_("Each member %(action)s.") % {"action": pair.sentence} for pair in alone]
    preview.warnings += _administrator_warnings(administrators_before, administrators_after)
    return preview


def preview_answer(request: StaffRequest, preview: Preview) -> HttpResponse:
    """The preview as a part of a page for a script, and as a page of its own without one."""
    status = status_of(preview.refused) if preview.refused else 422 if preview.errors else 200
    context: dict[str, Any] = {"preview": preview}
    if request.headers.get(PART):
        return TemplateResponse(request, "access/preview_part.html", context, status=status, headers={PART: "1"})
    context |= {**admin.site.each_context(request), "title": _("What would change")}
    return TemplateResponse(request, "access/preview_page.html", context, status=status)


def _names(people: Any) -> set[str]:
    return set(people.values_list("username", flat=True))


def _administrator_warnings(before: set[str], after: set[str]) -> Iterable[str]:
    if before == after:
        return
    for name in sorted(after - before):
        yield _("%(name)s would become a permanent access manager.") % {"name": name}
    for name in sorted(before - after):
        yield _("%(name)s would no longer be a permanent access manager.") % {"name": name}
    if len(after) == 1:
        yield _("%(name)s would be the last permanent access manager.") % {"name": next(iter(after))}
