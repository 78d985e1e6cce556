"""What operators watch: figures, the alerts and the dashboard that are made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import promql_parser
import pytest
import yaml
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from apps.infra import pubsub
from apps.infra.owner import as_owner
from apps.upkeep.models import LastSuccess
from apps.upkeep.services import note_rehearsal
from apps.users.accounts.mails import mail_notice
from apps.users.authentication.jobs import send_reset_code
from config import turns
from config.gauges import WAITING, WAITING_MAX
from config.layers import channel_layers
from devtools.paths import CHECKOUT
from tests.jobs import run_worker
from tests.ops.processes import Command, HttpCommand, free_port, pause
from tests.people import alice

NAME = re.compile(r"\b(?:infloo|process)_[a-z_]+")
# Of the library, about the process itself; only there where the system has /proc.
OF_PROCESSES = {"process_resident_memory_bytes"}


def expressions() -> Iterator[str]:
    """Every PromQL expression of the alerts and the dashboard."""
    for group in yaml.safe_load((CHECKOUT / "deploy/alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads((CHECKOUT / "deploy/dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))


def lines(text: str, start: str) -> str:
    """Those that begin so. A process that has served thousands of tests has figures that take seconds to parse."""
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith(start))


def names(text: str) -> set[str]:
    """The names that series of this exposition may have, those that have no series yet included."""
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
    return {
        family.name + ending
        for family in text_string_to_metric_families(lines(text, "# "))
        for ending in endings.get(family.type, ())
    }


def value(text: str, name: str, /, **labels: str) -> float | None:
    """The value of one series."""
    for family in text_string_to_metric_families(lines(text, name)):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


@pytest.mark.django_db
def test_alerts_and_dashboard_use_only_figures_that_there_are(client: Client) -> None:
    there = names(client.get("/metrics").content.decode()) | OF_PROCESSES
    used = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(used) > 20
    assert turns.WAITING  # of the web process
    assert used <= there
    for expression in expressions():
        promql_parser.parse(expression)
    # Each figure of ours is worth a place on the dashboard.
    ours = {re.sub("_(bucket|count|sum)$", "", name) for name in there if name.startswith("infloo_")}
    assert ours <= {re.sub("_(bucket|count|sum)$", "", name) for name in used}


@pytest.mark.django_db(transaction=True)
def test_operators_see_jobs_that_wait_and_what_was_last_done(client: Client) -> None:
    send_reset_code.defer(user_id=alice().pk)
    late = timezone.now() - timedelta(minutes=10)
    mail_notice.configure(schedule_at=late).defer(user_id=0, notice="none", facts={})
    mail_notice.configure(schedule_in={"hours": 1}).defer(user_id=0, notice="none", facts={})
    call_command("note_success", "backup")
    with pytest.raises(CommandError, match="lower-case"):
        call_command("note_success", "Back up")
    text = client.get("/metrics").content.decode()
    assert value(text, "infloo_database_up") == 1
    assert value(text, "infloo_jobs_waiting", queue="default") == 2
    assert 600 <= value(text, "infloo_jobs_oldest_seconds", queue="default") < 700
    assert value(text, "infloo_workers") == 0
    done = LastSuccess.objects.get().at.timestamp()
    assert value(text, "infloo_last_success_timestamp_seconds", name="backup") == pytest.approx(done)
    run_worker()
    text = client.get("/metrics").content.decode()
    assert value(text, "infloo_jobs_waiting", queue="default") is None


@pytest.mark.django_db(transaction=True)
def test_operators_see_whether_the_last_rehearsal_failed(client: Client) -> None:
    result = {"seconds": 40, "size": 2**30, "rows": 5000, "lines": 3, "erased": 0}
    for finding, failed in (("", 0), ("WAL is missing", 1), ("", 0)):
        note_rehearsal(**result, finding=finding)
        before = LastSuccess.objects.get(name="rehearsal").at.timestamp()
        text = client.get("/metrics").content.decode()
        assert value(text, "infloo_rehearsal_failed") == failed
        assert value(text, "infloo_last_success_timestamp_seconds", name="rehearsal") == pytest.approx(before)


@pytest.mark.django_db
def test_figures_are_there_while_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "host", "/nowhere")
    answer = client.get("/metrics")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert value(text, "infloo_database_up") == 0
    assert value(text, "infloo_jobs_waiting") is None


@pytest.mark.django_db(transaction=True)
def test_figures_do_not_cost_more_as_jobs_pile_up(client: Client) -> None:
    """Of many jobs, the plan reads only the first of the index that workers take them by.

    A hundred of 15,000 are what the counted ones are of 1.5 million.
    """
    with connection.cursor() as cursor:
        # What checks the keys of events may be planned for the few jobs of earlier tests: it would read all for each.
        cursor.execute("DISCARD PLANS; SET enable_seqscan = off")
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status)"
            " SELECT 'default', 'none', '{}', (ARRAY['todo', 'failed'])[n % 2 + 1]::procrastinate_job_status"
            " FROM generate_series(1, 30000) n"
        )
        cursor.execute("RESET enable_seqscan; DISCARD PLANS")
    # Its owner, always: tests of roles give the application's role its rights anew.
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE procrastinate_jobs")
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + WAITING, {"most": WAITING_MAX // 100})
        plan = json.dumps(cursor.fetchone())
    assert "procrastinate_jobs_priority_idx" in plan
    assert value(client.get("/metrics").content.decode(), "infloo_jobs_waiting") == WAITING_MAX


@pytest.mark.django_db(transaction=True)
def test_a_worker_counts_its_jobs_and_the_mails_that_fail() -> None:
    port = str(free_port())
    job = send_reset_code.defer(user_id=alice().pk)
    with Command("worker", "--metrics-port", port, EMAIL_URL="smtp://127.0.0.1:1") as worker:
        metrics = HttpCommand.__new__(HttpCommand)
        metrics.port, metrics.process = int(port), worker.process
        said = counted = None
        while not counted:
            try:
                said = metrics.get("/metrics")[1]
            except OSError:
                assert worker.process.poll() is None
                pause()
                continue
            counted = value(said, "infloo_job_seconds_count", task="users.send_reset_code", outcome="retried")
            pause()
    assert counted >= 1, job
    assert value(said, "infloo_mail_failures_total") == counted


def test_messages_that_are_not_published_are_counted(client: Client, settings: Any, db: None) -> None:
    def dropped() -> float:
        return value(client.get("/metrics").content.decode(), "infloo_pubsub_dropped_total") or 0

    before = dropped()
    settings.CHANNEL_LAYERS = channel_layers(["unix:///nowhere/valkey.sock"], settings.BROADCAST_PREFIX)
    pubsub._Sender()._send([("room.1", "{}"), ("room.1", "{}")])
    assert dropped() == before + 2
