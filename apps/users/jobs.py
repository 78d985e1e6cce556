"""What happens to people in the background."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import override
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from apps.infra.jobs import is_stopping
from apps.users.models import RESET_CODE_LIFETIME, RESET_CODE_TRIES, Document, ResetCode, User
from apps.users.verification import duplicates

# Mail servers are away at times: tried again five times, after waits of 6 s to 2 h that add up to some two and a half
# hours.
PATIENT = RetryStrategy(max_attempts=5, exponential_wait=6)


# Somebody waits for it, and can ask for another: three more times in a quarter of a minute.
@app.task(name="users.send_reset_code", retry=RetryStrategy(max_attempts=3, wait=5))
def send_reset_code(*, user_id: int) -> None:
    """Mail a new code to somebody who forgot their password; the one before is void. Nobody has the id 0."""
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
    _mail(user, "reset_code", code=code, minutes=minutes)


@app.task(name="users.mail_decision", retry=PATIENT)
def mail_decision(*, document_id: int, template: str, text: str) -> None:
    """Mail an owner what was decided about their document, or that it was taken back."""
    document = Document.objects.select_related("owner").filter(pk=document_id).first()
    if document is not None:
        _mail(document.owner, template, document=document, text=text)


# Some twenty minutes in all; after that `inspect_left_over` finds it.
@app.task(name="users.inspect_document", queue="files", retry=RetryStrategy(max_attempts=5, exponential_wait=4))
def inspect_document(*, document_id: int) -> None:
    """Find out what the file of a document shows, and whom it was sent in by before."""
    duplicates.inspect_document(document_id)


@app.periodic(cron="*/10 * * * *")
@app.task(name="users.inspect_left_over", queue="files", queueing_lock="users.inspect_left_over", pass_context=True)
def inspect_left_over(context: JobContext, timestamp: int) -> None:
    """The same for documents that were missed: sent in before there was this job, or while storage was away."""
    duplicates.inspect_left_over(is_stopping=lambda: is_stopping(context))


@app.task(name="users.mail_notice", retry=PATIENT)
def mail_notice(*, user_id: int, notice: str, facts: dict[str, str], version: int | None = None) -> None:
    """Mail somebody what happened to their account, to the address of a `version` of it or to the present one.

    By its number, since what jobs are called with may be written to the log.
    """
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        return
    if version is not None:
        user.email = user.history.get(pk=version).email
    _mail(user, notice, **facts)


def compose(user: User, template: str, **facts: object) -> tuple[str, str]:
    """The subject and the body of a mail in its reader's language: the first line of its template, and the rest."""
    with override(user.language):
        subject, body = render_to_string(f"mail/{template}.txt", {"user": user} | facts).split("\n", 1)
    return subject.strip(), body.strip() + "\n"


def _mail(user: User, template: str, **facts: object) -> None:
    subject, body = compose(user, template, **facts)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [user.email])
