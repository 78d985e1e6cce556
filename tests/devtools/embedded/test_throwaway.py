"""Pairs for one run: none outlives it for longer than until the next one."""

import tempfile
from pathlib import Path

import psutil

from devtools.embedded.pair import Pair
from devtools.embedded.throwaway import LOCK, throwaway


def test_the_next_throwaway_pair_clears_away_that_of_a_killed_run(elsewhere: Path, laid_out: None) -> None:
    killed = Pair(Path(tempfile.mkdtemp(prefix="infloo-test-", dir=elsewhere)), durable=False)
    (killed.home / LOCK).touch()
    killed.join()
    processes = [*killed.postgres.remains(), *killed.valkey.remains()]
    with throwaway() as pair, throwaway() as other:
        assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
        assert set(elsewhere.iterdir()) == {pair.home, other.home}
    assert not list(elsewhere.iterdir())
