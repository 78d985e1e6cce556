"""Permissions on users, profiles, documents and sessions, and the visibility of users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, When
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
    """The ids of users who blocked `viewer` or whom `viewer` blocked; for use inside another query."""
    blocks = snapshot.of(Block)
    if not viewer.is_authenticated:
        return blocks.none().values_list("blocked_id", flat=True)
    other = Case(When(blocker_id=viewer.pk, then=F("blocked_id")), default=F("blocker_id"))
    return blocks.filter(Q(blocker_id=viewer.pk) | Q(blocked_id=viewer.pk)).values_list(other, flat=True)


def inactive_users(snapshot: Snapshot = LIVE) -> QuerySet[User, int]:
    """The ids of deactivated accounts; for use inside another query.

    These are few. A join with the owner of each row would read all users before the first row.
    """
    return snapshot.of(User).filter(is_active=False).values_list("id", flat=True)


def unblocked(whose: str, viewer: Viewer, snapshot: Snapshot, *, spares_own: bool = False) -> Check:
    """The check that neither the viewer nor the owner, a user in the field `whose`, has blocked the other."""
    hidden = Q(**{f"{whose}__in": hidden_from(viewer, snapshot)})
    question = _lazy("Has neither of the two blocked the other?")
    return Check("unblocked", question, ~hidden, spares_own=spares_own, exceptions=hidden)


def owner_is_active(whose: str, snapshot: Snapshot, *, spares_own: bool = False) -> Check:
    """The check that the account of the owner, a user in the field `whose`, is active."""
    passes = ~Q(**{f"{whose}__in": inactive_users(snapshot)})
    # No join and no EXISTS, for which PostgreSQL may read all active users.
    active = Subquery(snapshot.of(User).filter(id=OuterRef(f"{whose}_id")).values("is_active"))
    question = _lazy("Is the account that it belongs to active?")
    return Check("active", question, passes, spares_own=spares_own, for_few=Q(active))


def is_hidden(one_id: int, other_id: int) -> bool:
    """Whether either of the two blocked the other."""
    return Block.objects.filter(
        Q(blocker_id=one_id, blocked_id=other_id) | Q(blocker_id=other_id, blocked_id=one_id)
    ).exists()


def relationship(viewer: User, person: User) -> dict[str, bool]:
    """Whether `viewer` follows or has blocked `person`."""
    return {
        "following": Follow.objects.filter(follower=viewer, followed=person).exists(),
        "blocked": Block.objects.filter(blocker=viewer, blocked=person).exists(),
    }


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """A check of the viewer's account, made by the API before any check of the content."""

    code: str
    question: Text
    passes: Callable[[User, datetime], bool]
    fixable_by: str = ""


MAY_SIGN_IN = AccountCheck(
    "signed_in",
    _lazy("Can the viewer sign in to the app?"),
    lambda user, _now: user.is_active and not user.is_staff,
)
NOT_SUSPENDED = AccountCheck(
    "standing",
    _lazy("Is the viewer not suspended?"),
    lambda user, now: not user.is_suspended_at(now),
    fixable_by="users.suspend_user",
)
VERIFIED = AccountCheck(
    "verified",
    _lazy("Is the viewer verified?"),
    lambda user, _now: user.identity_verified,
    fixable_by="users.review_document",
)


def require_not_suspended(user: User) -> None:
    """Raise `Refused` for suspended users."""
    if not NOT_SUSPENDED.passes(user, timezone.now()):
        until = formats.date_format(timezone.localtime(user.suspended_until), "DATETIME_FORMAT")
        raise Refused("account-suspended", _("This account is suspended until %(time)s UTC.") % {"time": until})


def directory_entry(viewer: Viewer, snapshot: Snapshot) -> Policy:
    """Which users `viewer` finds in the directory and elsewhere."""
    return Policy([*_account(), unblocked("id", viewer, snapshot)])


def profile_page(viewer: Viewer, snapshot: Snapshot) -> Policy:
    """Whose profile `viewer` may open: also of users whom the viewer has blocked, to undo it."""
    blocked_by = snapshot.of(Block).filter(blocked_id=viewer.pk).values_list("blocker_id", flat=True)
    not_blocked = Check("unblocked", _lazy("Has this user not blocked the viewer?"), ~Q(id__in=blocked_by))
    return Policy([*_account(), not_blocked])


def _account() -> list[Check]:
    return [
        Check("client", _lazy("Is it an app user, not staff?"), Q(is_staff=False)),
        Check("active", _lazy("Is the account active?"), Q(is_active=True)),
    ]


def visible_users(viewer: Viewer) -> QuerySet[User]:
    return visible_rows(directory_entry, User, viewer)


def visible_profiles(viewer: Viewer) -> QuerySet[Profile]:
    return Profile.objects.filter(user__in=visible_users(viewer))


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
    User: visible_users,
    Profile: visible_profiles,
    Document: own_documents,
    Session: own_sessions,
}
