"""Starts one of the programs beside it: its name in the first argument, the order as JSON in the second.

The file comes on stdin; the answer goes to stdout.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    # Isolated, Python does not find the project. It comes last, so that nothing in it takes the place of a library.
    sys.path.append(str(Path(__file__).resolve().parents[4]))
    name, order = sys.argv[1:]
    import_module(f"apps.infra.files.children.{name}").main(json.loads(order))
    # The interpreter's own end would take apart all that was loaded, which takes as long as small drawings.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
