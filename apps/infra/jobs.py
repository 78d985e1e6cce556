"""What a job in the background asks of the worker that runs it."""

from __future__ import annotations

from procrastinate import JobContext

IS_STOPPING = "is_stopping"
"""Of the worker's additional context: whether it was asked to stop, `() -> bool`."""

ORIGIN = "_origin"
"""Beside the arguments of a job: the id and the trace of the request that asked for it."""


def is_stopping(context: JobContext) -> bool:
    """Whether a job of many steps should end after this one: the worker waits for jobs under way, and what is left is
    found again."""
    asked = context.additional_context.get(IS_STOPPING)
    return bool(asked and asked())
