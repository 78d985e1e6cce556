"""What was acknowledged, against what is there afterwards."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

type Key = str


@dataclass
class Verdict:
    """Of one kind of write, or of all together."""

    sent: int = 0
    acknowledged: int = 0
    present: int = 0
    lost: list[Key] = field(default_factory=list)
    """Acknowledged, and not there."""
    doubled: list[Key] = field(default_factory=list)
    """There more than once, acknowledged or not."""

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.sent + other.sent,
            self.acknowledged + other.acknowledged,
            self.present + other.present,
            self.lost + other.lost,
            self.doubled + other.doubled,
        )


class Ledger:
    """Kept by the clients. Each write has a key of its own, under which it is found again.

    A write without an acknowledgement may be there or not, but not twice: its client could not know, and tried again.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._acknowledged: defaultdict[str, dict[Key, bool]] = defaultdict(dict)

    def send(self, kind: str, key: Key) -> None:
        with self._turn:
            self._acknowledged[kind].setdefault(key, False)

    def acknowledge(self, kind: str, key: Key) -> None:
        with self._turn:
            self._acknowledged[kind][key] = True

    def kinds(self) -> list[str]:
        with self._turn:
            return list(self._acknowledged)

    def acknowledged(self, kind: str) -> list[Key]:
        with self._turn:
            return [key for key, is_known in self._acknowledged[kind].items() if is_known]

    def compare(self, kind: str, present: Mapping[Key, int]) -> Verdict:
        """`present` says how often each key is there; keys that nobody sent do not count."""
        with self._turn:
            known = dict(self._acknowledged[kind])
        found = Counter({key: present[key] for key in known if present.get(key)})
        return Verdict(
            sent=len(known),
            acknowledged=sum(known.values()),
            present=len(found),
            lost=[key for key, is_known in known.items() if is_known and not found[key]],
            doubled=[key for key, times in found.items() if times > 1],
        )
