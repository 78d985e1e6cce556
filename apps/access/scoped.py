"""Scoped permissions: a permission of its own that grants another one on some rows of a model.

An app declares them as `SCOPED = [ScopedPermission("users.review_brand_document", …)]` in its `permissions.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q

from apps.access.registry import permission_modules

if TYPE_CHECKING:
    from apps.users.models import User


@dataclass(frozen=True, slots=True)
class ScopedPermission:
    """Grants another permission on some rows of a model to every user who has `perm`, by a group or directly."""

    perm: str
    grants: str
    """The permission that it grants on these rows."""
    path: str
    """The field that decides whether a row is one of them, as in a query: "owner__role"."""
    value: str

    @property
    def rows(self) -> Q:
        return Q(**{self.path: self.value})

    def includes(self, obj: Model) -> bool:
        """Whether `obj` is one of the rows."""
        found: Any = obj
        for name in self.path.split("__"):
            found = getattr(found, name)
        return bool(found == self.value)


@cache
def scoped_permissions() -> dict[str, tuple[ScopedPermission, ...]]:
    """All scoped permissions, by the permission that they grant."""
    found: dict[str, tuple[ScopedPermission, ...]] = {}
    for module in permission_modules():
        for scoped in getattr(module, "SCOPED", ()):
            found[scoped.grants] = (*found.get(scoped.grants, ()), scoped)
    return found


def scoped_granted(user: User, perm: str) -> list[ScopedPermission]:
    """The scoped permissions by which `user` has `perm` on some rows."""
    if not (user.is_active and user.is_staff):
        return []
    return [scoped for scoped in scoped_permissions().get(perm, ()) if user.has_perm(scoped.perm)]


def with_scoped(perms: Iterable[str]) -> set[str]:
    """`perms`, and those that they grant on some rows."""
    perms = set(perms)
    return perms | {scoped.grants for some in scoped_permissions().values() for scoped in some if scoped.perm in perms}
