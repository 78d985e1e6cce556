"""One's second factor."""

from __future__ import annotations

from ninja import Router, Status

from api.auth import Request
from api.errors import refusals
from api.schemas.mfa import BackupCodesOut, CodeIn, EnrolmentOut, MfaOffIn, MfaOnIn, MfaOut
from apps.infra.client_address import counted_address
from apps.infra.limits import guesses
from apps.users.authentication import mfa

router = Router()


@router.get("", response={200: MfaOut}, operation_id="get_mfa")
def get_mfa(request: Request) -> dict[str, object]:
    """Whether a second factor is asked for at sign-in, and how many backup codes are unused."""
    return {"enabled": mfa.is_enabled(request.user), "backup_codes_left": mfa.backup_codes_left(request.user)}


@router.post("", response={200: EnrolmentOut, **refusals(409)}, operation_id="begin_mfa")
def begin_mfa(request: Request, body: MfaOnIn) -> dict[str, str]:
    """A key for an authenticator app. It counts once `confirm` has had a first code, within a quarter of an hour."""
    with guesses(counted_address(request.META), str(request.user.pk)):
        enrolment = mfa.begin_enrolment(request.user, password=body.password)
    return {"secret": enrolment.secret, "uri": enrolment.uri, "qr": enrolment.picture}


@router.post("/confirm", response={200: BackupCodesOut, **refusals(409)}, operation_id="confirm_mfa")
def confirm_mfa(request: Request, body: CodeIn) -> dict[str, list[str]]:
    """Switch the second factor on. From now on `login` takes `otp`; each code is good once, this one too."""
    with guesses(counted_address(request.META), str(request.user.pk)):
        return {"backup_codes": mfa.confirm_enrolment(request.user, body.code)}


@router.delete("", response={204: None, **refusals(409)}, operation_id="disable_mfa")
def disable_mfa(request: Request, body: MfaOffIn) -> Status[None]:
    """Switch the second factor off."""
    with guesses(counted_address(request.META), str(request.user.pk)):
        mfa.disable(request.user, password=body.password, code=body.otp)
    return Status(204, None)
