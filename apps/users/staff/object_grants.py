"""Grants on one row: a staff account or a group that may do something to this story, that document."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from guardian.shortcuts import assign_perm, remove_perm

from apps.access import check_end, has_row_grants, require, scoped_permissions
from apps.audit.actions import Action
from apps.audit.services import record
from apps.errors import Invalid
from apps.users.accounts.guards import refuse_oneself, refuse_own_group, refuse_superuser
from apps.users.models import User


def row_permissions(model: type[Model]) -> QuerySet[Permission]:
    """The permissions that can be granted on single rows of `model`: all that are about a row that is there."""
    if not has_row_grants(model):
        return Permission.objects.none()
    of_model = Permission.objects.filter(
        content_type__app_label=model._meta.app_label, content_type__model=model._meta.model_name
    )
    # A scoped permission is granted on no single row.
    named = [scoped.perm.split(".")[1] for some in scoped_permissions().values() for scoped in some]
    return (
        of_model.exclude(codename__startswith="add_")
        .exclude(codename__startswith="export_")
        .exclude(codename__startswith="import_")
        .exclude(codename__in=named)
        .order_by("name")
    )


@transaction.atomic
def grant_on_row(
    actor: User, holder: User | Group, perm: str, obj: Model, *, ends_at: datetime | None = None, reason: str = ""
) -> None:
    """Let `holder`, a staff account or a group, do `perm` ("stories.delete_story") on `obj` alone.

    Until `ends_at`, in whole seconds, or for good. Granting anew sets the end anew.
    """
    _change_row_grant(actor, holder, perm, obj)
    until = check_end(ends_at, field="ends_at")
    grant: Any = assign_perm(perm, holder, obj)
    grant.begun_at, grant.ends_at = timezone.now(), until
    grant.save()
    known: dict[str, Any] = {"until": until.isoformat()} if until else {}
    record(actor, Action.GRANTED, obj, reason=reason, subject=_user(holder), perm=perm, holder=_named(holder), **known)


@transaction.atomic
def revoke_on_row(actor: User, holder: User | Group, perm: str, obj: Model, *, reason: str = "") -> None:
    """Revoke a permission on one row. Idempotent."""
    _change_row_grant(actor, holder, perm, obj)
    remove_perm(perm, holder, obj)
    record(actor, Action.REVOKED, obj, reason=reason, subject=_user(holder), perm=perm, holder=_named(holder))


def _change_row_grant(actor: User, holder: User | Group, perm: str, obj: Model) -> None:
    require(actor, "users.grant_permission")
    app_label, _dot, codename = perm.partition(".")
    known = row_permissions(type(obj)).filter(content_type__app_label=app_label, codename=codename)
    if not known.exists():
        raise Invalid(
            "not-for-rows", _("“%(perm)s” cannot be granted on a single object.") % {"perm": perm}, field="perm"
        )
    if isinstance(holder, Group):
        refuse_own_group(actor, holder)
        return
    if not holder.is_staff:
        raise Invalid("not-staff", _("Only staff accounts can be granted permissions."), field="holder")
    refuse_oneself(actor, holder, _("You cannot grant or revoke your own permissions. Ask another access manager."))
    refuse_superuser(actor, holder)


def _user(holder: User | Group) -> User | None:
    return None if isinstance(holder, Group) else holder


def _named(holder: User | Group) -> dict[str, Any]:
    return {"kind": holder._meta.model_name, "id": holder.pk, "name": str(holder)}
