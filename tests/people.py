"""The cast. Alice, Bob and Carol are verified; Newton is not; staff come by the name of their group."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission

from apps.audit.history import save_as
from apps.users.models import Profile, Role, User

PASSWORD = "infloo-demo"


def make_user(username: str, *, verified: bool = True, role: str = Role.INFLUENCER, **fields: Any) -> User:
    """An end user with a profile, as signing up leaves them."""
    user = User(username=username, email=f"{username}@example.com", role=role, identity_verified=verified, **fields)
    user.set_password(PASSWORD)
    return _saved(user)


def make_staff(username: str, *groups: str, **fields: Any) -> User:
    """A staff account in the named groups, which `setup_roles` has made."""
    user = User(username=username, email=f"{username}@staff.example.com", role=Role.STAFF, is_staff=True, **fields)
    user.set_password(PASSWORD)
    _saved(user)
    for name in groups:
        user.groups.add(Group.objects.get(name=name))
    return user


def _saved(user: User) -> User:
    """With an empty profile, in one statement with its first version."""
    user.save()
    save_as(None, Profile(user=user), action="")
    return user


def alice() -> User:
    return make_user("alice")


def bob() -> User:
    return make_user("bob", role=Role.BRAND)


def carol() -> User:
    return make_user("carol", role=Role.ENTREPRENEUR)


def newton() -> User:
    return make_user("newton", verified=False)


def compliance() -> User:
    return make_staff("compliance", "Compliance Officer")


def community() -> User:
    return make_staff("community", "Community Manager")


def access() -> User:
    return make_staff("access", "Access Manager")


def support() -> User:
    return make_staff("support", "User Support Specialist")


def admin() -> User:
    return make_staff("admin", is_superuser=True)


def officers() -> tuple[User, User]:
    """Two compliance officers, Vera and Omar."""
    return make_staff("vera", "Compliance Officer"), make_staff("omar", "Compliance Officer")


def brand_reviewer(name: str = "brandy", *codenames: str) -> User:
    """A reviewer of the documents of brands alone, whose group has these permissions besides."""
    team, _made = Group.objects.get_or_create(name="Brand reviewers")
    codenames = ("review_brand_document", "export_document", *codenames)
    team.permissions.set(Permission.objects.filter(codename__in=codenames))
    return make_staff(name, team.name)


def permission_ids(*codenames: str) -> list[int]:
    return list(Permission.objects.filter(codename__in=codenames).values_list("pk", flat=True))
