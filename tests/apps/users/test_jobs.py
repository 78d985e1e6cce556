"""Jobs as the worker runs them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job

from apps.stories.jobs import free_expired
from apps.users.authentication import passwords
from apps.users.models import ResetCode
from apps.users.verification import duplicates
from apps.users.verification.jobs import inspect_left_over
from devtools.paths import CHECKOUT
from ops.jobs import retry_stalled
from ops.management.commands.worker import work_until_stopped
from tests.jobs import abandon_jobs, run_worker, waiting, worker_here
from tests.people import alice
from tests.settings import servers

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_worker_mails_the_code_and_forgets_the_job() -> None:
    alice()
    passwords.request_reset("alice@example.com")
    [job] = waiting("users.send_reset_code")
    assert "code" not in job.args
    run_worker()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]
    assert ResetCode.objects.count() == 1
    assert waiting("users.send_reset_code") == []


def test_a_mail_server_that_is_away_is_tried_again_with_a_new_code(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nothing listens there
    alice()
    passwords.request_reset("alice@example.com")
    run_worker()
    [job] = waiting("users.send_reset_code")
    assert (job.status, job.attempts) == ("todo", 1)
    assert job.scheduled_at is not None


def test_a_silent_mail_server_does_not_keep_the_worker(settings: Any) -> None:
    assert 0 < settings.EMAIL_TIMEOUT <= 10
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        settings.EMAIL_TIMEOUT = 0.2
        alice()
        passwords.request_reset("alice@example.com")
        run_worker()
    [job] = waiting("users.send_reset_code")
    assert (job.status, job.attempts) == ("todo", 1)


def test_jobs_of_a_killed_worker_run_again() -> None:
    alice()
    passwords.request_reset("alice@example.com")
    abandon_jobs()
    retry_stalled.defer(timestamp=0)  # type: ignore[call-arg]  # by its parameters
    run_worker()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]
    assert waiting("users.send_reset_code") == []


@pytest.mark.parametrize("successor", [True, False], ids=["one-waits", "two-stalled"])
def test_stalled_jobs_that_only_one_may_wait_of_do_not_stop_the_others(successor: bool) -> None:
    alice()
    for stalled in range(1 if successor else 2):
        free_expired.defer(timestamp=stalled)  # type: ignore[call-arg]  # by its parameters
        abandon_jobs()
    passwords.request_reset("alice@example.com")
    abandon_jobs()
    if successor:
        free_expired.defer(timestamp=9)  # type: ignore[call-arg]  # by its parameters
    retry_stalled.configure(priority=1).defer(timestamp=0)  # while the successor still waits
    run_worker()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]
    assert not ProcrastinateJob.objects.exists()


@pytest.mark.parametrize(
    ("task", "most", "waits"),
    [
        ("users.mail_notice", timedelta(hours=2.75), timedelta(hours=2.5)),
        ("users.mail_decision", timedelta(hours=2.75), timedelta(hours=2.5)),
        ("users.send_reset_code", timedelta(seconds=70), timedelta(seconds=60)),
        ("users.inspect_document", timedelta(minutes=25), timedelta(minutes=20)),
        ("decisions.tell_people", timedelta(hours=2.75), timedelta(hours=2.5)),
        ("stories.delete_file", timedelta(days=17), timedelta(days=16)),
    ],
)
def test_a_job_is_tried_again_for_as_long_as_its_comment_says(task: str, most: timedelta, waits: timedelta) -> None:
    strategy = app.tasks[task].retry_strategy
    assert isinstance(strategy, RetryStrategy)
    job = Job(id=1, queue="", lock=None, queueing_lock=None, task_name=task, attempts=0)
    total = timedelta()
    while decision := strategy.get_retry_decision(exception=OSError(), job=job):
        assert decision.retry_at is not None
        total += decision.retry_at - timezone.now()
        job = job.evolve(attempts=job.attempts + 1)
    assert waits <= total + timedelta(seconds=1)
    assert total < most


def test_a_worker_that_is_killed_in_the_middle_of_a_job_loses_nothing() -> None:
    alice()
    passwords.request_reset("alice@example.com")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        with _worker(mail_port=silent.getsockname()[1]) as worker:
            # It has begun to mail, to a server that never answers.
            conversation, _peer = silent.accept()
            worker.kill()
            worker.wait()
            conversation.close()
    [job] = waiting("users.send_reset_code")
    assert job.status == "doing"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = NOW() - INTERVAL '2 minutes'")
    retry_stalled.defer(timestamp=0)  # type: ignore[call-arg]  # by its parameters
    run_worker()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]
    assert waiting("users.send_reset_code") == []


def test_a_job_of_many_steps_hears_that_the_worker_is_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bool] = []

    def inspect(*, is_stopping: Callable[[], bool]) -> None:
        heard.append(is_stopping())
        os.kill(os.getpid(), signal.SIGTERM)
        deadline, pause = time.monotonic() + 20, Event()
        while not is_stopping() and time.monotonic() < deadline:
            pause.wait(0.01)
        heard.append(is_stopping())

    monkeypatch.setattr(duplicates, "inspect_left_over", inspect)
    inspect_left_over.defer(timestamp=0)  # type: ignore[call-arg]  # by its parameters
    with worker_here():
        asyncio.run(asyncio.wait_for(work_until_stopped(1), 60))
    assert heard == [False, True]
    assert waiting("users.inspect_left_over") == []


@contextmanager
def _worker(*, mail_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process on the data of the test, killed at the latest at the end."""
    database = str(connection.settings_dict["NAME"])
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": servers.database_url(database),
        "OWNER_DATABASE_URL": servers.owner_database_url(database),
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
    }
    command = [sys.executable, "manage.py", "worker"]
    process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
