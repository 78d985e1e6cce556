"""Who may do what with people, their profiles, documents and sessions, and who sees whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, F, Q, QuerySet, When
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from apps.access import ScopedPermission
from apps.errors import Refused
from apps.users.models import CLIENT_ROLES, Block, Document, Follow, Profile, Session, User
from apps.visibility.evaluate import visible_rows
from apps.visibility.policy import Check, Policy, Text
from apps.visibility.snapshot import LIVE, Snapshot

type Viewer = User | AnonymousUser


def owns_document(user: User, document: Document) -> bool:
    return document.owner_id == user.pk


def owns_profile(user: User, profile: Profile) -> bool:
    return profile.user_id == user.pk


def owns_session(user: User, session: Session) -> bool:
    return session.user_id == user.pk


def hidden_from(viewer: Viewer, snapshot: Snapshot = LIVE) -> QuerySet[Block, int]:
    """The ids of all who blocked `viewer` or whom `viewer` blocked; for use inside another query."""
    blocks = snapshot.of(Block)
    if not viewer.is_authenticated:
        return blocks.none().values_list("blocked_id", flat=True)
    other = Case(When(blocker_id=viewer.pk, then=F("blocked_id")), default=F("blocker_id"))
    return blocks.filter(Q(blocker_id=viewer.pk) | Q(blocked_id=viewer.pk)).values_list(other, flat=True)


def switched_off(snapshot: Snapshot = LIVE) -> QuerySet[User, int]:
    """The ids of accounts that are switched off; for use inside another query.

    These are few. Asking the person of each row, by a join, would read all people before the first row comes.
    """
    return snapshot.of(User).filter(is_active=False).values_list("id", flat=True)


def unblocked(whose: str, viewer: Viewer, snapshot: Snapshot, *, spares_own: bool = False) -> Check:
    """That no block stands between the viewer and the person of `whose`, a field."""
    holds = ~Q(**{f"{whose}__in": hidden_from(viewer, snapshot)})
    return Check("unblocked", _lazy("Has neither of the two blocked the other?"), holds, spares_own=spares_own)


def switched_on(whose: str, snapshot: Snapshot, *, spares_own: bool = False) -> Check:
    """That the account of the person of `whose`, a field, is on."""
    holds = ~Q(**{f"{whose}__in": switched_off(snapshot)})
    return Check("active", _lazy("Is the account that it belongs to active?"), holds, spares_own=spares_own)


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


@dataclass(frozen=True, slots=True)
class Door:
    """What the API asks of whoever calls, before it looks at what they call for."""

    code: str
    question: Text
    opens: Callable[[User, datetime], bool]
    fixable_by: str = ""


SWITCHED_ON = Door(
    "signed_in",
    _lazy("Can the viewer sign in to the app?"),
    lambda user, _now: user.is_active and not user.is_staff,
)
STANDING = Door(
    "standing",
    _lazy("Is the viewer not suspended?"),
    lambda user, now: not user.is_suspended_at(now),
    fixable_by="users.suspend_user",
)
VERIFIED = Door(
    "verified",
    _lazy("Is the viewer verified?"),
    lambda user, _now: user.identity_verified,
    fixable_by="users.review_document",
)


def require_standing(user: User) -> None:
    """Refuse whoever is suspended."""
    if not STANDING.opens(user, timezone.now()):
        until = formats.date_format(timezone.localtime(user.suspended_until), "DATETIME_FORMAT")
        raise Refused("account-suspended", _("This account is suspended until %(time)s UTC.") % {"time": until})


def directory_entry(viewer: Viewer, snapshot: Snapshot) -> Policy:
    """Who finds somebody in the directory, and meets them elsewhere."""
    return Policy([*_account(), unblocked("id", viewer, snapshot)])


def profile_page(viewer: Viewer, snapshot: Snapshot) -> Policy:
    """Who opens somebody's profile: also whoever has blocked them, so as to undo it."""
    blocked_by = snapshot.of(Block).filter(blocked_id=viewer.pk).values_list("blocker_id", flat=True)
    not_blocked = Check("unblocked", _lazy("Has this user not blocked the viewer?"), ~Q(id__in=blocked_by))
    return Policy([*_account(), not_blocked])


def _account() -> list[Check]:
    return [
        Check("client", _lazy("Is it an app user, not staff?"), Q(is_staff=False)),
        Check("active", _lazy("Is the account active?"), Q(is_active=True)),
    ]


def people_shown(viewer: Viewer) -> QuerySet[User]:
    return visible_rows(directory_entry, User, viewer)


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
SCOPED = tuple(
    ScopedPermission(f"users.review_{role.value}_document", "users.review_document", "owner__role", role.value)
    for role in CLIENT_ROLES
)
"""Reviewers of one kind of user."""
SCOPES: dict[type[Any], Callable[[Any], QuerySet[Any]]] = {
    User: people_shown,
    Profile: profiles_shown,
    Document: own_documents,
    Session: own_sessions,
}
