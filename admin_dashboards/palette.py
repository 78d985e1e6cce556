"""The command palette: pages, actions, users and items by name or number, as far as the viewer may open them.

Each kind is read by an index and bounded, so that a search costs the same at a million rows. Mail addresses,
phone numbers and texts that are masked on screen are never searched here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BigIntegerField, Func, OuterRef, Q, QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.dataclasses import SearchResult

from admin_dashboards.context import StaffRequest
from admin_dashboards.desk import Desk
from admin_dashboards.navigation import address, tables
from admin_dashboards.registry import desks, open_desks, queue_desks, table_for
from admin_dashboards.tables.base import ModelAdmin
from admin_dashboards.tables.search import SHORTEST_PART, people_named
from apps.access import may
from apps.infra.ids import searched_number
from apps.users.models import User
from apps.users.names import seen, tidy

LONGEST = 100
SHORTEST = 2
"""How many characters a name needs; a number needs one digit."""
MOST = 5
"""How many of a kind are shown."""
MOST_TITLED = 100
MOST_OWNERS = 20
"""How many people of a fitting name, the closest ones, whose items are shown."""

type Described = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A table whose rows are found by number, and by the people whom they name."""

    model: str
    icon: str
    name: str | Promise
    people: tuple[str, ...]
    order: str
    describe: Described
    title: str = ""
    """A field that is searched, too; an index of its parts is needed."""


KINDS = (
    Kind(
        "users.Document", "badge", gettext_lazy("Document"), ("owner",), "-created_at",
        lambda row: f"{row.owner.username} · {row.get_status_display()}",
    ),
    Kind(
        "moderation.Report", "flag", gettext_lazy("Report"), ("author", "reporter"), "-created_at",
        lambda row: f"{row.author.username} · {row.get_reason_display()} · {row.get_status_display()}",
    ),
    Kind(
        "stories.Story", "web_stories", gettext_lazy("Story"), ("author",), "-created_at",
        lambda row: row.author.username,
    ),
    Kind(
        "events.Event", "event", gettext_lazy("Event"), ("host",), "-date",
        lambda row: f"{row.title} · {row.host.username}", title="title",
    ),
)  # fmt: skip

ACTIONS: tuple[tuple[str, str, str | Promise], ...] = (
    # desk's slug, page, what it does
    ("compliance", "next", gettext_lazy("Next document")),
    ("moderation", "next", gettext_lazy("Next case")),
    ("moderation/appeals", "next", gettext_lazy("Next appeal")),
    ("access", "explain", gettext_lazy("Explain a permission")),
)
PAGES: tuple[tuple[str, str, str | Promise], ...] = (
    # desk's slug, page, title; a page that does not exist is left out
    ("moderation/appeals", "", gettext_lazy("Appeals")),
    ("compliance", "quality", gettext_lazy("Quality")),
    ("compliance", "templates", gettext_lazy("Message templates")),
    ("moderation", "templates", gettext_lazy("Message templates")),
    ("access", "audit", gettext_lazy("Audit log")),
)
OWN: tuple[tuple[str, str, str | Promise], ...] = (
    ("index", "hub", gettext_lazy("Overview")),
    ("notices", "notifications", gettext_lazy("Notifications")),
    ("preferences", "tune", gettext_lazy("Preferences")),
    ("password_change", "password", gettext_lazy("Change password")),
    ("mfa", "phonelink_lock", gettext_lazy("Second factor")),
)


def found(request: StaffRequest, text: str) -> list[SearchResult]:
    """What fits `text`, the exact number or name first; nothing that the viewer may not open."""
    term = tidy(seen(text[:LONGEST]))
    if not term:
        return []
    results = [
        *_actions(request, term),
        *_pages(request, term),
        *_items(request, term),
        *_asked_of_desks(request, term),
    ]
    return [_result(*each) for each in results]


def _result(title: str, description: str, link: str, icon: str) -> SearchResult:
    return SearchResult(title=title, description=description, link=link, icon=icon)


type Found = tuple[str, str, str, str]


def _fits(term: str, *names: Any) -> bool:
    """Whether each word that was typed begins a word of the names."""
    parts = " ".join(map(str, names)).casefold().split()
    return all(any(word.startswith(part) for word in parts) for part in term.casefold().split())


