"""What went wrong, as text in the line that says so."""

from __future__ import annotations

import re

import structlog
from structlog.typing import EventDict, WrappedLogger

# What PostgreSQL adds to an error: rows as they were to be stored, with all that users wrote.
ROWS = re.compile(r"\n(?:DETAIL|CONTEXT):.*?(?=\n\n(?:The above exception|During handling)|\Z)", re.DOTALL)


def traceback_as_text(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Put the traceback of an exception into the event, without values: no variables, no rows of the database."""
    event = structlog.processors.format_exc_info(logger, method, event)
    if "exception" in event:
        event["exception"] = ROWS.sub("", event["exception"])
    return event
