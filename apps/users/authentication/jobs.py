"""Background jobs of authentication."""

from __future__ import annotations

import secrets

from django.contrib.auth.hashers import make_password
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from apps.users.accounts.mails import send
from apps.users.models import RESET_CODE_LIFETIME, RESET_CODE_TRIES, ResetCode, User


# The user waits for it and can request another: tried for a minute, which a mail server takes to start, not for hours.
@app.task(name="users.send_reset_code", retry=RetryStrategy(max_attempts=11, wait=6))
def send_reset_code(*, user_id: int) -> None:
    """Mail a new reset code, which voids the one before. No user has the id 0."""
    user = User.objects.clients().active().filter(pk=user_id).first()
    if user is None:
        return
    code = f"{secrets.randbelow(1_000_000):06}"
    ResetCode.objects.update_or_create(
        user=user,
        defaults={
            "code_hash": make_password(code),
            "tries_left": RESET_CODE_TRIES,
            "expires_at": timezone.now() + RESET_CODE_LIFETIME,
        },
    )
    minutes = int(RESET_CODE_LIFETIME.total_seconds() // 60)
    send(user, "reset_code", code=code, minutes=minutes)
