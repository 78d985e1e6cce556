"""What would change: the action itself, done in a transaction that is taken back, and everybody's console compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from admin_dashboards.context import Console, StaffRequest
from admin_dashboards.errors import status_of
from admin_dashboards.navigation import menu
from admin_dashboards.registry import all_tables, desks, queue_desks
from apps.access import (
    granted_on_rows,
    may,
    memberships,
    models_with_row_grants,
    permission_name,
    row_grants,
    scoped_granted,
    unended,
    until_text,
)
from apps.errors import DomainError
from apps.users.accounts.guards import access_administrators
from apps.users.models import GroupMembership, User
from apps.users.staff.access_review import Pair, dangerous, perms_of_group

if TYPE_CHECKING:
    from admin_dashboards.tables.base import ModelAdmin

PREVIEW = "_preview"
"""What a form sends along that asks what it would change."""
PART = "X-Part"
"""The header with which the page's script asks for the answer alone."""
MOST = 50
"""How many people are compared one by one; of the rest it is told how many are affected."""
MOST_ROWS = 20
ALL = "all"

type RowGrant = tuple[str, str, int, datetime | None]
"""A permission, the kind of thing, the row's number, and until when."""
type Rights = dict[int, tuple[Any, ...]]
"""Of each person all that they are given, so far as it can differ."""


@dataclass(slots=True)
class Standing:
    """What the console is for one person."""

    perms: set[str] = field(default_factory=set)
    groups: dict[int, tuple[str, datetime | None]] = field(default_factory=dict)
    """Names and ends, by number: by another name it is the same group."""
    row_grants: set[RowGrant] = field(default_factory=set)
    menus: dict[str, str] = field(default_factory=dict)
    """Titles by address."""
    addresses: set[str] = field(default_factory=set)
    rows: dict[str, str | set[int]] = field(default_factory=dict)
    """Of each table that they may open, by its address: `ALL`, which share of it, or the numbers of the rows."""
    pairs: list[Pair] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """What one person gains or loses of one kind of thing."""

    gained: bool
    what: str
    items: list[str]


@dataclass(slots=True)
class Affected:
    name: str
    changes: list[Change]
    pairs: list[Pair]
    """Those that they did not hold before."""
    before: Standing
    after: Standing


@dataclass(slots=True)
class Preview:
    affected: list[Affected] = field(default_factory=list)
    asked: int = 0
    """How many people it concerns; who is not among the affected keeps everything."""
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
        """The same in one line, as in "2 people affected · 5 gains · 1 loss"."""
        if self.errors:
            return _("Check the form: %(error)s") % {"error": self.errors[0]}
        if self.refused:
            return _("This would be refused: %(why)s") % {"why": self.refused}
        if not (self.count or self.warnings):
            return _("Nobody is affected")
        changes = [change for each in self.affected for change in each.changes]
        gains = sum(len(change.items) for change in changes if change.gained)
        losses = sum(len(change.items) for change in changes) - gains
        alerts = len(self.warnings) + sum(len(each.pairs) for each in self.affected)
        told = [
            ngettext("%d person affected", "%d people affected", self.count) % self.count,
            ngettext("%d gain", "%d gains", gains) % gains if gains else "",
            ngettext("%d loss", "%d losses", losses) % losses if losses else "",
            ngettext("%d warning", "%d warnings", alerts) % alerts if alerts else "",
        ]
        return " · ".join(filter(None, told))

    def lines(self) -> list[str]:
        """The same as plain lines."""
        if self.refused:
            return [_("This would be refused: %(why)s") % {"why": self.refused}]
        told = [
            f"{each.name} {_('gains') if change.gained else _('loses')} {change.what}: {' · '.join(change.items)}"
            for each in self.affected
            for change in each.changes
        ]
        if self.more:
            told.append(ngettext("%d more is affected.", "%d more are affected.", self.more) % self.more)
        return [*self.warnings, *told] or [_("Nobody loses a permission.")]


