"""The errors of the domain. Each entry point answers them in its own way."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise

type Text = str | Promise


class DomainError(Exception):
    """A request that the domain rejected.

    `code` is a stable slug for programs, `message` one plain sentence that says what to do,
    `field` the input it is about, where there is one.
    """

    def __init__(self, code: str, message: Text, *, field: str | None = None, **details: Any) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.field = field
        self.details = details

    def __str__(self) -> str:
        return str(self.message)


class Refused(DomainError):
    """The user may not do it."""


class Absent(DomainError):
    """There is no such object, or the user may not know of it."""


class Conflict(DomainError):
    """The current state does not allow it."""


class Invalid(DomainError):
    """The input cannot be taken as it is; `field` names the part."""


class TooLarge(DomainError):
    """The file or body is over its limit."""


class WrongKind(DomainError):
    """The file is not, by its content, of a kind that is taken here."""


class Unavailable(DomainError):
    """A service that this needs is down at the moment. The same request will succeed later."""


class WrongCredentials(DomainError):
    """No account has these credentials, or they have expired."""


class LockedOut(DomainError):
    """Too many wrong tries. `wait` is in how many whole seconds the next one counts."""

    def __init__(self, code: str, message: Text, *, wait: int) -> None:
        super().__init__(code, message)
        self.wait = wait