# --- Pages and actions ------------------------------------------------------------------------------------------------


def _actions(request: StaffRequest, term: str) -> Iterator[Found]:
    theirs = _theirs(request)
    for slug, page, title in ACTIONS:
        if slug in theirs and _fits(term, title):
            yield str(title), str(theirs[slug].title), reverse(f"admin:{theirs[slug].name}_{page}"), "bolt"
    for model, title, icon in (
        ("auth.Group", _("Add group"), "group_add"),
        ("users.Staff", _("Add staff"), "person_add"),
    ):
        table = _table(model)
        if _fits(term, title) and table is not None and table.has_add_permission(request):
            yield title, _("Authentication"), reverse(table.address("add")), icon


def _asked_of_desks(request: StaffRequest, term: str) -> Iterator[Found]:
    """The same search at Investigate, which finds by more than names and logs it."""
    desk = _theirs(request).get("support")
    if desk is not None and len(term) >= SHORTEST:
        link = f"{desk.address}?{urlencode({'q': term})}"
        yield _("Find user “%(term)s”") % {"term": term}, str(desk.title), link, desk.icon


def _pages(request: StaffRequest, term: str) -> Iterator[Found]:
    theirs = _theirs(request)
    for desk in open_desks(request):
        if _fits(term, desk.title, _("Desk")):
            yield str(desk.title), _("Desk"), desk.address, desk.icon
    for slug, page, title in PAGES:
        if slug in theirs and _fits(term, title) and (page != "audit" or may(request.user, "audit.view_entry")):
            desk = theirs[slug]
            try:
                link = reverse(f"admin:{desk.name}_{page}" if page else f"admin:{desk.name}")
            except NoReverseMatch:
                continue
            yield str(title), str(desk.title), link, desk.icon
    for desk in queue_desks():
        if _fits(term, desk.title, _("Rules and SLA")) and desk.may_set(request):
            yield _("%(desk)s: rules") % {"desk": desk.title}, _("Desk"), desk.at("settings"), "rule_settings"
    for section, entries in tables(request):
        for entry, table in entries:
            if _fits(term, entry.title, section):
                yield str(entry.title), str(section), address(table), entry.icon
    for page, icon, title in OWN:
        if _fits(term, title):
            yield str(title), _("Console"), reverse(f"admin:{page}"), icon


def _theirs(request: StaffRequest) -> dict[str, Desk]:
    return {desk.slug: desk for desk in desks() if desk.may_open(request)}


def _table(model: str) -> ModelAdmin | None:
    return table_for(apps.get_model(model))


# --- People and items -------------------------------------------------------------------------------------------------


def _items(request: StaffRequest, term: str) -> Iterator[Found]:
    name = term.removeprefix("@")
    people = people_named(name) if len(name) >= SHORTEST else []
    yield from _people(request, term, people)
    owners = people[:MOST_OWNERS]
    yield from _of_desks(request, term, owners)
    for kind in KINDS:
        table = _table(kind.model)
        if table is None or not table.has_view_permission(request):
            continue
        rows = table.get_queryset(request).order_by(kind.order, "-pk")
        also = _titled(rows, kind.title, term) if kind.title and len(term) >= SHORTEST_PART else Q()
        numbered = Q(pk=number) if (number := searched_number(term, str(kind.name))) else Q()
        for row in _first(rows, numbered, _of_people(rows, kind.people, owners), also):
            link = _desk_page(request, row) or reverse(table.address("change"), args=[row.pk])
            yield f"{kind.name} #{row.pk}", kind.describe(row), link, kind.icon


def _of_people(rows: QuerySet[Any], fields: Iterable[str], owners: list[int]) -> Q:
    """The latest few of `rows` of each owner: so many steps in an index, however much each of them has."""
    if not owners:
        return Q()
    parts = []
    for field in fields:
        latest = rows.filter(**{field: OuterRef("pk")}).values("pk")[:MOST]
        each = Func(ArraySubquery(latest), function="unnest", output_field=BigIntegerField())
        parts.append(User.objects.filter(pk__in=owners).order_by().annotate(item=each).values_list("item", flat=True))
    ids = list(parts[0].union(*parts[1:], all=True))
    return Q(pk__in=ids) if ids else Q()


