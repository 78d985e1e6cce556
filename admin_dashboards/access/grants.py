"""Permissions on one row: a page beside each document, story, event, message and report."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from admin_dashboards.access.preview import PREVIEW, Preview, preview_answer, what_would_change
from admin_dashboards.context import StaffRequest
from admin_dashboards.errors import with_status
from admin_dashboards.local_time import read_time
from admin_dashboards.registry import ObjectPage, register_object_page
from admin_dashboards.sign_in.reauth import recently_confirmed
from apps.access import has_row_grants, may, models_with_row_grants, require, unended, unended_row_grants
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.errors import DomainError, Invalid
from apps.infra.ids import parse_id, searched_number
from apps.users.accounts.guards import ACCESS_ADMINISTRATION
from apps.users.models import User
from apps.users.staff.object_grants import grant_on_row, revoke_on_row, row_permissions

if TYPE_CHECKING:
    from admin_dashboards.tables.base import ModelAdmin

type Holder = User | Group


@dataclass(frozen=True, slots=True)
class Grant:
    holder: Holder
    permission: Permission
    row: Model
    until: datetime | None = None

    @property
    def holder_key(self) -> str:
        return key_of(self.holder)

    @property
    def perm(self) -> str:
        return f"{self.permission.content_type.app_label}.{self.permission.codename}"

    @property
    def address(self) -> str:
        opts = self.row._meta
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_permissions", args=[self.row.pk])

    @property
    def object_name(self) -> str:
        """The row by its ID alone: a user who may grant permissions need not be permitted to view it."""
        return f"{self.row._meta.verbose_name} {self.row.pk}"


def key_of(holder: Holder) -> str:
    return f"{'group' if isinstance(holder, Group) else 'user'}:{holder.pk}"


def find_row(kind: str, number: str) -> Model | None:
    model = next((m for m in models_with_row_grants() if m._meta.model_name == kind), None)
    if model is None:
        return None
    return model._default_manager.filter(pk=searched_number(number)).only("pk").first()


def row_grants_of(user: User) -> list[Grant]:
    """What `user` is granted on single rows, by name; the first hundred of each kind."""
    return [
        Grant(user, grant.permission, model(pk=grant.content_object_id), grant.ends_at)
        for model in models_with_row_grants()
        for grant in unended_row_grants(model)[0]
        .filter(user=user)
        .select_related("permission__content_type")
        .order_by("-id")[:100]
    ]


def grants_on(row: Model) -> list[Grant]:
    people, groups = (grants.filter(content_object=row) for grants in unended_row_grants(type(row)))
    return [
        Grant(grant.user, grant.permission, row, grant.ends_at)
        for grant in people.select_related("user", "permission__content_type").order_by("user__username", "id")
    ] + [
        Grant(grant.group, grant.permission, row, grant.ends_at)
        for grant in groups.select_related("group", "permission__content_type").order_by("group__name", "id")
    ]


def permissions_page(table: ModelAdmin, request: StaffRequest, object_id: str) -> HttpResponse:
    """Who is granted what on this row; granting and revoking, by POST."""
    require(request.user, "users.grant_permission")
    row = find_row(table.opts.model_name or "", object_id)
    if row is None:
        raise Http404
    if request.method == "POST" and PREVIEW in request.POST:
        return preview_answer(request, _preview(request, row))
    if request.method == "POST":
        return recently_confirmed(_answer)(request, table, row)
    return _page(table, request, row)


register_object_page(ObjectPage("permissions", permissions_page, "users.grant_permission", has_row_grants))


def _page(table: ModelAdmin, request: StaffRequest, row: Model, error: DomainError | None = None) -> HttpResponse:
    """The page; with the error that the input was rejected with, which stands at its field, and the input as it was."""
    title = _("Permissions on %(object)s") % {"object": f"{table.opts.verbose_name} {row.pk}"}
    context = {
        **table.admin_site.each_context(request),
        "title": title,
        "content_title": title,
        "app_label": table.opts.app_label,
        "back": reverse(table.address("change"), args=[row.pk]) if table.has_view_permission(request, row) else "",
        "desk_address": reverse("admin:desk_access") if may(request.user, ACCESS_ADMINISTRATION) else "",
        "grants": grants_on(row),
        "earlier": _grant_history(row),
        "permissions": row_permissions(type(row)),
        "holders": _holder_names(request.user),
        "typed": _typed(request),
        "zone": timezone.get_current_timezone_name(),
        "errors": {FIELDS.get(error.field or "", error.field or "form"): str(error)} if error else {},
    }
    return with_status(TemplateResponse(request, "access/row_permissions.html", context), error)


FIELDS = {"ends_at": "until"}
"""Fields of the form, by what the service calls them."""
MOST_NAMES = 500
"""How many names are offered of each kind; others can be typed."""


def _typed(request: StaffRequest) -> dict[str, Any]:
    """The form as it was sent, or as another page has filled it in: the holder by name."""
    if "revoke" in request.POST:
        return {}
    sent = request.POST if request.method == "POST" else request.GET
    holder = sent.get("holder", "")
    with suppress(Invalid):  # shown again as it was typed
        holder = _name(_holder(holder)) if holder else ""
    fields = {"holder": holder, "perms": sent.getlist("perm")}
    return fields | {name: sent.get(name, "") for name in ("until", "reason")}


def _holder_names(actor: User) -> list[str]:
    others = User.objects.staff().active().exclude(pk=actor.pk).order_by("username")
    staff = others if actor.is_superuser else others.filter(is_superuser=False)
    return [*map(_name, staff[:MOST_NAMES]), *map(_name, Group.objects.order_by("name")[:MOST_NAMES])]


def _name(holder: Holder) -> str:
    """What the holder is called in the field: "nora", "Community Manager (group)"."""
    return _("%(name)s (group)") % {"name": holder.name} if isinstance(holder, Group) else holder.username


def _do(request: StaffRequest, row: Model) -> Holder:
    """Grant or revoke what was sent, and return the holder."""
    reason = request.POST.get("reason", "").strip()
    revoking = "revoke" in request.POST
    perms = request.POST.getlist("revoke" if revoking else "perm")
    action: Any = revoke_on_row if revoking else partial(grant_on_row, ends_at=_end(request))
    holder = _holder(request.POST.get("holder", ""))
    if not perms:
        raise Invalid("nothing-ticked", _("Select what to grant."), field="perm")
    with transaction.atomic():
        for perm in perms:
            action(request.user, holder, perm, row, reason=reason)
    return holder


def _preview(request: StaffRequest, row: Model) -> Preview:
    """What the form as it is filled in would change."""
    try:
        holder = _holder(request.POST.get("holder", ""))
    except Invalid as error:
        return Preview(refused=error)
    ids = {holder.pk}
    if isinstance(holder, Group):
        ids = set(holder.memberships.filter(unended()).values_list("user", flat=True))
    return what_would_change(lambda: _do(request, row), lambda _done: ids)


def _answer(request: StaffRequest, table: ModelAdmin, row: Model) -> HttpResponse:
    revoking = "revoke" in request.POST
    try:
        holder = _do(request, row)
    except DomainError as error:
        return _page(table, request, row, error)
    said = _("Revoked from %(name)s.") if revoking else _("Granted to %(name)s.")
    messages.success(request, said % {"name": holder})
    return HttpResponseRedirect(request.path)


def _end(request: StaffRequest) -> datetime | None:
    try:
        return read_time(request.POST.get("until", ""))
    except ValidationError as error:
        raise Invalid("no-time", error.messages[0], field="until") from error


def _grant_history(row: Model) -> list[dict[str, Any]]:
    """Permissions granted and revoked on this row, the latest first."""
    entries = Entry.objects.filter(
        target_type=row._meta.label_lower, target_id=str(row.pk), verb__in=(Action.GRANTED, Action.REVOKED)
    )
    names = {f"{row._meta.app_label}.{each.codename}": each.name for each in row_permissions(type(row))}
    return [
        {
            "who": entry.actor,
            "action": entry.label,
            "permission": names.get(perm := entry.detail["perm"], perm),
            "holder": entry.details["holder"]["name"],
            "until": parse_datetime(entry.detail.get("until", "")),
            "reason": entry.reason,
            "when": entry.created_at,
        }
        for entry in entries.select_related("actor")[:25]
    ]


def _holder(text: str) -> Holder:
    """The holder that `text` names: a key, such as "user:7", or a name as the field offers it."""
    kind, colon, number = text.partition(":")
    model: Any = {"user": User, "group": Group}.get(kind)
    if colon and model:
        holder = model.objects.filter(pk=parse_id(number)).first()
    else:
        holder = _group_named(text.strip()) or User.objects.named(text).first()
    if holder is None:
        raise Invalid("no-holder", _("Choose a staff member or a group."), field="holder")
    return holder


def _group_named(text: str) -> Group | None:
    before, after = (_("%(name)s (group)") % {"name": "\0"}).split("\0")
    if not (text.startswith(before) and text.endswith(after)):
        return Group.objects.filter(name=text).first()
    return Group.objects.filter(name__in=(text, text.removeprefix(before).removesuffix(after))).first()
