"""What happens to cases in the background."""

from __future__ import annotations

from procrastinate.contrib.django import app

from apps.moderation import cases, priority, retention


@app.periodic(cron="*/10 * * * *")
@app.task(name="moderation.weigh_open", queue="messages", queueing_lock="moderation.weigh_open")
def weigh_open(timestamp: int) -> None:
    """How right reporters have been changes with each case that is closed."""
    cases.gather_strays()
    priority.weigh_open()


@app.periodic(cron="20 * * * *")
@app.task(name="moderation.let_go_of_evidence", queue="files", queueing_lock="moderation.let_go_of_evidence")
def let_go_of_evidence(timestamp: int) -> None:
    """An appeal that nobody makes is over by time alone."""
    retention.let_go_of_all()
