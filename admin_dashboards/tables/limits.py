"""How much one file may hold, and how much of it a request handles by itself."""

from __future__ import annotations

from django.utils.translation import gettext as _

MAX_EXPORTED_ROWS = 50_000
MAX_IMPORTED_ROWS = 10_000
MAX_IMPORTED_BYTES = 5 * 1024 * 1024
# More than that are read, changed and written by the worker.
EXPORTED_AT_ONCE = 500
IMPORTED_AT_ONCE = 200


def size_of(size: int) -> str:
    return f"{size // 1024**2} MB"


def too_many_rows(rows: int) -> str:
    return _("The file has %(rows)s rows; at most %(most)s are taken at once. Split it into smaller ones.") % {
        "rows": f"{rows:,}",
        "most": f"{MAX_IMPORTED_ROWS:,}",
    }


def too_many_exported() -> str:
    return _("More than %(most)s rows are too many for one file. Narrow the table down first.") % {
        "most": f"{MAX_EXPORTED_ROWS:,}"
    }
