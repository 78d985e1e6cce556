"""Jobs that keep cases and evidence up to date."""

from __future__ import annotations

from procrastinate.contrib.django import app

from apps.moderation import cases, priority, retention


@app.periodic(cron="*/10 * * * *")
@app.task(name="moderation.weigh_open", queue="messages", queueing_lock="moderation.weigh_open")
def update_scores(timestamp: int) -> None:
    """Group ungrouped reports, then update the priority scores: records of reporters change with each closed case."""
    cases.group_ungrouped()
    priority.update_open_scores()


@app.periodic(cron="20 * * * *")
@app.task(name="moderation.let_go_of_evidence", queue="files", queueing_lock="moderation.let_go_of_evidence")
def release_evidence(timestamp: int) -> None:
    """Release evidence whose time to appeal has ended."""
    retention.release_unneeded()
