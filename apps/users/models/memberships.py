from __future__ import annotations

import simple_history
from django.contrib.auth.models import Group
from django.db import models

from apps.access import TimeBoxed
from apps.audit.history import History


class GroupMembership(TimeBoxed):
    """A user's membership of a group. `apps.access.memberships` are those in force."""

    user = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="group_memberships")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        db_table = "users_user_groups"  # Django's own name for it, from before it had an end
        default_permissions = ()
        unique_together = (("user", "group"),)

    def __str__(self) -> str:
        return f"{self.user} · {self.group}"


def _history_of_groups() -> None:
    if not hasattr(Group, "history"):
        simple_history.register(
            Group,
            records_class=History,
            app="apps.users",
            m2m_fields=[Group.permissions.field],
            table_name="users_historicalgroup",
        )


_history_of_groups()
