"""Staff accounts: created, changed, and their groups and passwords set by access administrators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from types import MappingProxyType

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import check_end, memberships, require, unended
from apps.audit.actions import Action
from apps.audit.history import save_as, without_version
from apps.audit.services import record
from apps.errors import Absent, Invalid
from apps.infra.columns import column
from apps.users.accounts.guards import (
    lock_access_administrators,
    refuse_access_administrator,
    refuse_oneself,
    refuse_superuser,
    require_joinable,
    require_remaining_administrator,
)
from apps.users.accounts.identifiers import notify_former_address, refuse_taken
from apps.users.authentication.lockout import release_lockout
from apps.users.authentication.passwords import set_password
from apps.users.authentication.sessions import end_all
from apps.users.models import PAGE_SIZES, GroupMembership, Profile, Role, User
from apps.users.names import is_same_mailbox, tidy
from apps.users.passwords import check_new_password

type Ends = Mapping[int, datetime | None]
"""When memberships end, by the number of the group; None: never."""


@transaction.atomic
def add_staff(
    actor: User,
    *,
    username: str,
    email: str,
    password: str,
    groups: Iterable[Group] = (),
    ends: Ends = MappingProxyType({}),
) -> User:
    """Make a staff account, in `groups` from the start, in each until its end in `ends` or for good."""
    require(actor, "users.add_staff")
    user = User(username=username, email=email, role=Role.STAFF, is_staff=True)
    _check(user)
    check_new_password(password, user, field="password1")
    user.set_password(password)
    wanted = {group: check_end(ends.get(group.pk), field="groups") for group in groups}
    require_joinable(actor, wanted)
    _save_with_groups(actor, user, wanted, action=Action.STAFF_ADDED)
    Profile.objects.create(user=user)
    return user


@transaction.atomic
def change_staff(
    actor: User,
    staff_id: int,
    *,
    username: str | None = None,
    email: str | None = None,
    is_active: bool | None = None,
    groups: Iterable[Group] | None = None,
    ends: Ends = MappingProxyType({}),
) -> User:
    """Change the given fields of a staff account. The actor's own name and email may be changed, own rights not.

    `groups` are all that they are to belong to, each until its end in `ends`; one that is not there stays as it is.
    """
    require(actor, "users.change_staff")
    access_administrators = lock_access_administrators()
    user = _locked_staff(staff_id)
    kept = {"username", "email"}
    refuse_superuser(actor, user)
    if email is not None and not is_same_mailbox(email, user.email):
        notify_former_address(user)
    for name, value in (("username", username), ("email", email)):
        if value is not None and tidy(value) != tidy(getattr(user, name)):
            refuse_access_administrator(actor, user)
            kept.discard(name)
            setattr(user, name, value)
    if is_active is not None and is_active != user.is_active:
        refuse_oneself(actor, user, _("You cannot deactivate your own account. Ask another access manager."))
        refuse_access_administrator(actor, user)
        user.is_active = is_active
    _check(user, kept=kept)
    have = groups_of(user)
    wanted = have if groups is None else {group: ends.get(group.pk, have.get(group)) for group in groups}
    wanted = {group: end if have.get(group) == end else check_end(end, field="groups") for group, end in wanted.items()}
    changed = {group for group, _end in have.items() ^ wanted.items()}
    if changed:
        refuse_oneself(actor, user, _("You cannot change your own groups. Ask another access manager."))
        require_joinable(actor, changed)
    _save_with_groups(actor, user, wanted, action=Action.STAFF_CHANGED)
    if is_active is False:
        end_all(actor, user, action=Action.STAFF_DEACTIVATED)
    require_remaining_administrator(access_administrators)
    return user


@transaction.atomic
def remove_from_group(actor: User, staff_id: int, group_id: int) -> User:
    """Remove a member of staff from one group; all other memberships stay."""
    require(actor, "users.change_staff")
    lock_access_administrators()
    kept = {group: end for group, end in groups_of(_locked_staff(staff_id)).items() if group.pk != group_id}
    return change_staff(actor, staff_id, groups=kept, ends={group.pk: end for group, end in kept.items()})


@transaction.atomic
def set_staff_password(actor: User, staff_id: int, password: str) -> User:
    """Set the password of another member of staff, and end their sessions."""
    require(actor, "users.change_staff")
    user = _locked_staff(staff_id)
    refuse_oneself(actor, user, _("Change your own password under “Change password”."))
    refuse_superuser(actor, user)
    refuse_access_administrator(actor, user)
    set_password(actor, user, password, field="password1", action=Action.PASSWORD_SET)
    release_lockout(actor, user)
    record(actor, Action.PASSWORD_SET, user)
    return user


def set_page_size(user: User, size: int) -> None:
    """Store how many rows `user` sees on a page of the console."""
    if size not in PAGE_SIZES:
        raise Invalid("unknown-size", _("Choose one of the sizes offered."), field="page_size")
    User.objects.filter(pk=user.pk).update(page_size=size)


def _locked_staff(staff_id: int) -> User:
    user = User.objects.select_for_update().staff().filter(pk=staff_id).first()
    if user is None:
        raise Absent("not-found", _("This staff account does not exist. Reload the page."))
    return user


def _check(user: User, *, kept: AbstractSet[str] = frozenset()) -> None:
    """Raise `Invalid` for the first field that breaks a rule; those in `kept` may be older than the rules."""
    try:
        user.full_clean(exclude={"password", *kept})
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        text = " ".join(messages)
        # Constraints name no field; their message shows which of the two it is.
        named = (name for name in ("username", "email") if name == field or text == _taken(name))
        raise Invalid("invalid", text, field=next(named, None)) from error


def _taken(field: str) -> str:
    return str(column(User, field).error_messages["unique"])


def current_memberships() -> Prefetch[str]:
    """With each account its memberships that count, by the name `current`."""
    now = GroupMembership.objects.filter(unended()).select_related("group")
    return Prefetch("group_memberships", now, to_attr="current")


def groups_of(user: User) -> dict[Group, datetime | None]:
    """The groups that `user` is in now, each with its end."""
    return {member.group: member.ends_at for member in memberships(user).select_related("group")}


def _save_with_groups(actor: User, user: User, groups: Mapping[Group, datetime | None], *, action: Action) -> None:
    """Save the account with its groups as one version of its history."""
    with without_version(user):
        with refuse_taken():
            user.save()
        user.group_memberships.exclude(group__in=groups).delete()
        there = {member.group_id: member for member in user.group_memberships.all()}
        for group, end in groups.items():
            member = there.get(group.pk) or GroupMembership(user=user, group=group)
            if member.is_over:
                member.begun_at = timezone.now()
            if member.pk is None or member.ends_at != end:
                member.ends_at = end
                member.save()
    save_as(actor, user, action=action)
