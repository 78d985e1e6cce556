"""The request that asked for a job: its id and trace stand in the lines of the job, and in what that asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from procrastinate import App, JobContext
from procrastinate.jobs import Job
from structlog.contextvars import bind_contextvars

from apps.audit.context import coming_from, origin
from apps.infra import tracing
from apps.infra.jobs import ORIGIN


def carry_origin(app: App) -> None:
    """Have each job that is asked for carry where it comes from, beside its arguments."""
    manager = app.job_manager
    defer, defer_async = manager.batch_defer_jobs, manager.batch_defer_jobs_async

    def batch_defer_jobs(jobs: list[Job], connection: Any = None) -> list[Job]:
        return defer([_with_origin(job) for job in jobs], connection)

    async def batch_defer_jobs_async(jobs: list[Job], connection: Any = None) -> list[Job]:
        return await defer_async([_with_origin(job) for job in jobs], connection)

    vars(manager).update(batch_defer_jobs=batch_defer_jobs, batch_defer_jobs_async=batch_defer_jobs_async)


def _with_origin(job: Job) -> Job:
    known = origin()
    if not known.request_id:
        return job
    return job.evolve(task_kwargs={**job.task_kwargs, ORIGIN: [known.request_id, known.traceparent]})


async def resume_origin(call: Callable[[], Awaitable[Any]], context: JobContext, worker: object) -> Any:
    """As middleware of a worker: run a job as a part of what the request that asked for it has begun."""
    carried: Any = context.job.task_kwargs.pop(ORIGIN, ("", ""))
    request_id, traceparent = carried
    name = context.job.task_name
    with tracing.span("consumer", name, traceparent) as span:
        ids: dict[str, Any] = {"trace_id": span.trace_id, "span_id": span.span_id, "task": name, "job": context.job.id}
        if request_id:
            ids["request_id"] = request_id
        # For good: each job runs in an asyncio task of its own, which logs how it ended after this.
        bind_contextvars(**ids)
        with coming_from(request_id, None, span.traceparent):
            return await call()
