"""The directory of users, and profiles by user name."""

from __future__ import annotations

from itertools import product
from typing import cast

from django.db.models import Case, IntegerField, When
from django.db.models.functions import Length, Lower
from django.utils.translation import gettext as _

from apps.access import visible
from apps.errors import Absent
from apps.tallies.models import Tally
from apps.users.models import CLIENT_ROLES, User, unshown
from apps.users.models.user_queries import UserQuerySet
from apps.users.names import fold
from apps.users.permissions import directory_entry, profile_page
from apps.visibility.compiled import Listing, compiled
from apps.visibility.counting import Terms, count_terms, tallied
from apps.visibility.evaluate import visible_rows
from apps.visibility.snapshot import live_for


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
    people = _narrowed(visible(viewer, User, UserQuerySet), role, verified)
    return people.select_related("profile").defer(*unshown()).order_by("-id")


@_directory.counted
def _count_directory(viewer: User, *, role: str | None, verified: bool | None) -> Terms:
    kinds = [
        f"users.{each}{'.verified' if is_verified else ''}"
        for each, is_verified in product(CLIENT_ROLES, (False, True))
        if role in (None, each) and verified in (None, is_verified)
    ]
    people = _narrowed(User.objects.all(), role, verified)
    policy = directory_entry(viewer, live_for(viewer))
    return count_terms(policy, people, tallied(Tally.objects.filter(kind__in=kinds)))


def _narrowed(people: UserQuerySet, role: str | None, verified: bool | None) -> UserQuerySet:
    if role is not None:
        people = people.filter(role=role)
    if verified is not None:
        people = people.filter(identity_verified=verified)
    return people


def user_named(viewer: User, username: str) -> User:
    """The user of this name, with their profile; also one whom the viewer has blocked, to undo it.

    Raises `Absent` for staff, deactivated accounts, and users who have blocked the viewer.
    """
    known = visible_rows(profile_page, User, viewer, UserQuerySet)
    person = known.named(username).with_profile().first()
    if person is None:
        raise Absent("not-found", _("There is no user of this name."))
    return person
