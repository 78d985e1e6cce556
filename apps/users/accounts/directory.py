"""The directory of users, and profiles by user name."""

from __future__ import annotations

from typing import cast

from django.db.models import Case, IntegerField, When
from django.db.models.functions import Length, Lower
from django.utils.translation import gettext as _

from apps.access import visible
from apps.errors import Absent
from apps.users.models import CLIENT_ROLES, User, unshown
from apps.users.models.user_queries import UserQuerySet
from apps.users.names import fold
from apps.users.permissions import profile_page
from apps.visibility.compiled import Listing, compiled
from apps.visibility.evaluate import visible_rows


def find_users(
    viewer: User, *, search: str = "", role: str | None = None, verified: bool | None = None
) -> Listing[User]:
    """The directory: by user name alone, best match first; newest first where nothing is searched for."""
    if not (key := fold(search)):
        return _directory(viewer, role=role, verified=verified)
    people = cast(UserQuerySet, _directory.build(viewer, role=role, verified=verified))
    closeness = Case(
        When(username_key=key, then=0),
        When(username_key__startswith=key, then=1),
        default=2,
        output_field=IntegerField(),
    )
    found = people.with_name_part(search)
    return found.order_by(closeness, Length("username"), Lower("username"))


@compiled(role=(None, *CLIENT_ROLES), verified=(None, True, False))
def _directory(viewer: User, *, role: str | None, verified: bool | None) -> UserQuerySet:
    people = visible(viewer, User, UserQuerySet).select_related("profile").defer(*unshown())
    if role is not None:
        people = people.filter(role=role)
    if verified is not None:
        people = people.filter(identity_verified=verified)
    return people.order_by("-id")


def user_named(viewer: User, username: str) -> User:
    """The user of this name, with their profile; also one whom the viewer has blocked, to undo it.

    Raises `Absent` for staff, deactivated accounts, and users who have blocked the viewer.
    """
    known = visible_rows(profile_page, User, viewer, UserQuerySet)
    person = known.named(username).with_profile().first()
    if person is None:
        raise Absent("not-found", _("There is no user of this name."))
    return person
