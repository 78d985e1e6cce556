"""A snapshot of the console as it is offered to one user: permissions, menus, pages and rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from admin_dashboards.context import Console, StaffRequest
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
    unended_row_grants,
)
from apps.users.models import GroupMembership, User
from apps.users.staff.access_review import Pair, dangerous

if TYPE_CHECKING:
    from admin_dashboards.tables.base import ModelAdmin


ALL = "all"

type RowGrant = tuple[str, str, int, datetime | None]
"""A permission, the name of the model, the ID of the row, and until when."""
type GrantsByUser = dict[int, tuple[Any, ...]]
"""All that each user is granted, as far as it can differ, by the user's ID."""


@dataclass(slots=True)
class ConsoleSnapshot:
    """The console as one user has it."""

    perms: set[str] = field(default_factory=set)
    groups: dict[int, tuple[str, datetime | None]] = field(default_factory=dict)
    """Names and ends, by number: by another name it is the same group."""
    row_grants: set[RowGrant] = field(default_factory=set)
    menus: dict[str, str] = field(default_factory=dict)
    """Titles by address."""
    addresses: set[str] = field(default_factory=set)
    rows: dict[str, str | set[int]] = field(default_factory=dict)
    """Of each table that the user may open, by its address: `ALL`, the scoped permissions, or the IDs of the rows."""
    pairs: list[Pair] = field(default_factory=list)


def snapshots_of(ids: list[int]) -> dict[int, ConsoleSnapshot]:
    return {person.pk: snapshot_of(person) for person in User.objects.filter(pk__in=ids)}


def snapshot_of(person: User) -> ConsoleSnapshot:
    """What the console offers to `person` now, asked of the console itself."""
    if not (person.is_active and person.is_staff):
        return ConsoleSnapshot()
    request = StaffRequest()
    request.console = Console(person)
    request.method, request.path, request.user = "GET", reverse("admin:index"), person
    snapshot = ConsoleSnapshot(perms=set(person.get_all_permissions()))
    for number, name, until in memberships(person).values_list("group", "group__name", "ends_at"):
        snapshot.groups[number] = (name, until)
    for model in models_with_row_grants():
        for grants in row_grants(person, model):
            for codename, number, until in grants.values_list("permission__codename", "content_object_id", "ends_at"):
                perm = f"{model._meta.app_label}.{codename}"
                snapshot.row_grants.add((perm, str(model._meta.verbose_name), number, until))
    for section in menu(request):
        snapshot.menus |= {str(item["link"]): f"{section['title']} › {item['title']}" for item in section["items"]}
    snapshot.addresses = {desk.address for desk in desks() if desk.may_open(request)}
    snapshot.addresses |= {desk.at("settings") for desk in queue_desks() if desk.may_set(request)}
    for table in all_tables():
        snapshot.addresses |= set(_addresses(table, request))
        if table.has_view_permission(request):
            snapshot.rows[reverse(table.address("changelist"))] = _rows(table, request)
    snapshot.pairs = dangerous(snapshot.perms | granted_on_rows(person))
    return snapshot


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
    scoped_perms = [scoped for action in table.seen_with for scoped in scoped_granted(user, table.perm(action))]
    if scoped_perms:  # as many as there are, so named, not numbered
        return " · ".join(permission_name(scoped.perm) for scoped in scoped_perms)
    return set(table.get_queryset(request).values_list("pk", flat=True))


def grants_by_user(ids: set[int]) -> GrantsByUser:
    """All that each of these users is granted, in a fixed number of queries: if it is the same, so is their console."""
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
        own, theirs = unended_row_grants(model)
        for number, *what in own.filter(user__in=found).values_list("user", *grant):
            found[number].add((model, *what))
        for group, *what in theirs.filter(group__in=groups).values_list("group", *grant):
            for number in groups[group]:
                found[number].add((model, *what))
    return {number: tuple(sorted(given, key=repr)) for number, given in found.items()}
