"""Authentication of staff by password, and their model-wide permissions."""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet

from apps.access import memberships
from apps.audit.context import remember_key
from apps.users.models import User, unknown_user


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
        user = User.objects.annotate(key=F("person_key__key")).filter(pk=user_id).first()
        if user is None or not self.user_can_authenticate(user):
            return None
        remember_key(user.pk, user.key)
        return user

    def _get_group_permissions(self, user_obj: User) -> QuerySet[Permission]:
        return Permission.objects.filter(group__in=memberships(user_obj).values("group"))
