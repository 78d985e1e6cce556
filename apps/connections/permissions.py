"""Who may do what with connections, and who is connected to whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from django.db.models import Case, F, Model, Q, QuerySet, When
from django.utils.translation import gettext_lazy as _

from apps.connections.models import Connection
from apps.users.permissions import hidden_from
from apps.visibility.evaluate import visible_rows
from apps.visibility.policy import Check, Policy
from apps.visibility.snapshot import LIVE, Snapshot

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User

type Relation = Literal["pending_sent", "pending_received", "accepted", "rejected"]


def is_receiver(user: User, connection: Connection) -> bool:
    return connection.receiver_id == user.pk


def is_party(user: User, connection: Connection) -> bool:
    return user.pk in (connection.sender_id, connection.receiver_id)


def connected_ids(viewer: User | AnonymousUser, snapshot: Snapshot = LIVE) -> QuerySet[Connection, int]:
    """The IDs of all users connected to `viewer`; for use inside another query."""
    other = Case(When(sender_id=viewer.pk, then=F("receiver_id")), default=F("sender_id"))
    accepted = snapshot.of(Connection).filter(_between(viewer), status=Connection.Status.ACCEPTED)
    return accepted.values_list(other, flat=True)


def are_connected(one_id: int, other_id: int) -> bool:
    return Connection.objects.between(one_id, other_id).accepted().exists()


def relation(viewer: User, person: User) -> Relation | None:
    """The connection between the two, as `viewer` sees it."""
    connection = Connection.objects.between(viewer.pk, person.pk).first()
    if connection is None:
        return None
    if connection.status == Connection.Status.PENDING:
        return "pending_sent" if connection.sender_id == viewer.pk else "pending_received"
    return "accepted" if connection.status == Connection.Status.ACCEPTED else "rejected"


def policy(viewer: User, snapshot: Snapshot) -> Policy:
    """Connections that the viewer sent or received, except with users hidden by a block."""
    hidden = hidden_from(viewer, snapshot)
    return Policy(
        [
            Check("direction", _("Did the viewer send or receive it?"), _between(viewer)),
            Check(
                "unblocked",
                _("Has neither of the two blocked the other?"),
                ~Q(sender__in=hidden) & ~Q(receiver__in=hidden),
            ),
        ]
    )


def own(viewer: User) -> QuerySet[Connection]:
    return visible_rows(policy, Connection, viewer)


def _between(viewer: User | AnonymousUser) -> Q:
    return Q(sender_id=viewer.pk) | Q(receiver_id=viewer.pk)


RULES: dict[str, Callable[[Any, Any], bool]] = {
    "connections.change_connection": is_receiver,
    "connections.delete_connection": is_party,
}
SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Connection: own}
