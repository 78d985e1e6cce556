"""Who somebody is, by their password, and what they hold model-wide."""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from apps.access import memberships
from apps.users.models import User, nobody


class Accounts(ModelBackend):
    """Django's own, leaving out groups in which one's time is over."""

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **rest: Any
    ) -> User | None:
        """Staff only: the right password of anybody else is as good as a wrong one.

        The lock-out judges a right password again, so that many at once get no more answers than one by one.
        """
        if username is None or password is None:
            return None
        user = User.objects.named(username).first()
        # Of the same spellings for nobody, so that time does not tell whether an account exists.
        right = (user or nobody()).check_password(password)
        if user is None or not right or not user.is_staff or not self.user_can_authenticate(user):
            return None
        if not AxesProxyHandler.is_allowed(request, {"username": username}):
            raise PermissionDenied
        return user

    def _get_group_permissions(self, user_obj: User) -> QuerySet[Permission]:
        return Permission.objects.filter(group__in=memberships(user_obj).values("group"))
