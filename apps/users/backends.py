"""Who somebody is, by their password, and what they hold model-wide."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import QuerySet

from apps.access import memberships
from apps.users.models import User


class Accounts(ModelBackend):
    """Django's own, leaving out groups in which one's time is over."""

    def _get_group_permissions(self, user_obj: User) -> QuerySet[Permission]:
        return Permission.objects.filter(group__in=memberships(user_obj).values("group"))
