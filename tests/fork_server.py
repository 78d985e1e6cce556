"""A process that has loaded the libraries, none of our modules, and starts programs as forks of itself.

Each program runs as `python FILE …`, `python -m MODULE …` or `python -c CODE` would run it: as the main module, with
its own environment, folder, files and exit code, with default signals and a random state of its own. `tests.forks`
asks for it, and says by which name of `LIBRARIES` the programs go.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
from typing import Any

PROGRAMS = (
    "PIL.PngImagePlugin",
    "channels_redis.utils",
    "django.conf.urls",
    "django.core.management.commands.makemigrations",
    "django.core.servers.basehttp",
    "django.db.backends.postgresql.base",
    "django.template.loaders.app_directories",
    "django_structlog.middlewares",
    "environ",
    "granian.server.mp",
    "ipware",
    "jinja2",
    "jwt",
    "limits",
    "orjson",
    "pikepdf",
    "procrastinate.builtin_tasks",
    "prometheus_client.core",
    "psutil",
    "pydantic_settings",
    "rfc3161_client",
    "segno",
    "tablib.formats._xlsx",
    "tablib.formats._yaml",
    "unittest.mock",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvloop",
    "webauthn",
    "whitenoise.runserver_nostatic",
)
"""Of what our modules import, all that needs no settings."""

CHILDREN = ("PIL.ImageOps", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.WebPImagePlugin")
CHILDREN += ("cv2", "numpy.random", "numpy.typing", "pikepdf", "pypdfium2")
"""Of what `apps.infra.files.children` import, all."""

LIBRARIES = {"programs": PROGRAMS, "children": CHILDREN}

BEYOND = 100
"""Numbers that files may have beyond those that a program asks for."""


ended: list[int] = []
"""The exit code of a program that has ended and need not take apart all that was loaded."""


@atexit.register
def leave() -> None:
    """Registered before all others and so called after them: nothing but the interpreter's own end is left out."""
    if ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended[0])


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in LIBRARIES[sys.argv[2]]:
        importlib.import_module(name)
    # A fork has the thread that forks alone: locks of others would never open.
    assert threading.active_count() == 1, threading.enumerate()
    # What collects rubbish in a program need not look at the libraries, and so does not copy their pages.
    gc.collect()
    gc.freeze()
    asked = accept_one(control)
    try:
        run(asked["command"])
    except SystemExit as end:
        code = 0 if end.code is None else end.code if isinstance(end.code, int) else 1
        ended.extend([code] if asked["leaves"] else [])
        raise
    ended.extend([0] if asked["leaves"] else [])


def run(command: list[str]) -> None:
    if command[0] == "-m":
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    elif command[0] == "-c":
        sys.argv, sys.path[0] = ["-c"], ""
        exec(command[1], {"__name__": "__main__"})  # noqa: S102  # a program of a test
    else:
        sys.argv = command
        runpy.run_path(command[0], run_name="__main__")


def accept_one(control: socket.socket) -> dict[str, Any]:
    """Returns in each new program, with what was asked for it; ends this process with those that ask."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        byte, files, _flags, _address = socket.recv_fds(control, 1, BEYOND)
        if not byte:
            sys.exit()
        if not os.fork():
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return begin(files)
        for file in files:
            os.close(file)


def begin(files: list[int]) -> dict[str, Any]:
    """Split into the program, which goes on, and a process that waits for its end and says how it ended."""
    channel = socket.socket(fileno=files.pop(0))
    with channel.makefile("rb") as read:
        asked: dict[str, Any] = json.loads(read.readline())
    if program := os.fork():
        for file in files:
            os.close(file)
        channel.sendall(program.to_bytes(4))
        code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
        channel.sendall(code.to_bytes(4, signed=True))
        os._exit(0)
    channel.close()
    kept = [fcntl.fcntl(file, fcntl.F_DUPFD, BEYOND) for file in files]
    for file in files:
        os.close(file)
    for file, number in zip(kept, asked["numbers"], strict=True):
        os.dup2(file, number)
        os.close(file)
    os.chdir(asked["folder"])
    if not sys.flags.isolated:
        sys.path[0] = asked["folder"]
    coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}  # by Python, as it starts
    os.environ.clear()
    os.environ.update(coerced | asked["environment"])
    return asked


if __name__ == "__main__":
    main()
