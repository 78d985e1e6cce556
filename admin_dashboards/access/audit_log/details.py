"""Details of an audit log entry as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Permission
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.access.audit_log.sources import model_of
from apps.access import until_text
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.accounts.access_log import ViewKind
from apps.users.models import User

VIEW_KINDS: Mapping[str, str | Promise] = {
    ViewKind.OPENED: gettext_lazy("account page"),
    ViewKind.FOUND: gettext_lazy("by a search"),
    ViewKind.DOCUMENT: gettext_lazy("its page"),
}
DETAILS: Mapping[str, str | Promise] = {
    "field": gettext_lazy("field %(value)s"),
    "page": gettext_lazy("page %(value)s"),
    "count": gettext_lazy("sessions: %(value)s"),
    "reveals": gettext_lazy("reveals: %(value)s"),
    "rows": gettext_lazy("rows: %(value)s"),
    "filters": gettext_lazy("filters %(value)s"),
    "about": gettext_lazy("about %(value)s"),
    "one": gettext_lazy("by %(value)s"),
    "other": gettext_lazy("and %(value)s"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """What entries name by a number or a code alone."""

    permissions: dict[str, str]
    users: dict[int, User]


def names_in(entries: Iterable[Entry]) -> Names:
    details = [entry.detail for entry in entries]
    perms = {str(detail["perm"]) for detail in details if "perm" in detail}
    ids = {detail[name] for detail in details for name in ("to", "taken_from") if isinstance(detail.get(name), int)}
    codes = [perm.partition(".")[2] for perm in perms]
    found = Permission.objects.filter(codename__in=codes).select_related("content_type") if perms else ()
    named = {f"{each.content_type.app_label}.{each.codename}": each.name for each in found}
    return Names({perm: named.get(perm, perm) for perm in perms}, User.objects.in_bulk(ids) if ids else {})


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def deleted_user(number: int | None) -> str:
    return _("no. %(number)s, deleted since") % {"number": number} if number else ""


def details_of(entry: Entry, names: Names) -> str:
    """What an entry says beside its object and reason."""
    detail = entry.details
    said = []
    if path := detail.get("path"):
        said.append(f"{detail.get('method', '')} {path}".strip())
    if (table := detail.get("table")) and (model := model_of(str(table))):
        said.append(str(model._meta.verbose_name_plural))
    if detail.get("given") == "code":
        said.append(_("wrong code"))
    if detail.get("at") == "api":
        right = detail.get("password_was_right")
        said.append(_("right password, at the API") if right else _("wrong password, at the API"))
    if perm := detail.get("perm"):
        said.append(f"“{names.permissions[str(perm)]}”")
    if isinstance(holder := detail.get("holder"), dict):
        given = _("to %(name)s") if entry.verb == Action.GRANTED else _("from %(name)s")
        said.append(given % {"name": holder.get("name", "")})
    for name, text in (("to", _("for %(name)s")), ("taken_from", _("taken over from %(name)s"))):
        if isinstance(number := detail.get(name), int):
            user = names.users.get(number)
            said.append(text % {"name": user.username if user else deleted_user(number)})
    for name, text in (("until", "%s"), ("snoozed_until", _("snoozed %s"))):
        if end := _time(detail.get(name)):
            said.append(text % until_text(end))
    if "ahead" in detail:
        said.append(_("Fetched ahead"))
    if kind := VIEW_KINDS.get(str(detail.get("look"))):
        said.append(str(kind))
    for name, pattern in DETAILS.items():
        if (value := detail.get(name)) not in (None, ""):
            said.append(str(pattern) % {"value": value})
    return ", ".join(said)
