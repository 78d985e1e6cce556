"""Who may do what with people, their profiles, documents and sessions, and who sees whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, F, Q, QuerySet, When
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from apps.errors import Refused
from apps.users.models import Block, Document, Follow, Profile, Session, User

if TYPE_CHECKING:
    from collections.abc import Callable

type Viewer = User | AnonymousUser


def owns_document(user: User, document: Document) -> bool:
    return document.owner_id == user.pk


def owns_profile(user: User, profile: Profile) -> bool:
    return profile.user_id == user.pk


def owns_session(user: User, session: Session) -> bool:
    return session.user_id == user.pk


def hidden_from(viewer: Viewer) -> QuerySet[Block, int]:
    """The ids of all who blocked `viewer` or whom `viewer` blocked; for use inside another query."""
    if not viewer.is_authenticated:
        return Block.objects.none().values_list("blocked_id", flat=True)
    other = Case(When(blocker_id=viewer.pk, then=F("blocked_id")), default=F("blocker_id"))
    return Block.objects.filter(Q(blocker_id=viewer.pk) | Q(blocked_id=viewer.pk)).values_list(other, flat=True)


def switched_off() -> QuerySet[User, int]:
    """The ids of accounts that are switched off; for use inside another query.

    These are few. Asking the person of each row, by a join, would read all people before the first row comes.
    """
    return User.objects.filter(is_active=False).values_list("pk", flat=True)


def is_hidden(one_id: int, other_id: int) -> bool:
    """Whether either of the two blocked the other."""
    return Block.objects.filter(
        Q(blocker_id=one_id, blocked_id=other_id) | Q(blocker_id=other_id, blocked_id=one_id)
    ).exists()


def between(viewer: User, person: User) -> dict[str, bool]:
    """What `viewer` has done about `person`."""
    return {
        "following": Follow.objects.filter(follower=viewer, followed=person).exists(),
        "blocked": Block.objects.filter(blocker=viewer, blocked=person).exists(),
    }


def require_standing(user: User) -> None:
    """Refuse whoever is suspended."""
    if user.is_suspended:
        until = formats.date_format(timezone.localtime(user.suspended_until), "DATETIME_FORMAT")
        raise Refused("account-suspended", _("This account is suspended until %(time)s UTC.") % {"time": until})


def people_shown(viewer: Viewer) -> QuerySet[User]:
    return User.objects.clients().active().exclude(pk__in=hidden_from(viewer))


def profiles_shown(viewer: Viewer) -> QuerySet[Profile]:
    return Profile.objects.filter(user__in=people_shown(viewer))


def own_documents(viewer: User) -> QuerySet[Document]:
    return Document.objects.filter(owner=viewer)


def own_sessions(viewer: User) -> QuerySet[Session]:
    return Session.objects.filter(user=viewer)


RULES: dict[str, Callable[[Any, Any], bool]] = {
    "users.view_document": owns_document,
    "users.change_profile": owns_profile,
    "users.end_session": owns_session,
}
SCOPES: dict[type[Any], Callable[[Any], QuerySet[Any]]] = {
    User: people_shown,
    Profile: profiles_shown,
    Document: own_documents,
    Session: own_sessions,
}
