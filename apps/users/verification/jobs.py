"""Background jobs of verification: mails about decisions, and the inspection of files."""

from __future__ import annotations

from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from apps.infra.jobs import is_stopping
from apps.users.accounts.mails import PATIENT, send
from apps.users.models import Document
from apps.users.verification import duplicates


@app.task(name="users.mail_decision", retry=PATIENT)
def mail_decision(*, document_id: int, template: str, text: str) -> None:
    """Mail an owner the decision about their document, or that it was undone."""
    document = Document.objects.select_related("owner").filter(pk=document_id).first()
    if document is not None:
        send(document.owner, template, document=document, text=text)


# Some twenty minutes in all; after that `inspect_left_over` finds it.
@app.task(name="users.inspect_document", queue="files", retry=RetryStrategy(max_attempts=5, exponential_wait=4))
def inspect_document(*, document_id: int) -> None:
    """Inspect the file of a document, and find its duplicates on other accounts."""
    duplicates.inspect_document(document_id)


@app.periodic(cron="*/10 * * * *")
@app.task(name="users.inspect_left_over", queue="files", queueing_lock="users.inspect_left_over", pass_context=True)
def inspect_left_over(context: JobContext, timestamp: int) -> None:
    """The same for documents that were missed: sent in before there was this job, or while storage was away."""
    duplicates.inspect_left_over(is_stopping=lambda: is_stopping(context))
