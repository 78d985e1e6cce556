"""Authentication of staff by password, and their model-wide permissions."""

from __future__ import annotations

from functools import cache
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from apps.access import memberships, unended
from apps.audit.context import remember_key
from apps.users.models import GroupMembership, User, unknown_user
from apps.visibility.slots import NOW, VIEWER
from apps.visibility.statement import Statement


class Accounts(ModelBackend):
    """Django's own, without memberships of groups that have ended."""

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **rest: Any
    ) -> User | None:
        """The staff account of these credentials; None for end users, as for a wrong password.

        The lock-out is checked after a right password too: parallel guesses get no more answers than serial ones.
        """
        if username is None or password is None:
            return None
        user = User.objects.named(username).first()
        # The same hashes for unknown names: response times must not disclose accounts.
        right = (user or unknown_user(username)).check_password(password)
        if user is None or not right or not user.is_staff or not self.user_can_authenticate(user):
            return None
        if not AxesProxyHandler.is_allowed(request, {"username": username}):
            raise PermissionDenied
        return user

    def get_user(self, user_id: int) -> User | None:
        """The active user of this id, whose key is remembered for what they are going to do."""
        found = _with_key().rows({"viewer": user_id})
        user: Any = found[0] if found else None
        if user is None or not self.user_can_authenticate(user):
            return None
        remember_key(user.pk, user.key)
        return user

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """The user's own and those of their groups, by one query, where Django asks for either."""
        if obj is not None or not user_obj.is_active or user_obj.is_anonymous or user_obj.is_superuser:
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            names = _permissions().rows({"viewer": user_obj.pk, "now": timezone.now()})
            user_obj._perm_cache = {f"{app}.{codename}" for app, codename in names}
        held: set[str] = user_obj._perm_cache
        return held

    def _get_group_permissions(self, user_obj: User) -> QuerySet[Permission]:
        return Permission.objects.filter(group__in=memberships(user_obj).values("group"))


# Each page of the console asks for these two.
@cache
def _with_key() -> Statement:
    return Statement(User.objects.annotate(key=F("person_key__key")).filter(pk=VIEWER))


@cache
def _permissions() -> Statement:
    own = User.user_permissions.through.objects.filter(user=VIEWER).values("permission")
    groups = GroupMembership.objects.filter(unended(now=NOW), user=VIEWER).values("group")
    theirs = Group.permissions.through.objects.filter(group__in=groups).values("permission")
    held = Permission.objects.filter(Q(pk__in=own) | Q(pk__in=theirs))
    return Statement(held.order_by().values_list("content_type__app_label", "codename"))
