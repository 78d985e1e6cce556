"""Follows and blocks between users."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.errors import Absent, Invalid
from apps.infra import pubsub
from apps.notifications.models import Kind
from apps.notifications.services import notify
from apps.users.accounts.directory import user_named
from apps.users.models import Block, Follow, User
from apps.users.permissions import is_hidden


@transaction.atomic
def follow(user: User, username: str) -> None:
    """Follow a user; idempotent. Raises `Absent`, and `Invalid` for oneself."""
    person = _other(user, username)
    if is_hidden(user.pk, person.pk):
        raise Absent("not-found", _("There is no user of this name."))
    if Follow.objects.filter(follower=user, followed=person).exists():
        return
    if _create_once(user, Follow(follower=user, followed=person), action=Action.FOLLOWED):
        notify(person.pk, Kind.NEW_FOLLOWER, about=user, person=user.username)


@transaction.atomic
def unfollow(user: User, username: str) -> None:
    """Stop following a user; idempotent."""
    person = _other(user, username)
    for row in Follow.objects.select_for_update().filter(follower=user, followed=person):
        delete_as(user, row, action=Action.UNFOLLOWED)


@transaction.atomic
def block(user: User, username: str) -> None:
    """Block a user: each is hidden from the other everywhere, at once. Idempotent."""
    person = _other(user, username)
    if Block.objects.filter(blocker=user, blocked=person).exists():
        return
    if _create_once(user, Block(blocker=user, blocked=person), action=Action.BLOCKED):
        pubsub.recheck(user.pk)
        pubsub.recheck(person.pk)


@transaction.atomic
def unblock(user: User, username: str) -> None:
    """Remove the user's own block; idempotent."""
    person = _other(user, username)
    for row in Block.objects.select_for_update().filter(blocker=user, blocked=person):
        delete_as(user, row, action=Action.UNBLOCKED)


def _other(user: User, username: str) -> User:
    person = user_named(user, username)
    if person.pk == user.pk:
        raise Invalid("oneself", _("You cannot follow or block yourself."))
    return person


def _create_once(actor: User, row: Follow | Block, *, action: Action) -> bool:
    """Save a new row; False where the same row was saved concurrently."""
    try:
        with transaction.atomic():
            save_as(actor, row, action=action)
    except IntegrityError:
        return False
    return True
