"""The cast. Alice, Bob and Carol are verified; Newton is not; staff come by the name of their group."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group

from apps.users.models import Profile, Role, User

PASSWORD = "infloo-demo"


def make_user(username: str, *, verified: bool = True, role: str = Role.INFLUENCER, **fields: Any) -> User:
    """An end user with a profile, as signing up leaves them."""
    user = User(username=username, email=f"{username}@example.com", role=role, identity_verified=verified, **fields)
    user.set_password(PASSWORD)
    user.save()
    Profile.objects.create(user=user)
    return user


def make_staff(username: str, *groups: str, **fields: Any) -> User:
    """A staff account in the named groups, which `setup_roles` has made."""
    user = User(username=username, email=f"{username}@staff.example.com", role=Role.STAFF, is_staff=True, **fields)
    user.set_password(PASSWORD)
    user.save()
    Profile.objects.create(user=user)
    for name in groups:
        user.groups.add(Group.objects.get(name=name))
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
