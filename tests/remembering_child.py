"""Compares pages as children do, for as long as it is asked: the features of each are found once.

`tests.comparisons` asks for it. Its argument is the number of the socket that questions come by.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path


def main() -> None:
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    import cv2

    from apps.infra.files.children import comparing

    cv2.setNumThreads(1)
    for name in ("page", "rough"):
        setattr(comparing, name, lru_cache(64)(getattr(comparing, name)))
    with Connection(int(sys.argv[1])) as asking, suppress(EOFError):
        while True:
            order, file = json.loads(asking.recv_bytes()), BytesIO(asking.recv_bytes())
            parts = [file.read(length) for length in order["lengths"]]
            asking.send_bytes(json.dumps(comparing.ORDERS[order["do"]](parts)).encode())


if __name__ == "__main__":
    main()
