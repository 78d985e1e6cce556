"""What people do with their accounts, profiles and each other, and the suspension of accounts by staff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Case, IntegerField, Max, QuerySet, When
from django.db.models.functions import Length, Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import require, visible
from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.errors import Absent, Invalid, Refused
from apps.infra import pubsub
from apps.infra.files.storage import discard, filed
from apps.infra.files.uploads import Upload, take_picture
from apps.notifications.models import Kind
from apps.notifications.services import notify
from apps.review.decisions.models import Decision
from apps.users.authentication.mfa import tell
from apps.users.authentication.sessions import check_new_password
from apps.users.models import CLIENT_ROLES, Block, Follow, Profile, Suspension, Theme, User
from apps.users.names import KEYS, MAIL_TAKEN, NAME_TAKEN, fold, is_same_mailbox, tidy, what_is_taken
from apps.users.passwords import require_password
from apps.users.permissions import is_hidden, profile_page
from apps.visibility.evaluate import visible_rows

# Addresses that would otherwise be profiles of people.
RESERVED_NAMES = {"image", "access_log"}
ACCOUNT_FIELDS = ("username", "email", "phone")
EMPTY_PROFILE = {"bio": "", "social_links": {}, "company_name": "", "business_category": "", "theme": Theme.SYSTEM}


@transaction.atomic
def register(*, username: str, email: str, password: str, role: str, phone: str = "", language: str = "en") -> User:
    """A new end user with an empty profile, who reads `language`. Raises `Invalid`, naming the field."""
    if role not in CLIENT_ROLES:
        raise Invalid("invalid", _("Choose influencer, entrepreneur or brand."), field="role")
    user = User(username=username, email=email, role=role, phone=phone, language=language)
    _check_account(user)
    check_new_password(password, user, field="password")
    user.set_password(password)
    _save_account(user, action=Action.ACCOUNT_REGISTERED)
    save_as(user, Profile(user=user), action=Action.ACCOUNT_REGISTERED)
    return user


@transaction.atomic
def update_profile(user: User, **changes: Any) -> User:
    """Change the given fields of one's account and profile. Raises `Invalid`, naming the field.

    Another mail address takes the present `password`; the one before is notified.
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
        _check_account(user, kept={"username", "email"} - changed)
        _save_account(user, action=Action.ACCOUNT_CHANGED)
    profile = changes.keys() - account.keys()
    if profile:
        for name in profile:
            setattr(user.profile, name, changes[name])
        save_as(user, user.profile, action=Action.PROFILE_CHANGED)
    return user


def is_moving(user: User, changes: Mapping[str, Any]) -> bool:
    """Whether these changes write the user name or mail address otherwise than it is."""
    return any(tidy(changes.get(key.of, "")) not in ("", tidy(getattr(user, key.of))) for key in KEYS)


def notify_former_address(user: User) -> None:
    """Mail the address of `user` as it is now that it is about to be another's; the version that has it says which."""
    version = user.history.filter(email=tidy(user.email)).first()
    if version is None:  # the account came without a history
        save_as(None, user, action=Action.RECORDED)
        version = user.history.first()
    tell(user, "email_changed", version=version.pk)


