"""How much the seed writes, and what its tables share."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from random import Random

from django.utils import timezone

from demo.seeding.cases import MOST_OF_A_CASE

USERS_MAX = 1_000_000  # user names have six digits
MOST_REPORTS = 10  # about a user
SAMPLE = 10
"""So many of each kind are named to who asked for the seed."""


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How many rows of each kind. Raises `ValueError` where they cannot be had."""

    users: int = 100
    events: int = 0
    stories: int = 0
    messages: int = 0
    documents: int = 0
    connections_per_user: int | None = None
    """2 where nothing is said, or as many as there are others."""
    notifications_per_user: int = 0
    reports: int = 0
    """In cases, with what staff decided about them, and about the documents."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if (getattr(self, each.name) or 0) < 0:
                raise ValueError(f"{_option(each.name)} cannot be below 0.")
        if not 0 < self.users <= USERS_MAX:
            raise ValueError(f"--users must be from 1 to {USERS_MAX:,}.")
        if self.connections >= self.users:
            raise ValueError(
                f"--connections-per-user must be below --users: there are {self.users - 1} others to connect with."
            )
        if self.messages and not self.connections:
            raise ValueError("--messages need --connections-per-user of at least 1: only connected people talk.")
        if self.reports and not MOST_OF_A_CASE < self.users >= self.reports / MOST_REPORTS:
            raise ValueError(f"--reports need more than {MOST_OF_A_CASE} users, and one for {MOST_REPORTS} of them.")

    @property
    def connections(self) -> int:
        """Of each user."""
        return min(2, self.users - 1) if self.connections_per_user is None else self.connections_per_user


@dataclass
class Seeding:
    """One run: its amounts, its clock and its dice, and the first user that it wrote."""

    amounts: Amounts
    now: datetime = field(default_factory=timezone.now)
    random: Random = field(init=False)
    first_user: int = 0

    def __post_init__(self) -> None:
        self.random = Random(repr(self.amounts))

    def user(self, number: int) -> int:
        """The ID of a user; numbers go round."""
        return self.first_user + number % self.amounts.users

    def ago(self, **span: float) -> datetime:
        return self.now - timedelta(**span)


def username(number: int) -> str:
    return f"user{number:06d}"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
