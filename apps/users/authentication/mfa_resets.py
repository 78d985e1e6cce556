"""Resets of a lost second factor: requested by one member of staff, confirmed by another."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.audit.services import record
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.users.accounts.alerts import alert_if_same_person
from apps.users.accounts.guards import refuse_superuser
from apps.users.accounts.mails import mail_account_notice
from apps.users.authentication.mfa import is_enabled
from apps.users.authentication.sessions import end_all
from apps.users.models import MFA_RESET_LIFETIME, MfaReset, Passkey, User
from apps.users.models.second_factors import Authenticator


@transaction.atomic
def ask_reset(actor: User, user_id: int, *, reason: str) -> MfaReset:
    """Request a reset of a user's second factor. It takes effect once another member of staff confirms it."""
    require(actor, "users.reset_mfa")
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise Absent("not-found", _("There is no such person."))
    _require_another(actor, user)
    if not is_enabled(user) and not Passkey.objects.filter(user=user).exists():
        raise Conflict("mfa-off", _("%(name)s has no second factor, so there is nothing to reset.") % {"name": user})
    open_since = timezone.now() - MFA_RESET_LIFETIME
    if MfaReset.objects.filter(user=user, confirmed_at__isnull=True, asked_at__gt=open_since).exists():
        raise Conflict("already-asked", _("A reset is already requested. A second person has to confirm it."))
    reset = MfaReset(user=user, asked_by=actor, reason=reason.strip())
    try:
        reset.clean_fields()
    except ValidationError as error:
        raise Invalid("reason-needed", _("Enter a reason of at most 500 characters."), field="reason") from error
    return save_as(actor, reset, action=Action.MFA_RESET_REQUESTED, note=reset.reason)


@transaction.atomic
def confirm_reset(actor: User, reset_id: int) -> MfaReset:
    """Confirm a reset: the second factor is removed, all sessions of its owner end, and the owner is notified by mail.

    Raises `Refused` for the requester and the owner, `Conflict` after `MFA_RESET_LIFETIME`.
    """
    require(actor, "users.reset_mfa")
    reset = (
        MfaReset.objects.select_for_update(of=("self",)).select_related("user", "asked_by").filter(pk=reset_id).first()
    )
    if reset is None:
        raise Absent("not-found", _("There is no such reset."))
    _require_another(actor, reset.user)
    if reset.asked_by == actor:
        raise Refused("second-person-needed", _("You requested this reset. A second person has to confirm it."))
    reset.confirm(actor)
    save_as(actor, reset, action=Action.MFA_RESET_CONFIRMED, note=reset.reason)
    _remove_factor(actor, reset.user, reason=reset.reason)
    alert_if_same_person(reset.asked_by, actor, reset, since=reset.asked_at)
    return reset


@transaction.atomic
def reset_from_machine(username: str) -> None:
    """Reset the second factor at the command line, where no second administrator is left to confirm it."""
    user = User.objects.select_for_update().named(username).first()
    if user is None:
        raise Absent("not-found", _("There is no such person."))
    _remove_factor(None, user)


def _remove_factor(actor: User | None, user: User, *, reason: str = "") -> None:
    """Remove the authenticator app and all passkeys. `actor` is None at the command line."""
    Authenticator.objects.filter(user=user).delete()
    Passkey.objects.filter(user=user).delete()
    end_all(actor, user, action=Action.MFA_RESET)
    record(actor, Action.MFA_RESET, user, reason=reason)
    mail_account_notice(user, "mfa_reset")


def _require_another(actor: User, user: User) -> None:
    if actor.pk == user.pk:
        raise Refused("own-mfa", _("You cannot reset your own MFA. Ask another access manager."))
    refuse_superuser(actor, user)
