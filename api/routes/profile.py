"""One's own profile, and what one does about other people."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from ninja import File, Query, Router, Status, UploadedFile

from api.auth import EvenSuspended, Request
from api.errors import refusals
from api.forms import only
from api.pagination import Page, Paging, paginate
from api.schemas.access_log import LookOut
from api.schemas.privacy import ErasureOut, PasswordConfirmation
from api.schemas.users import ProfileOut, ProfilePatch, ProfilePut, PublicProfileOut
from api.throttles import uploads
from apps.infra.client_address import counted_address
from apps.infra.files.uploads import PICTURE_SIZE
from apps.infra.limits import guesses, spend
from apps.privacy import erasures
from apps.privacy.models import Erasure
from apps.users.accounts import directory, identifiers, profiles, relationships
from apps.users.accounts.access_log import views_of
from apps.users.models import User

router = Router()


@router.get("", response={200: ProfileOut}, operation_id="get_profile")
def get_profile(request: Request) -> User:
    return request.user


@router.put("", response={200: ProfileOut}, operation_id="replace_profile")
def replace_profile(request: Request, body: ProfilePut) -> User:
    """Profile fields left out return to empty; user name, mail and phone stay. A new mail address takes `password`."""
    return _write(request, profiles.replace_profile, body)


@router.patch("", response={200: ProfileOut}, operation_id="update_profile")
def update_profile(request: Request, body: ProfilePatch) -> User:
    """A new mail address takes `password`, the present one. User name and mail change ten times an hour at most."""
    return _write(request, profiles.update_profile, body)


@router.delete("", auth=EvenSuspended(), response={202: ErasureOut}, operation_id="request_erasure")
def request_erasure(request: Request, body: PasswordConfirmation) -> Status[Erasure]:
    """Have the account and all its data erased, after a waiting time in which it works on and this can be cancelled.

    Asked for again, it answers the erasure that is scheduled. What a legal hold or an open case needs is erased later.
    """
    with guesses(counted_address(request.META), str(request.user.pk)):
        return Status(202, erasures.request_erasure(request.user, password=body.password))


def _write(request: Request, write: Callable[..., User], body: ProfilePatch | ProfilePut) -> User:
    """Counted where user name or mail address would be another text, taken or not; a password sent along is a guess."""
    changes = body.model_dump(exclude_unset=True)
    if identifiers.changes_identifiers(request.user, changes):
        spend("account_change", request.user.pk)
    with guesses(counted_address(request.META), str(request.user.pk)) if "password" in changes else nullcontext():
        return write(request.user, **changes)


@router.post(
    "/image",
    response={200: ProfileOut, **refusals(415, 503)},
    throttle=uploads("image", PICTURE_SIZE),
    operation_id="set_profile_image",
)
def set_image(request: Request, image: File[UploadedFile]) -> User:
    """PNG, JPEG or WebP, at most 10 MiB."""
    only(request, "image")
    return profiles.set_image(request.user, image)


@router.delete("/image", response={200: ProfileOut}, operation_id="clear_profile_image")
def clear_image(request: Request) -> User:
    """Go back to the default picture."""
    return profiles.clear_image(request.user)


@router.get("/access_log", response={200: Page[LookOut]}, operation_id="list_looks_at_me")
def access_log(request: Request, paging: Query[Paging]) -> dict[str, Any]:
    """When staff viewed the user's masked data or documents, or what the app shows them, and why; latest first."""
    return paginate(request, views_of(request.user), paging)


@router.get("/{username}", response={200: PublicProfileOut}, operation_id="get_person")
def get_person(request: Request, username: str) -> User:
    return directory.user_named(request.user, username)


@router.post("/{username}/follow", response={204: None, **refusals(422)}, operation_id="follow")
def follow(request: Request, username: str) -> Status[None]:
    relationships.follow(request.user, username)
    return Status(204, None)


@router.delete("/{username}/follow", response={204: None, **refusals(422)}, operation_id="unfollow")
def unfollow(request: Request, username: str) -> Status[None]:
    relationships.unfollow(request.user, username)
    return Status(204, None)


@router.post("/{username}/block", response={204: None, **refusals(422)}, operation_id="block")
def block(request: Request, username: str) -> Status[None]:
    """Hide each from the other everywhere, at once."""
    relationships.block(request.user, username)
    return Status(204, None)


@router.delete("/{username}/block", response={204: None, **refusals(422)}, operation_id="unblock")
def unblock(request: Request, username: str) -> Status[None]:
    relationships.unblock(request.user, username)
    return Status(204, None)
