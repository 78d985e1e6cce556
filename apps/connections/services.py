"""Connections: requested, answered, and deleted."""

from __future__ import annotations

from typing import Literal

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.access import require, visible
from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.connections.models import Connection, ConnectionQuerySet
from apps.errors import Absent, Conflict, Invalid
from apps.infra import pubsub
from apps.notifications.models import Kind
from apps.notifications.services import notify
from apps.users.models import User, unshown
from apps.visibility.compiled import Listing, compiled

type Direction = Literal["sent", "received"]


def connections_of(user: User, *, status: str | None = None, direction: Direction | None = None) -> Listing[Connection]:
    """The connections of a user, newest first."""
    return _connections(user, status=status, direction=direction)


@compiled(status=(None, *Connection.Status.values), direction=(None, "sent", "received"))
def _connections(viewer: User, *, status: str | None, direction: Direction | None) -> QuerySet[Connection]:
    rows = visible(viewer, Connection, ConnectionQuerySet)
    if status is not None:
        rows = rows.filter(status=status)
    if direction is not None:
        rows = rows.filter(sender_id=viewer.pk) if direction == "sent" else rows.filter(receiver_id=viewer.pk)
    return rows.with_people().defer(*unshown("sender"), *unshown("receiver")).newest_first()


@transaction.atomic
def request_connection(sender: User, receiver_id: int) -> Connection:
    """Request a connection. Raises `Conflict` where the pair has one, in either direction."""
    if receiver_id == sender.pk:
        raise Invalid("oneself", _("You cannot connect with yourself."), field="receiver")
    receiver = visible(sender, User).select_related("profile").filter(pk=receiver_id).first()
    if receiver is None:
        raise Absent("not-found", _("There is no such person."))
    connection = Connection(sender=sender, receiver=receiver)
    try:
        with transaction.atomic():
            save_as(sender, connection, action=Action.CONNECTION_REQUESTED)
    except IntegrityError as error:
        raise Conflict("already-requested", _("There is a request between the two of you already.")) from error
    notify(receiver.pk, Kind.CONNECTION_REQUEST, about=connection, person=sender.username)
    return connection


@transaction.atomic
def answer_connection(receiver: User, connection_id: int, *, status: str) -> Connection:
    """Accept or reject a request, once."""
    connection = _locked(receiver, connection_id)
    require(receiver, "connections.change_connection", connection)
    connection.answer(status)
    save_as(receiver, connection, action=Action(f"connection.{status}"))
    if status == Connection.Status.ACCEPTED:
        notify(connection.sender_id, Kind.CONNECTION_ACCEPTED, about=connection, person=receiver.username)
    return connection


@transaction.atomic
def delete_connection(actor: User, connection_id: int) -> None:
    """Delete a connection or withdraw a request; either of the two may then request another."""
    connection = _locked(actor, connection_id)
    require(actor, "connections.delete_connection", connection)
    delete_as(actor, connection, action=Action.CONNECTION_DELETED)
    pubsub.recheck(actor.pk)


def _locked(actor: User, connection_id: int) -> Connection:
    rows = visible(actor, Connection, ConnectionQuerySet).with_people().select_for_update(of=("self",))
    connection = rows.filter(pk=connection_id).first()
    if connection is None:
        raise Absent("not-found", _("There is no such connection."))
    return connection
