"""What an imported file would change, kept between its preview and its import."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from django.core.files.base import ContentFile

from apps.tables import services
from apps.tables.models import Transfer


@dataclass
class Preview:
    """What a file would do, as far as the page shows it."""

    headers: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    differences: list[tuple[int, list[str]]] = field(default_factory=list)
    """The number of the line, and each cell as HTML that marks what changes."""
    errors: list[tuple[int, str, str]] = field(default_factory=list)
    """The number of the line, the column (or nothing) and the sentence."""
    seen: dict[str, str] = field(default_factory=dict)
    """What each row was, as a fingerprint by its id."""

    @classmethod
    def of(cls, transfer: Transfer) -> Preview:
        """The one that was kept; an empty one where none is. Raises `Unavailable`, `Absent`."""
        return cls(**json.loads(services.read(transfer.preview))) if transfer.preview else cls()

    def keep(self) -> str:
        return services.store(ContentFile(json.dumps(asdict(self)).encode()))
