"""Where the checkout is, and where it keeps what it makes."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VAR = CHECKOUT / "var"