def what_would_change(action: Callable[[], Any], people: Callable[[Any], Iterable[int]]) -> Preview:
    """Do `action`, compare, and take it back.

    `people` names the ids of those whom it may concern, before it from None and after it from what `action` returned.
    """
    told = Preview()
    with transaction.atomic():
        first = set(people(None))
        compared = sorted(first)[:MOST]
        before, rights_before = _standings(compared), _rights(first - set(compared))
        kept_before = _names(access_administrators())
        try:
            with transaction.atomic():
                result = action()
        except DomainError as error:
            told.refused = error
            return told
        concerned = first | set(people(result))
        compared += sorted(concerned - first)[: MOST - len(compared)]
        after, rights_after = _standings(compared), _rights(concerned - set(compared))
        names = dict(User.objects.filter(pk__in=after).values_list("pk", "username"))
        kept_after = _names(access_administrators())
        alone = dangerous(perms_of_group(result)) if isinstance(result, Group) and result.pk else []
        transaction.set_rollback(True)
    told.asked = len(concerned)
    told.more = sum(rights_before.get(number) != rights_after.get(number) for number in rights_before | rights_after)
    for number in after.keys() | before.keys():
        old, new = before.get(number, Standing()), after.get(number, Standing())
        changes = list(_differences(old, new))
        if changes:
            gained = [pair for pair in new.pairs if pair not in old.pairs]
            told.affected.append(Affected(names.get(number, ""), changes, gained, old, new))
    told.affected.sort(key=lambda each: each.name)
    told.warnings = [_("Each member %(action)s.") % {"action": pair.sentence} for pair in alone]
    told.warnings += _about_keepers(kept_before, kept_after)
    return told


def preview_answer(request: StaffRequest, told: Preview) -> HttpResponse:
    """The answer: a part of the page for its script, a page of its own for others."""
    status = status_of(told.refused) if told.refused else 422 if told.errors else 200
    context: dict[str, Any] = {"preview": told}
    if request.headers.get(PART):
        return TemplateResponse(request, "access/preview_part.html", context, status=status, headers={PART: "1"})
    context |= {**admin.site.each_context(request), "title": _("What would change")}
    return TemplateResponse(request, "access/preview_page.html", context, status=status)


def _names(people: Any) -> set[str]:
    return set(people.values_list("username", flat=True))


def _about_keepers(before: set[str], after: set[str]) -> Iterable[str]:
    if before == after:
        return
    for name in sorted(after - before):
        yield _("%(name)s would become a permanent access manager.") % {"name": name}
    for name in sorted(before - after):
        yield _("%(name)s would no longer be a permanent access manager.") % {"name": name}
    if len(after) == 1:
        yield _("%(name)s would be the last permanent access manager.") % {"name": next(iter(after))}


# --- How things stand for somebody -----------------------------------------------------------------------------------


def _standings(ids: list[int]) -> dict[int, Standing]:
    return {person.pk: standing_of(person) for person in User.objects.filter(pk__in=ids)}


def standing_of(person: User) -> Standing:
    """What the console offers to `person` now, asked of the console itself."""
    if not (person.is_active and person.is_staff):
        return Standing()
    request = StaffRequest()
    request.console = Console(person)
    request.method, request.path, request.user = "GET", reverse("admin:index"), person
    told = Standing(perms=set(person.get_all_permissions()))
    for number, name, until in memberships(person).values_list("group", "group__name", "ends_at"):
        told.groups[number] = (name, until)
    for model in models_with_row_grants():
        for grants in row_grants(person, model):
            for codename, number, until in grants.values_list("permission__codename", "content_object_id", "ends_at"):
                perm = f"{model._meta.app_label}.{codename}"
                told.row_grants.add((perm, str(model._meta.verbose_name), number, until))
    for section in menu(request):
        told.menus |= {str(item["link"]): f"{section['title']} › {item['title']}" for item in section["items"]}
    told.addresses = {desk.address for desk in desks() if desk.may_open(request)}
    told.addresses |= {desk.at("settings") for desk in queue_desks() if desk.may_set(request)}
    for table in all_tables():
        told.addresses |= set(_addresses(table, request))
        if table.has_view_permission(request):
            told.rows[reverse(table.address("changelist"))] = _rows(table, request)
    told.pairs = dangerous(told.perms | granted_on_rows(person))
    return told


def _addresses(table: ModelAdmin, request: StaffRequest) -> Iterable[str]:
    """The table's pages that open; those of single rows with dots in place of the number."""
    base = reverse(table.address("changelist"))
    if table.has_view_permission(request):
        yield base
        yield f"{base}…/history/"
    if table.has_add_permission(request):
        yield f"{base}add/"
    if table.has_change_permission(request):
        yield f"{base}…/change/"
    if table.has_delete_permission(request):
        yield f"{base}…/delete/"
    if table.has_export_permission(request):
        yield f"{base}export/"
    if table.has_import_permission(request):
        yield f"{base}import/"
    if table.model in models_with_row_grants() and may(request.user, "users.grant_permission"):
        yield f"{base}…/permissions/"


