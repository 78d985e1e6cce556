"""What each process counts of itself, for /metrics. Labels are few and never name a person."""

from __future__ import annotations

from typing import Any, cast

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

cast(Any, disable_created_metrics)()  # a series more for each counter, which no rule uses

JOBS = Histogram(
    "infloo_job_seconds",
    "Time that attempts of jobs took, by how they ended: succeeded, retried or failed",
    ["task", "outcome"],
    buckets=(0.01, 0.1, 0.5, 1, 5, 30, 120, 600, 3600),
)
SOCKETS = Gauge("infloo_sockets_open", "Open sockets of this process", ["kind"])
SOCKETS_ENDED = Counter("infloo_sockets_ended", "Sockets that this process has closed, by their code", ["code"])
FAN_OUT = Histogram(
    "infloo_fan_out_seconds",
    "Time from the storing of a message to its arrival at a process with sockets of its room, by pub/sub",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
)
PUBSUB_UP = Gauge("infloo_pubsub_up", "Whether a server of pub/sub carries what this process sends itself", ["server"])
PUBSUB_REOPENED = Counter("infloo_pubsub_reopened", "Times that the channel of this process was opened anew")
PUBSUB_DROPPED = Counter("infloo_pubsub_dropped", "Messages not published: the queue was full, or Valkey away")
VALKEY_FAILURES = Counter("infloo_valkey_failures", "Times that Valkey did not do what it was asked")
MAIL_FAILURES = Counter("infloo_mail_failures", "Mails that the mail server did not take, each attempt")
STORAGE_FAILURES = Counter("infloo_storage_failures", "Times that files could not be stored, read or deleted")
UPLOAD_SCANS = Counter(
    "infloo_upload_scans", "Uploads that the scanner was asked about: ok, found or failed", ["verdict"]
)
REPLICA_LAG = Gauge("infloo_replica_lag_seconds", "How far the replica was behind when this process last asked it")
LOG_LINES_DROPPED = Counter("infloo_log_lines_dropped", "Lines of the log that were not sent on", ["why"])
CSP_VIOLATIONS = Counter("infloo_csp_violations", "What the content security policy refused in browsers", ["directive"])
