"""The authenticator app in somebody's hand."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import time_machine
from django.utils import timezone

from apps.users import mfa
from apps.users.models import User


def enrol(user: User) -> tuple[pyotp.TOTP, list[str]]:
    """The app of `user` and their backup codes; set up half a minute ago, so that the present code is unused."""
    with time_machine.travel(timezone.now() - timedelta(seconds=30), tick=False):
        app = pyotp.TOTP(mfa.begin_enrolment(user).secret)
        return app, mfa.confirm_enrolment(user, code_of(app))


def code_of(app: pyotp.TOTP, periods: int = 0) -> str:
    """What the app shows now, or so many periods of 30 seconds later."""
    return app.generate_otp(int(timezone.now().timestamp()) // 30 + periods)


def wrong(app: pyotp.TOTP) -> str:
    near = {code_of(app, periods) for periods in (-1, 0, 1)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)
