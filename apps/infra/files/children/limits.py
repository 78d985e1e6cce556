"""What a child may take of the machine."""

from __future__ import annotations

import resource


def limit(seconds: int, memory: int, *, file_size: int = 0) -> None:
    """At most `seconds` of CPU, `memory` bytes, files of `file_size` bytes, and no process or thread more."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    if resource.getrlimit(resource.RLIMIT_NPROC)[0] != 0:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