def replace_profile(user: User, **fields: Any) -> User:
    """Make the profile consist of the given fields; those of the account stay where they are not given.

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


def find_people(
    viewer: User, *, search: str = "", role: str | None = None, verified: bool | None = None
) -> QuerySet[User]:
    """The directory: by user name alone, best match first; newest first where nothing is searched for."""
    people = visible(viewer, User).select_related("profile")
    if role is not None:
        people = people.filter(role=role)
    if verified is not None:
        people = people.filter(identity_verified=verified)
    if not (key := fold(search)):
        return people.order_by("-id")
    closeness = Case(
        When(username_key=key, then=0),
        When(username_key__startswith=key, then=1),
        default=2,
        output_field=IntegerField(),
    )
    found = people.with_name_part(search)  # type: ignore[attr-defined]
    return found.order_by(closeness, Length("username"), Lower("username"))


def person_named(viewer: User, username: str) -> User:
    """Somebody by user name, as `viewer` may know of them: also whom the viewer has blocked, so as to undo it.

    Raises `Absent` for staff, the switched-off, and whoever has blocked the viewer.
    """
    known = visible_rows(profile_page, User, viewer)
    person = known.named(username).with_profile().first()  # type: ignore[attr-defined]
    if person is None:
        raise Absent("not-found", _("There is nobody of this name."))
    return person


@transaction.atomic
def follow(user: User, username: str) -> None:
    """Follow somebody. Twice is once."""
    person = _other(user, username)
    if is_hidden(user.pk, person.pk):
        raise Absent("not-found", _("There is nobody of this name."))
    if Follow.objects.filter(follower=user, followed=person).exists():
        return
    if _create_once(user, Follow(follower=user, followed=person), action=Action.FOLLOWED):
        notify(person.pk, Kind.NEW_FOLLOWER, about=user, person=user.username)


@transaction.atomic
def unfollow(user: User, username: str) -> None:
    """Stop following somebody. Twice is once."""
    person = _other(user, username)
    for row in Follow.objects.select_for_update().filter(follower=user, followed=person):
        delete_as(user, row, action=Action.UNFOLLOWED)


@transaction.atomic
def block(user: User, username: str) -> None:
    """Hide oneself and somebody from each other, everywhere and at once. Twice is once."""
    person = _other(user, username)
    if Block.objects.filter(blocker=user, blocked=person).exists():
        return
    if _create_once(user, Block(blocker=user, blocked=person), action=Action.BLOCKED):
        pubsub.recheck(user.pk)
        pubsub.recheck(person.pk)


@transaction.atomic
def unblock(user: User, username: str) -> None:
    """Undo one's own block. Twice is once."""
    person = _other(user, username)
    for row in Block.objects.select_for_update().filter(blocker=user, blocked=person):
        delete_as(user, row, action=Action.UNBLOCKED)


@transaction.atomic
def suspend_user(
    actor: User,
    user_id: int,
    *,
    until: datetime,
    reason: str = "",
    tell: bool = True,
    decision: Decision | None = None,
) -> User:
    """Refuse an end user at every door until the given time; one that is past lifts all their suspensions.

    Of several suspensions the longest counts. They are told, unless somebody else tells them. `decision` is what
    suspends them, where one does: `lift_suspension` undoes it by that.
    """
    user = _suspendable(actor, user_id, given=decision)
    if until > timezone.now():
        given = Suspension(person=user, decision=decision, until=until)
        save_as(actor, given, action=Action.SUSPENDED, note=reason)
        _follow_suspensions(actor, user, action=Action.SUSPENDED, note=reason)
        if tell:
            notify(user.pk, Kind.SUSPENDED, until=user.suspended_until.isoformat(), reason=reason)  # type: ignore[union-attr]
    else:
        _lift(actor, user, user.suspensions.all(), note=reason)
    return user


@transaction.atomic
def lift_suspension(actor: User, decision: Decision, *, note: str) -> None:
    """Take away the suspension that a decision gave, if it gave one; all others go on."""
    lifted = Suspension.objects.filter(decision=decision, lifted_at__isnull=False)
    if "suspended" in decision.before["done"] and not lifted.exists():
        user = _suspendable(actor, decision.subject_id)  # type: ignore[arg-type]
        _lift(actor, user, user.suspensions.filter(decision=decision), note=note)


def _suspendable(actor: User, user_id: int, *, given: Decision | None = None) -> User:
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise Absent("not-found", _("There is no such user."))
    require(actor, "users.suspend_user", user)
    if user.is_staff:
        raise Refused("staff-account", _("Staff accounts are deactivated at the access desk, not suspended."))
    _take_over_suspensions(user, given)
    return user


