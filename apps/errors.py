"""What the domain says when it does not do what was asked. Each door words it in its own way."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise

type Text = str | Promise


class DomainError(Exception):
    """A request that the domain rejected.

    `code` is a stable slug for programs, `message` one plain sentence for people that says what to do,
    `field` the input it is about, where there is one.
    """

    def __init__(self, code: str, message: Text, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.field = field
        self.facts = facts

    def __str__(self) -> str:
        return str(self.message)


class Refused(DomainError):
    """This person may not do it."""


class Absent(DomainError):
    """There is no such thing, or not for this person to know of."""


class Conflict(DomainError):
    """The present state forbids it."""


class Invalid(DomainError):
    """The input cannot be taken as it is; `field` names the part."""


class TooLarge(DomainError):
    """The file or body is over its limit."""


class WrongKind(DomainError):
    """The file is not, by its content, of a kind that is taken here."""


class Unavailable(DomainError):
    """Something that this needs does not work at the moment. The same request will, later."""


class WrongCredentials(DomainError):
    """Nobody is known by these credentials, or they no longer hold."""


class LockedOut(DomainError):
    """Too many wrong tries. `wait` is in how many whole seconds the next one counts."""

    def __init__(self, code: str, message: Text, *, wait: int) -> None:
        super().__init__(code, message)
        self.wait = wait
