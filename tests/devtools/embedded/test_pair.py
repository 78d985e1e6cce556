"""A pair of embedded servers: shared, and healed after a kill."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from devtools.embedded import server
from devtools.embedded.ownership import Unavailable
from devtools.embedded.pair import Pair
from devtools.embedded.postgres import APPLICATION
from devtools.paths import CHECKOUT


def kill(pair: Pair) -> None:
    processes = [server.process() for server in (pair.postgres, pair.valkey)]
    for process in processes:
        assert process is not None
        process.kill()
    psutil.wait_procs(processes)


def test_embedded_servers_start_and_stop_together(used_home: Path) -> None:
    pair = Pair(used_home, durable=False)
    with pair.running():
        with psycopg.connect(pair.database_url()) as session:
            assert session.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        with redis.Redis.from_url(pair.redis_url(3)) as valkey:
            assert valkey.ping()
            for command in ("KEYS *", "FLUSHALL", "CONFIG GET *", "ACL LIST", "SCRIPT FLUSH", "REPLICAOF NO ONE"):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    valkey.execute_command(*command.split())
        processes = [*pair.postgres.remains(), *pair.valkey.remains()]
        assert processes
        assert 0 not in {process.uids().effective for process in processes}
    assert not any(process.is_running() for process in processes)


def test_embedded_servers_stop_without_their_pid_file(used_home: Path) -> None:
    pair = Pair(used_home, durable=False)
    with pair.running():
        process = pair.valkey.process()
        assert process is not None
        pair.valkey.pid_file.unlink()
    assert not process.is_running()


def test_the_last_one_out_stops_it(used_home: Path) -> None:
    alice, bob = Pair(used_home, durable=False), Pair(used_home, durable=False)
    alice.join()
    bob.join()
    alice.leave()
    assert bob.postgres.answers()
    assert bob.valkey.answers()
    bob.leave()
    assert not bob.postgres.answers()
    assert not bob.valkey.answers()


def test_acknowledged_writes_survive_a_kill(used_home: Path) -> None:
    pair = Pair(used_home)
    with pair.running():
        with psycopg.connect(pair.owner_database_url()) as session:
            session.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        kill(pair)
        assert pair.heal()
        with psycopg.connect(pair.owner_database_url()) as session:
            assert session.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert pair.valkey.answers()
        assert not pair.heal()


def test_data_of_a_release_with_one_role_gets_the_second(used_home: Path) -> None:
    pair = Pair(used_home, durable=False)
    with pair.running(), psycopg.connect(host=str(used_home), user="postgres", autocommit=True) as session:
        session.execute(f"DROP ROLE {APPLICATION}".encode())
        (pair.postgres.data / APPLICATION).unlink()
    for _start in range(2):
        with pair.running(), psycopg.connect(pair.database_url()) as session:
            assert session.execute("SELECT current_user").fetchone() == (APPLICATION,)


def test_a_socket_that_outlives_its_server_is_not_taken_for_it(used_home: Path) -> None:
    pair = Pair(used_home, durable=False)
    with pair.running():
        kill(pair)
        pair.postgres.socket_file.unlink()
        with socket.socket(socket.AF_UNIX) as left_open:
            left_open.bind(str(pair.postgres.socket_file))
            left_open.listen()
            assert pair.heal()
        with psycopg.connect(pair.database_url()) as session:
            assert session.execute("SELECT 42").fetchone() == (42,)
        assert not pair.heal()


def without_the_right_to_inspect_processes() -> None:
    """As in a container, where root lacks CAP_SYS_PTRACE."""
    assert not ctypes.CDLL(None).prctl(24, 19, 0, 0, 0)  # PR_CAPBSET_DROP; counts from the next program on


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/proc").exists(), reason="only Linux's root can lose the right")
def test_embedded_servers_are_found_by_a_restricted_root(used_home: Path) -> None:
    program = """
import sys
from pathlib import Path
from devtools.embedded.pair import Pair
with Pair(Path(sys.argv[1]), durable=False).running() as _, Pair(Path(sys.argv[1])).running():
    pass
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(used_home)],
        cwd=CHECKOUT,
        preexec_fn=without_the_right_to_inspect_processes,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    pair = Pair(used_home)
    assert not [*pair.postgres.remains(), *pair.valkey.remains()]


def test_pid_files_that_name_another_process_by_now_are_no_hindrance(
    used_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pair = Pair(used_home, durable=False)
    with pair.running():
        claims = (pair.postgres.pid_file, used_home / ".s.PGSQL.5432.lock")
        claimed = [file.read_text() for file in claims]
        kill(pair)
    for file, text in zip(claims, claimed, strict=True):
        _, rest = text.split("\n", 1)
        file.write_text(f"{os.getpid()}\n{rest}")
    pair.valkey.pid_file.write_text(f"{os.getpid()}\n")
    with pair.running():
        assert pair.postgres.answers()
    assert capfd.readouterr().err == "The embedded servers were killed; their data is being recovered.\n"


def test_a_half_made_database_is_made_anew(home: Path) -> None:
    (home / "postgres.unfinished").mkdir()
    (home / "postgres.unfinished" / "PG_VERSION").write_text("18")
    pair = Pair(home, durable=False)
    with pair.running():
        assert pair.postgres.answers()


def test_a_server_that_hangs_is_named(used_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STOP_TIMEOUT", 0.1)
    pair = Pair(used_home, durable=False)
    with pair.running():
        process = pair.valkey.process()
        assert process is not None
        process.suspend()
        pair.valkey.socket_file.unlink()
        try:
            with pytest.raises(Unavailable, match=r"Valkey .* does not answer"):
                Pair(used_home, durable=False).join()
        finally:
            process.send_signal(signal.SIGCONT)
