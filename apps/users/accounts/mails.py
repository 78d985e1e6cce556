"""Mails to users about their accounts."""

from __future__ import annotations

from typing import Any, Literal

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils.translation import override
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from apps.infra import metrics
from apps.users.models import User

type Notice = Literal[
    "mfa_enabled",
    "mfa_disabled",
    "mfa_reset",
    "passkey_added",
    "passkey_removed",
    "new_device",
    "password_used",
    "password_changed",
    "email_changed",
    "one_pair_of_eyes",
    "erasure_scheduled",
    "erasure_cancelled",
    "data_export_ready",
]
"""The name of the template, in `mail/`."""


# Mail servers are away at times: tried again five times, after waits of 6 s to 2 h that add up to some two and a half
# hours.
PATIENT = RetryStrategy(max_attempts=5, exponential_wait=6)


@app.task(name="users.mail_notice", retry=PATIENT)
def mail_notice(*, user_id: int, notice: str, facts: dict[str, str], version: int | None = None) -> None:
    """Mail a user the template `notice`, with `facts` as its context (the name is stored in waiting jobs).

    To the present address, or to that of a `version` of the account: named by number, since the arguments of jobs may
    be logged.
    """
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        return
    if version is not None:
        user.email = user.history.get(pk=version).email
    send(user, notice, **facts)


def mail_account_notice(user: User, notice: Notice, *, version: int | None = None, **context: Any) -> None:
    """Mail `user` about their account after the commit, at the address of a `version` of it or the present one."""
    former = {} if version is None else {"version": version}
    mail_notice.defer(user_id=user.pk, notice=notice, facts=context, **former)


def compose(user: User, template: str, **context: object) -> tuple[str, str]:
    """The subject and the body of a mail, in the language of its recipient: the template's first line, and the rest."""
    with override(user.language):
        subject, body = render_to_string(f"mail/{template}.txt", {"user": user} | context).split("\n", 1)
    return subject.strip(), body.strip() + "\n"


def send(user: User, template: str, **context: object) -> None:
    """Send a mail at once, inside a job."""
    subject, body = compose(user, template, **context)
    with metrics.MAIL_FAILURES.count_exceptions():
        send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [user.email])
