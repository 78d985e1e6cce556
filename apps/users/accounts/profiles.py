"""Changes of a user's own account, profile and profile picture."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Invalid
from apps.infra.columns import column
from apps.infra.files.storage import discard, filed
from apps.infra.files.uploads import Upload, take_picture
from apps.users.accounts.identifiers import check_account, notify_former_address, save_account
from apps.users.models import Profile, Theme, User
from apps.users.names import is_same_mailbox
from apps.users.passwords import require_password

ACCOUNT_FIELDS = ("username", "email", "phone")


EMPTY_PROFILE = {"bio": "", "social_links": {}, "company_name": "", "business_category": "", "theme": Theme.SYSTEM}


@transaction.atomic
def update_profile(user: User, **changes: Any) -> User:
    """Change the given fields of the user's own account and profile. Raises `Invalid`, naming the field.

    A new email address requires the present `password`; the former address is notified.
    """
    user = _locked(user.pk)
    password = changes.pop("password", "")
    account = {name: _read(name, value) for name, value in changes.items() if name in ACCOUNT_FIELDS}
    changed = {name for name, value in account.items() if _read(name, getattr(user, name)) != value}
    moved = not is_same_mailbox(account.get("email", user.email), user.email)
    if moved and not password:
        raise Invalid("missing", _("Send your current password along with a new email address."), field="password")
    if moved:
        require_password(user, password, field="password")
        notify_former_address(user)
    if changed:
        for name in changed:
            setattr(user, name, account[name])
        check_account(user, kept={"username", "email"} - changed)
        save_account(user, action=Action.ACCOUNT_CHANGED)
    profile = changes.keys() - account.keys()
    if profile:
        for name in profile:
            setattr(user.profile, name, changes[name])
        save_as(user, user.profile, action=Action.PROFILE_CHANGED)
    return user


def replace_profile(user: User, **fields: Any) -> User:
    """Replace the profile by the given fields; fields of the account that are not given stay.

    Otherwise as `update_profile`.
    """
    return update_profile(user, **EMPTY_PROFILE | fields)


@transaction.atomic
def set_image(user: User, upload: Upload) -> User:
    """Make the file the profile picture. Raises what `take_picture` does."""
    taken = take_picture(upload, field="image")
    user = _locked(user.pk)
    _forget_image(user.profile)
    user.profile.image = taken.file
    with filed(user.profile.image), transaction.atomic():
        save_as(user, user.profile, action=Action.PICTURE_CHANGED)
    return user


@transaction.atomic
def clear_image(user: User) -> User:
    """Go back to the default picture."""
    user = _locked(user.pk)
    if user.profile.image:
        _forget_image(user.profile)
        user.profile.image = ""
        save_as(user, user.profile, action=Action.PICTURE_REMOVED)
    return user


def _locked(user_id: int) -> User:
    return User.objects.select_for_update(of=("self",)).select_related("profile").get(pk=user_id)


def _read(field: str, value: Any) -> Any:
    return column(User, field).to_python(value)


def _forget_image(profile: Profile) -> None:
    """Delete the file after the commit that replaces it."""
    if name := profile.image.name:
        transaction.on_commit(partial(discard, name))
