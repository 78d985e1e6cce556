"""Calls into the domain from the event loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from channels.db import database_sync_to_async
from django.db import reset_queries

# As many queries of this process's sockets at the same time. Threads of their own: by default all sockets would share
# one, and wait for the slowest.
_THREADS = ThreadPoolExecutor(8, thread_name_prefix="sockets")


async def in_thread[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of `call`, which may use the database; its connection goes back to the pool afterwards."""
    run = database_sync_to_async(_unlogged, thread_sensitive=False, executor=_THREADS)
    return cast(T, await run(call, *args, **kwargs))


def _unlogged[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return call(*args, **kwargs)
    finally:
        reset_queries()  # kept under DEBUG, 9,000 a thread, until a request begins: which none does here
