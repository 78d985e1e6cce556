"""Who may do what with stories, and who sees which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.connections.permissions import connected_ids
from apps.stories.models import Story
from apps.users.permissions import owner_is_active, unblocked
from apps.visibility.evaluate import visible_rows
from apps.visibility.policy import Check, Policy
from apps.visibility.snapshot import Snapshot

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


def is_author(user: User, story: Story) -> bool:
    return story.author_id == user.pk


def policy(viewer: User | AnonymousUser, snapshot: Snapshot) -> Policy:
    """Stories of others while they are active and meant for the viewer; own stories in any state."""
    public = Q(audience=Story.Audience.PUBLIC)
    for_connections = Q(audience=Story.Audience.CONNECTIONS, author__in=connected_ids(viewer, snapshot))
    return Policy(
        [
            Check("kept_by_author", _("Is it still there, not deleted by its author?"), Q(deleted_at=None)),
            Check(
                "kept",
                _("Is it still up, not removed by staff?"),
                Q(removed_at=None),
                spares_own=True,
                fixable_by="stories.delete_story",
            ),
            Check("lasting", _("Is it still within its 24 hours?"), Q(expires_at__gt=snapshot.now), spares_own=True),
            owner_is_active("author", snapshot, spares_own=True),
            unblocked("author", viewer, snapshot, spares_own=True),
            Check(
                "audience",
                _("Is it public, or is the viewer connected to its author?"),
                public | for_connections,
                spares_own=True,
                exceptions=for_connections,
                usual=public,
            ),
        ],
        own=Q(author_id=viewer.pk),
    )


def feed_policy(viewer: User | AnonymousUser, snapshot: Snapshot) -> Policy:
    """The stories in the feed: own stories, too, only while others may see them."""
    whole = policy(viewer, snapshot)
    return Policy(
        [replace(check, spares_own=False) if check.code in ("kept", "lasting") else check for check in whole.checks],
        whole.own,
    )


def shown(viewer: User | AnonymousUser) -> QuerySet[Story]:
    return visible_rows(policy, Story, viewer)


RULES: dict[str, Callable[[Any, Any], bool]] = {
    "stories.change_story": is_author,
    "stories.delete_story": is_author,
    "stories.view_storyview": is_author,  # who has seen it
}
SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Story: shown}