def _take_over_suspensions(user: User, given: Decision | None) -> None:
    """Write down as rows what the release before, which knows only of `suspended_until`, did to a locked user.

    Its processes may run on for a while after `migrate`. `given` is a decision whose suspension is about to be saved.
    """
    unwritten = Decision.objects.filter(subject=user, before__done__has_key="suspended", suspension__isnull=True)
    for decision in unwritten:
        until = datetime.fromisoformat(decision.before["done"]["suspended"]["after"])
        if decision != given and until > timezone.now():
            row = Suspension(person=user, decision=decision, until=until, given_at=decision.made_at)
            save_as(None, row, action=Action.RECORDED)
    if not user.is_suspended:
        for row in user.suspensions.in_force():
            row.lifted_at = timezone.now()
            save_as(None, row, action=Action.RECORDED)
    elif (last := user.suspended_until) and not user.suspensions.filter(until=last).exists():
        save_as(None, Suspension(person=user, until=last), action=Action.RECORDED)


def _lift(actor: User, user: User, rows: QuerySet[Suspension], *, note: str) -> None:
    for row in rows.filter(lifted_at__isnull=True, until__gt=timezone.now()):
        row.lifted_at = timezone.now()
        save_as(actor, row, action=Action.SUSPENSION_LIFTED, note=note)
    _follow_suspensions(actor, user, action=Action.SUSPENSION_LIFTED, note=note)


def _follow_suspensions(actor: User, user: User, *, action: Action, note: str) -> None:
    """Bring a locked user's `suspended_until` in line with their suspensions: the longest in force, or none."""
    until = user.suspensions.in_force().aggregate(last=Max("until"))["last"]
    if until == (user.suspended_until if user.is_suspended else None):
        return
    user.suspended_until = until
    save_as(actor, user, action=action, note=note)
    if user.is_suspended:
        pubsub.recheck(user.pk)


def _locked(user_id: int) -> User:
    return User.objects.select_for_update(of=("self",)).select_related("profile").get(pk=user_id)


def _other(user: User, username: str) -> User:
    person = person_named(user, username)
    if person.pk == user.pk:
        raise Invalid("oneself", _("You cannot suspend yourself."))
    return person


def _read(field: str, value: Any) -> Any:
    return User._meta.get_field(field).to_python(value)  # type: ignore[union-attr]


def _check_account(user: User, *, kept: AbstractSet[str] = frozenset()) -> None:
    """Raise `Invalid` for the first field that cannot stand. What is kept may be older than the rules."""
    user.clean()
    try:
        user.clean_fields(exclude={"password", *kept})
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid("invalid", " ".join(messages), field=field) from error
    others = User.objects.exclude(pk=user.pk)
    if "username" not in kept and (fold(user.username) in RESERVED_NAMES or others.named(user.username).exists()):
        raise Invalid("taken", NAME_TAKEN, field="username")
    if "email" not in kept and others.mailed(user.email).exists():
        raise Invalid("taken", MAIL_TAKEN, field="email")


def _save_account(user: User, *, action: Action) -> None:
    """Save what was checked, unless the name or address is taken."""
    with taken_refused():
        # Who registers is nobody yet.
        save_as(user if user.pk else None, user, action=action)


@contextmanager
def taken_refused() -> Iterator[None]:
    """Raises `Invalid`, naming the field, where saving an account fails for a name or address that another has."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if (taken := what_is_taken(error)) is None:
            raise
        field, code, message = taken
        raise Invalid(code, message, field=field) from error


def _create_once(actor: User, row: Follow | Block, *, action: Action) -> bool:
    """Save a new row; False where the same was saved by somebody at this very moment."""
    try:
        with transaction.atomic():
            save_as(actor, row, action=action)
    except IntegrityError:
        return False
    return True


def _forget_image(profile: Profile) -> None:
    """Delete the file once the profile has let go of it for good."""
    if name := profile.image.name:
        transaction.on_commit(partial(discard, name))
