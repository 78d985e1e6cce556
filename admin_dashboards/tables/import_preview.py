"""The preview of an import, kept until it is confirmed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from django.core.files.base import ContentFile

from admin_dashboards.tables.import_errors import LineError, group_errors
from apps.tables import files
from apps.tables.models import Transfer


@dataclass
class Preview:
    """What a file would do, as far as the page shows it."""

    headers: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    differences: list[tuple[int, list[str]]] = field(default_factory=list)
    """The number of the line, and each cell as HTML that marks what changes."""
    errors: list[LineError] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)
    """What each row was, as a fingerprint by its id."""

    @classmethod
    def of(cls, transfer: Transfer) -> Preview:
        """The one that was kept; an empty one where none is. Raises `Unavailable`, `Absent`."""
        return cls(**json.loads(files.read(transfer.preview))) if transfer.preview else cls()

    def grouped_errors(self) -> list[tuple[str, str, str]]:
        return group_errors(LineError(*error) for error in self.errors)

    def keep(self, transfer: Transfer) -> str:
        return files.store_of(transfer, ContentFile(json.dumps(asdict(self)).encode()))
