"""The database of the settings, once for each of its two roles.

The application's role serves: web, sockets, worker and commands. It owns nothing, and `ops.grants` says what it may do.
The owner's makes the tables: `migrate` alone goes by it. Where the settings name no owner, one role does both.
"""

from __future__ import annotations

from typing import Any

import environ

ROLE = ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
"""What the owner has of its own: it may reach PostgreSQL past a pooler."""


def parsed(name: str, url: str) -> dict[str, Any]:
    """The connection that the setting `name` describes. Ends the start where it does not."""
    try:
        found: dict[str, Any] = environ.Env.db_url_config(url)
    except Exception:  # whatever the parser says of it, it may hold the password
        raise SystemExit(f"{name} cannot be read. .env.example shows its form.") from None
    if not found.get("NAME"):
        raise SystemExit(f"{name} names no database. .env.example shows its form.")
    return found


def owner_of(application: dict[str, Any], url: str) -> dict[str, Any]:
    """What the owner's connection has in place of the application's. Ends the start where it is another database's."""
    found = parsed("OWNER_DATABASE_URL", url)
    if found["NAME"] != application["NAME"]:
        raise SystemExit("OWNER_DATABASE_URL must name the same database as DATABASE_URL, by the role that owns it.")
    return {name: found.get(name, "") for name in ROLE} | {"OPTIONS": found.get("OPTIONS", {})}
