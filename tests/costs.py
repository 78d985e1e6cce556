"""What a call costs."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.client import Api


def queries_of(client: Api, path: str, page_size: int) -> int:
    """How many queries one page of a list takes."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path, page_size=page_size)
    assert answer.status_code == 200, answer.content
    return len(queries)
