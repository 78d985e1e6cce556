"""Who may do what with stories, and who sees which."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q, QuerySet

from apps.connections.permissions import connected_ids
from apps.stories.models import Story, is_there
from apps.users.permissions import hidden_from, switched_off

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


def is_author(user: User, story: Story) -> bool:
    return story.author_id == user.pk


def shown(viewer: User | AnonymousUser) -> QuerySet[Story]:
    """Others' while they are active and meant for the viewer; one's own whatever has become of them."""
    return Story.objects.standing().filter(Q(author_id=viewer.pk) | _meant_for(viewer))


def _meant_for(viewer: User | AnonymousUser) -> Q:
    for_all = Q(audience=Story.Audience.PUBLIC)
    for_connections = Q(audience=Story.Audience.CONNECTIONS, author__in=connected_ids(viewer))
    known = ~Q(author__in=switched_off()) & ~Q(author__in=hidden_from(viewer))
    return is_there() & known & (for_all | for_connections)


RULES: dict[str, Callable[[Any, Any], bool]] = {
    "stories.change_story": is_author,
    "stories.delete_story": is_author,
    "stories.view_storyview": is_author,  # who has seen it
}
SCOPES: dict[type[Model], Callable[[Any], QuerySet[Any]]] = {Story: shown}
