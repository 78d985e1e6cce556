"""Whether a user has a permission, and why: the decision of `may`, as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Model
from django.http import QueryDict
from django.utils.translation import gettext as _

from admin_dashboards.access.picker import by_table, offered
from admin_dashboards.context import StaffRequest
from admin_dashboards.links import link_to
from apps.access import PermissionDecision, may, permission_name, until_text
from apps.errors import Invalid
from apps.infra.ids import searched_number
from apps.users.models import User
from apps.users.staff.access_review import groups_granting


@dataclass(slots=True)
class Explanation:
    person: User
    verb: str
    object: str
    """The object that was asked about; empty where it was all of them."""
    decision: PermissionDecision
    lines: list[Any] = field(default_factory=list)
    """By what it is allowed, or what is missing."""


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """The permissions by the table that they are about, as on the permission board."""
    return [
        (title, [(f"{p.content_type.app_label}.{p.codename}", p.name) for p in permissions])
        for title, permissions in by_table(offered())
    ]


def question_context(request: StaffRequest) -> dict[str, Any]:
    """The form of the question, as it is filled in."""
    return {
        "verbs": choices(),
        "names": User.objects.staff().active().order_by("username").values_list("username", flat=True)[:500],
        "asked": {name: request.GET.get(name, "") for name in ("person", "perm", "row")},
    }


def explain(asked: QueryDict) -> Explanation:
    """Whether and why the user in `asked` has the permission.

    Raises `Invalid`, with the field, where there is no such user, permission or object.
    """
    person = User.objects.named(asked.get("person", "")).first()
    if person is None:
        raise Invalid("no-user", _("No user has this user name. Check the spelling."), field="person")
    app_label, _dot, codename = asked.get("perm", "").partition(".")
    known = offered().filter(content_type__app_label=app_label, codename=codename).first()
    if known is None:
        raise Invalid("no-verb", _("Choose a permission."), field="perm")
    row = _row(known, asked.get("row", "").strip())
    perm = f"{app_label}.{codename}"
    decision = may(person, perm, row)
    name = f"{known.content_type.name} {row.pk}" if row is not None else ""
    explanation = Explanation(person, permission_name(perm), name, decision)
    explanation.lines = (
        [_line(source) for source in decision.sources] if decision else list(_missing(person, perm, decision))
    )
    return explanation


def _row(permission: Permission, number: str) -> Model | None:
    if not number:
        return None
    model: Any = permission.content_type.model_class()
    row = model._default_manager.filter(pk=searched_number(number)).first()
    if row is None:
        raise Invalid("no-row", _("No object has this ID. Check the ID."), field="row")
    return row


def _line(source: Any) -> Any:
    return str(source)


def _missing(person: User, perm: str, decision: PermissionDecision) -> Any:
    yield str(decision.sentence)
    if not person.is_staff:
        yield _("An app user: staff permissions apply to staff accounts only.")
        return
    groups = groups_granting(perm)
    if not groups:
        yield _("No group has this permission.")
    over = {member.group_id: member.ends_at for member in person.group_memberships.all() if member.is_over}
    for group in groups:
        if end := over.get(group.pk):
            yield _("They were in %(group)s, %(until)s.") % {"group": group.name, "until": until_text(end)}
        elif decision.via != "inactive":
            yield link_to(group, _("The group “%(name)s” gives it.") % {"name": group.name})