def _titled(rows: QuerySet[Any], field: str, term: str) -> Q:
    """Some of `rows` whose title contains `term`. Without an order, which could be read through to its end for few."""
    found = rows.order_by().filter(**{f"{field}__icontains": term}).values_list("pk", flat=True)
    ids = list(found[:MOST_TITLED])
    return Q(pk__in=ids) if ids else Q()


def _first(rows: QuerySet[Any], *asked: Q) -> list[Any]:
    """The first few rows, in the order of what is asked. Each is a query of its own, so by its own index."""
    chosen = [row for wanted in asked if wanted for row in rows.filter(wanted)[:MOST]]
    return list({row.pk: row for row in chosen}.values())[:MOST]


def _people(request: StaffRequest, term: str, people: list[int]) -> Iterator[Found]:
    """App users and staff by user name, the closest first, or by number."""
    number = searched_number(term, _("user"))
    ids = [*([number] if number else []), *people[: 2 * MOST]]
    if not ids:
        return
    users, staff, profiles = _table("users.User"), _table("users.Staff"), _table("users.Profile")
    investigate = _theirs(request).get("support")
    clients = User.objects.none()
    link: Callable[[Any], str] | None = None
    if users is not None and users.has_view_permission(request):
        clients, link = users.get_queryset(request), lambda user: reverse("admin:users_user_change", args=[user.pk])
    elif investigate is not None:
        clients = User.objects.clients()
        link = lambda user: reverse("admin:desk_support_person", args=[user.pk])  # noqa: E731
    elif profiles is not None and profiles.has_view_permission(request):
        seen_ones = profiles.get_queryset(request).filter(user__in=ids).values("user")
        clients = User.objects.filter(pk__in=seen_ones).select_related("profile")
        link = lambda user: reverse("admin:users_profile_change", args=[user.profile.pk])  # noqa: E731
    if link is not None:
        for user in _in_order(clients, ids):
            yield user.username, user.get_role_display(), link(user), "person"
    if staff is not None and staff.has_view_permission(request):
        for member in _in_order(staff.get_queryset(request).prefetch_related(None), ids):
            yield member.username, _("Staff"), reverse("admin:users_staff_change", args=[member.pk]), "manage_accounts"
    groups = _table("auth.Group")
    if groups is not None and len(term) >= SHORTEST and groups.has_view_permission(request):
        for group in groups.get_queryset(request).filter(name__icontains=term)[:MOST]:
            yield group.name, _("Group"), reverse("admin:auth_group_change", args=[group.pk]), "shield_person"


def _in_order(rows: QuerySet[Any], ids: list[int]) -> list[Any]:
    place = {pk: number for number, pk in enumerate(dict.fromkeys(ids))}
    return sorted(rows.filter(pk__in=ids).order_by(), key=lambda row: place[row.pk])[:MOST]


def _of_desks(request: StaffRequest, term: str, owners: list[int]) -> Iterator[Found]:
    """Cases and appeals, which have no tables: only the queues know them."""
    names = {"moderation": ("author",), "moderation/appeals": ("author",)}
    theirs = {desk.slug: desk for desk in queue_desks() if desk.slug in names and desk.may_open(request)}
    for slug, people in names.items():
        desk = theirs.get(slug)
        if desk is None:
            continue
        kind = str(desk.queue.model._meta.verbose_name)
        numbered = Q(pk=number) if (number := searched_number(term, kind)) else Q()
        bare = desk.rows(request).order_by(f"-{desk.queue.arrived}", "-pk")
        rows = desk.with_related(bare)
        for row in _first(rows, numbered, _of_people(bare, people, owners)):
            state = _("open") if row.is_open else row.decided_as
            yield desk.title_of(row), f"{kind.capitalize()} #{row.pk} · {state}", desk.at("item", row.pk), desk.icon


def _desk_page(request: StaffRequest, row: Any) -> str:
    """The page of the queue, for a row that the viewer may decide there."""
    for desk in queue_desks():
        if desk.queue.model is type(row) and row.pk and desk.may_open(request):
            return desk.at("item", row.pk)
    return ""
