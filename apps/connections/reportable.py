"""Whom a user has met through connections, and so can report."""

from __future__ import annotations

from django.db.models import Q

from apps.connections.models import Connection
from apps.users.models import User


def met_users(viewer: User) -> Q:
    """Those who asked `viewer` to connect, or were asked."""
    requests = Connection.objects.of(viewer.pk)
    return Q(id__in=requests.values("sender")) | Q(id__in=requests.values("receiver"))
