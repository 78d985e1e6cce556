"""Jobs as the worker runs them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.db import connection
from procrastinate.contrib.django import app

from apps.users import sessions
from apps.users.models import ResetCode
from ops.jobs import retry_stalled
from tests.jobs import waiting
from tests.people import alice

pytestmark = pytest.mark.django_db(transaction=True)


def work() -> None:
    """What is due, by a real worker, once."""
    connector: Any = app.connector
    with app.replace_connector(connector.get_worker_connector()):
        app.run_worker(wait=False, install_signal_handlers=False, listen_notify=False, delete_jobs="successful")


def test_the_worker_mails_the_code_and_forgets_the_job() -> None:
    alice()
    sessions.request_reset("alice@example.com")
    [job] = waiting("users.send_reset_code")
    assert "code" not in job.args
    work()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]
    assert ResetCode.objects.count() == 1
    assert waiting("users.send_reset_code") == []


def test_a_mail_server_that_is_away_is_tried_again_with_a_new_code(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nothing listens there
    alice()
    sessions.request_reset("alice@example.com")
    work()
    [job] = waiting("users.send_reset_code")
    assert (job.status, job.attempts) == ("todo", 1)
    assert job.scheduled_at is not None


def test_what_a_killed_worker_had_begun_is_run_again() -> None:
    alice()
    sessions.request_reset("alice@example.com")
    with connection.cursor() as cursor:
        cursor.execute("SELECT procrastinate_register_worker_v1()")
        [worker] = cursor.fetchone()
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", [worker])
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = NOW() - INTERVAL '2 minutes'")
    retry_stalled.defer(timestamp=0)  # type: ignore[call-arg]  # by its parameters
    work()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]
    assert waiting("users.send_reset_code") == []
