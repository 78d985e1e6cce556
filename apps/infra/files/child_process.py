"""Starts the programs of `apps.infra.files.children`: a process with limits for each file of a stranger."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

MAIN = Path(__file__).with_name("children") / "__main__.py"
ENVIRONMENT = {
    # One thread: the limits leave no room for more.
    "OPENBLAS_NUM_THREADS": "1",
    # Memory that was used is used again. Given back after each step, it takes a quarter of the time to get anew.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 1024 * 1024),
}
# Seconds that starting and loading may take, beside what the child has of the processor.
STARTING = 5


def command(child: str, order: Mapping[str, object]) -> list[str]:
    """The arguments that start a child, by the name of its module."""
    # -I: no environment, no user site; children need only the libraries that they import.
    return [sys.executable, "-I", str(MAIN), child, json.dumps(order)]


def run_child(
    child: str, content: bytes, order: Mapping[str, object], *, seconds: int, memory: int
) -> subprocess.CompletedProcess[bytes]:
    """How a child ended that got `content` on stdin, with `seconds` of CPU and `memory` bytes.

    Raises `subprocess.TimeoutExpired`.
    """
    return subprocess.run(
        command(child, {**order, "seconds": seconds, "memory": memory}),
        input=content,
        capture_output=True,
        timeout=seconds + STARTING,
        env=ENVIRONMENT,
        check=False,
    )
