"""Who somebody is, by their password, and what they hold model-wide."""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from apps.access import memberships
from apps.users.models import User


class Accounts(ModelBackend):
    """Django's own, leaving out groups in which one's time is over."""

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **rest: Any
    ) -> User | None:
        """Staff only: the right password of anybody else is as good as a wrong one.

        The lock-out judges a right password again, so that many at once get no more answers than one by one.
        """
        user = super().authenticate(request, username, password, **rest)
        if user is not None and not user.is_staff:
            return None
        if user is not None and not AxesProxyHandler.is_allowed(request, {"username": username}):
            raise PermissionDenied
        return user

    def _get_group_permissions(self, user_obj: User) -> QuerySet[Permission]:
        return Permission.objects.filter(group__in=memberships(user_obj).values("group"))