def _rows(table: ModelAdmin, request: StaffRequest) -> str | set[int]:
    user: Any = request.user
    if any(may(user, table.perm(action)) for action in table.seen_with):
        return ALL
    held = [scoped for action in table.seen_with for scoped in scoped_granted(user, table.perm(action))]
    if held:  # as many as there are, so named, not numbered
        return " · ".join(permission_name(scoped.perm) for scoped in held)
    return set(table.get_queryset(request).values_list("pk", flat=True))


def _rights(ids: set[int]) -> Rights:
    """All that each of these people is given, in a fixed number of queries: where it is the same, so is all else."""
    people = dict(User.objects.staff().active().filter(pk__in=ids).values_list("pk", "is_superuser"))
    found: dict[int, set[Any]] = {number: {("superuser", above)} for number, above in people.items()}
    groups: dict[int, set[int]] = {}
    members = GroupMembership.objects.filter(unended(), user__in=found)
    for number, group, until, perm in members.values_list("user", "group", "ends_at", "group__permissions"):
        # A superuser may do everything, whatever their groups give.
        found[number] |= {("group", group, until), ("perm", None if people[number] else perm)}
        groups.setdefault(group, set()).add(number)
    direct = User.user_permissions.through.objects.filter(user__in=found)
    for number, perm in direct.values_list("user_id", "permission_id"):
        found[number].add(("perm", perm))
    for model in models_with_row_grants():
        grant = ("permission", "content_object", "ends_at")
        own = get_user_obj_perms_model(model).objects.filter(unended(), user__in=found)  # type: ignore[arg-type, attr-defined]
        for number, *what in own.values_list("user", *grant):
            found[number].add((model, *what))
        theirs = get_group_obj_perms_model(model).objects.filter(unended(), group__in=groups)  # type: ignore[arg-type, attr-defined]
        for group, *what in theirs.values_list("group", *grant):
            for number in groups[group]:
                found[number].add((model, *what))
    return {number: tuple(sorted(given, key=repr)) for number, given in found.items()}


# --- What is different -----------------------------------------------------------------------------------------------


def _differences(old: Standing, new: Standing) -> Iterable[Change]:
    for gained, one, other in ((True, new, old), (False, old, new)):
        for what, items in (
            (_("menus"), [title for link, title in one.menus.items() if link not in other.menus]),
            (_("groups"), _group_words(one, other)),
            (_("permissions"), _perm_names(one.perms - other.perms)),
            (_("rows"), list(_row_words(one, other))),
            (_("object permissions"), _grant_words(one.row_grants - other.row_grants)),
            (_("pages"), sorted(one.addresses - other.addresses)),
        ):
            if items:
                yield Change(gained, what, items)


def _group_words(one: Standing, other: Standing) -> list[str]:
    words = []
    for number, (name, until) in one.groups.items():
        if number not in other.groups or other.groups[number][1] != until:
            words.append(_named(name, until))
    return sorted(words)


def _named(name: str, until: datetime | None) -> str:
    return f"{name}, {until_text(until)}" if until else name


def _table_names() -> dict[str, str]:
    return {
        reverse(table.address("changelist")): str(capfirst(str(table.opts.verbose_name_plural)))
        for table in all_tables()
    }


def _perm_names(perms: set[str]) -> list[str]:
    if not perms:
        return []
    codes = {perm.split(".", 1)[1] for perm in perms}
    found = Permission.objects.filter(codename__in=codes).select_related("content_type")
    return sorted(p.name for p in found if f"{p.content_type.app_label}.{p.codename}" in perms)


def _row_words(one: Standing, other: Standing) -> Iterable[str]:
    titles = _table_names() | other.menus | one.menus
    for address, rows in one.rows.items():
        name, had = titles[address], other.rows.get(address, set())
        if isinstance(rows, str):
            if had not in (ALL, rows):
                yield _("%(things)s: all") % {"things": name} if rows == ALL else f"{name}: {rows}"
        elif not isinstance(had, str) and rows - had:
            yield f"{name}: {_numbers(rows - had)}"


def _grant_words(grants: set[RowGrant]) -> list[str]:
    words = []
    names = {perm: _perm_names({perm}) for perm, *_row in grants}
    for perm, kind, number, until in sorted(grants, key=lambda grant: grant[:3])[:MOST_ROWS]:
        words.append(_named(f"{(names[perm] or [perm])[0]} · {kind} {number}", until))
    if len(grants) > MOST_ROWS:
        words.append(_("and %(n)d more") % {"n": len(grants) - MOST_ROWS})
    return words


def _numbers(rows: set[int]) -> str:
    shown = ", ".join(map(str, sorted(rows)[:MOST_ROWS]))
    return shown + (_(" and %(n)d more") % {"n": len(rows) - MOST_ROWS} if len(rows) > MOST_ROWS else "")
