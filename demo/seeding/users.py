"""Users, their profiles and their connections."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib.auth.hashers import make_password

from apps.connections.models import Connection
from apps.users.models import CLIENT_ROLES, Profile, Role, User
from apps.users.names import fold, skeleton_key
from demo import texts
from demo.bulk import copy_rows, reserve_ids
from demo.seeding.amounts import Seeding, username

PASSWORD = "infloo-demo"
# As long as Django wants it, so that signing in does not hash the password anew.
SALT = "infloo-seed-infloo-seed"


def write_users(run: Seeding) -> range:
    count = run.amounts.users
    ids = reserve_ids(User, count)
    run.first_user = ids.start
    password = make_password(PASSWORD, salt=SALT)
    roles = [role.value for role in CLIENT_ROLES]
    year = timedelta(days=365)
    copy_rows(
        User,
        (
            *("id", "username", "username_key", "username_skeleton", "email", "email_key"),
            *("password", "role", "identity_verified", "date_joined"),
        ),
        (
            (
                ids[number],
                username(number),
                fold(username(number)),
                skeleton_key(username(number)),
                f"{username(number)}@example.com",
                fold(f"{username(number)}@example.com"),
                password,
                roles[number % len(roles)],
                True,
                run.now - year * ((count - number) / count),
            )
            for number in range(count)
        ),
    )
    write_profiles(run, ids)
    return ids


def write_profiles(run: Seeding, ids: range) -> None:
    is_company = [role == Role.BRAND for role in CLIENT_ROLES]
    copy_rows(
        Profile,
        ("user_id", "bio", "company_name", "business_category", "updated_at"),
        (
            (
                ids[number],
                texts.BIOS[number % len(texts.BIOS)],
                f"{username(number)} Ltd" if is_company[number % len(is_company)] else "",
                texts.CATEGORIES[number % len(texts.CATEGORIES)],
                run.now,
            )
            for number in range(run.amounts.users)
        ),
    )


def pairs(run: Seeding) -> Iterator[tuple[int, int]]:
    """Numbers of connected users: each with the next ones round a ring, and with the one opposite for an odd
    amount. Where that and the users are odd, the last of them has one connection less."""
    count, wanted = run.amounts.users, run.amounts.connections
    for step in range(1, wanted // 2 + 1):
        yield from ((number, (number + step) % count) for number in range(count))
    if wanted % 2:
        yield from ((number, number + count // 2) for number in range(count // 2))


def write_connections(run: Seeding) -> None:
    def rows() -> Iterator[tuple[Any, ...]]:
        for number, (one, other) in enumerate(pairs(run)):
            sent = run.ago(days=300, seconds=-number % 20_000_000)
            yield (
                run.user(one),
                run.user(other),
                Connection.Status.ACCEPTED.value,
                sent,
                sent + timedelta(hours=5),
            )

    copy_rows(Connection, ("sender_id", "receiver_id", "status", "created_at", "responded_at"), rows())
