"""What releases before wrote, after `migrate`: one way back through the migrations of accounts, and forward again.

On the way forward each release writes its rows into tables as they were for it. Going both ways once takes half a
minute, so all of them share it.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.hashers import make_password
from django.test import override_settings
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.history import save_as
from apps.errors import Invalid, LockedOut
from apps.users.accounts.identifiers import account_named
from apps.users.accounts.profiles import update_profile
from apps.users.accounts.registration import register
from apps.users.authentication import mfa
from apps.users.models import Profile, User
from apps.users.models.second_factors import Authenticator
from apps.users.names import skeleton_key
from tests.authenticator import HASH_OF_ABCD_EFGH_IJKL_MNOP, RFC_KEY, SEALED_RFC_KEY, App, code_of
from tests.client import api
from tests.migrating import migrate_to, run_again
from tests.people import PASSWORD

LOOKALIKES = ("users", "0020_look_alike_names")

type Release = Generator[None, list[str]]
"""Writes its rows at first; then, with what the migrations after it printed, checks what became of them."""


@pytest.mark.django_db(transaction=True)
def test_data_of_earlier_releases_survives_migration(capsys: pytest.CaptureFixture[str]) -> None:
    way = [
        ("0018_language", authenticators_and_backup_codes_keep_working),
        ("0019_devices", each_skeleton_goes_to_its_oldest_account_and_the_others_are_named),
        ("0020_look_alike_names", what_was_typed_at_sign_ins_is_deleted),
        ("0023_document_letters_missing", names_are_folded_and_what_clashes_is_named),
    ]
    releases: list[Release] = []
    printed: list[list[str]] = []
    try:
        for migration, release in way:
            capsys.readouterr()
            apps = migrate_to(("users", migration))
            printed.append(capsys.readouterr().out.strip().splitlines())
            releases.append(release(apps))
            next(releases[-1])
    finally:
        capsys.readouterr()
        migrate_to()
        printed.append(capsys.readouterr().out.strip().splitlines())
    for release, lines in zip(releases, printed[1:], strict=True):
        with pytest.raises(StopIteration):
            release.send(lines)


def authenticators_and_backup_codes_keep_working(apps: Any) -> Release:
    old = apps.get_model("users", "User").objects
    ada, ben, cleo = (
        old.create(username=name, email=f"{name}@example.com", role="brand") for name in ("ada", "ben", "cleo")
    )
    begun, locked = datetime(2026, 1, 1, tzinfo=UTC), timezone.now() + timedelta(minutes=30)
    devices, codes = (apps.get_model("users", name).objects for name in ("Authenticator", "BackupCode"))
    common = {"sealed_key": SEALED_RFC_KEY, "begun_at": begun}
    row = devices.create(pk=4711, user=ada, confirmed_at=begun, failures=3, last_step=5, **common)
    codes.create(authenticator=row, code_hash=HASH_OF_ABCD_EFGH_IJKL_MNOP)
    codes.create(authenticator=row, code_hash="0" * 64, used_at=begun)
    devices.create(user=ben, confirmed_at=None, **common)
    devices.create(user=cleo, confirmed_at=begun, failures=10, locked_until=locked, **common)
    yield
    ada, ben, cleo = (User.objects.get(pk=one.pk) for one in (ada, ben, cleo))
    device = Authenticator.objects.get(user=ada)
    assert (device.confirmed, device.created_at, device.throttling_failure_count) == (True, begun, 3)
    assert not mfa.is_enabled(ben)
    assert mfa.backup_codes_left(ada) == 1
    app = App(b32encode(RFC_KEY).decode())
    with override_settings(MFA_KEYS=["n" * 32, "o" * 32]):
        mfa.verify(ada, code_of(app))
        mfa.verify(ada, "ABCD EFGH IJKL MNOP")
        with pytest.raises(LockedOut):
            mfa.verify(cleo, code_of(app))
    assert mfa.backup_codes_left(ada) == 0


def each_skeleton_goes_to_its_oldest_account_and_the_others_are_named(apps: Any) -> Release:
    old = apps.get_model("users", "User")
    names = ["brand1", "alice", "brandl", "bob", "aIice", "brandI", "а1ice"]
    made = old.objects.bulk_create(
        [old(username=name, email=f"user{number}@example.com", role="brand") for number, name in enumerate(names)]
    )
    elder, younger = (
        old.objects.create(username=name, email=f"{name}@example.com", role="brand", password=make_password(PASSWORD))
        for name in ("josé", "jose\u0301")
    )
    lines = yield
    own = User.objects.filter(username__in=names)
    keys = dict(own.values_list("username", "username_skeleton"))
    assert {name for name in names if keys[name] is None} == {"brandl", "aIice", "brandI", "а1ice"}
    assert all(keys[name] == skeleton_key(name) for name in ("brand1", "alice", "bob"))
    assert lines[0] == "Accounts that keep a user name that looks like another's: 5"
    assert lines[1].strip() == f"user {made[2].pk} looks like user {made[0].pk}"
    assert "alice" not in "".join(lines).lower()
    run_again(*LOOKALIKES)
    assert dict(own.values_list("username", "username_skeleton")) == keys, "a run that goes on changes no key"
    User.objects.get(username="aIice").save()
    with pytest.raises(Invalid, match="looks like one that is taken"):
        register(username="b0b", email="b0b@example.com", password="another-long-one", role="brand")
    _decomposed_is_like_any_other(elder.pk, younger.pk)


def _decomposed_is_like_any_other(elder: int, younger: int) -> None:
    """An account stored decomposed beside the composed one is found and saved by its own spelling."""
    for pk in (elder, younger):
        Profile.objects.create(user_id=pk)
    for name, pk in (("josé", elder), ("JOSE\u0301", younger), (" jose\u0301", younger)):
        assert account_named(name).pk == pk
    body = {"username": "jose\u0301", "password": PASSWORD}
    assert api().post("/users/auth/login", body).status_code == 200
    person = User.objects.get(pk=younger)
    client = api(person)
    before = client.get("/users/profile").json()
    assert (before["id"], before["username"]) == (younger, "jose\u0301")
    same = {name: before[name] for name in ("username", "email")}
    for change in ({"phone": "+49 30 1234"}, same | {"phone": "+49 30 1235"}):
        assert client.patch("/users/profile", change).status_code == 200
    person.refresh_from_db()
    person.save()
    versions = person.history.count()
    save_as(person, person, action=Action.RECORDED)
    assert (person.history.count(), versions) == (versions, versions)
    assert User.objects.values_list("username", "email", "username_key").get(pk=younger) == (
        "jose\u0301",
        "jose\u0301@example.com",
        None,
    )
    assert update_profile(person, username="josefa").username == "josefa"
    assert User.objects.get(pk=younger).username_key == "josefa"


def what_was_typed_at_sign_ins_is_deleted(_apps: Any) -> Release:
    row = {"ip_address": "192.0.2.7", "user_agent": "Firefox", "path_info": "/admin/login/", "http_accept": "*/*"}
    AccessAttempt.objects.create(
        username="support", post_data="_proof=secret", get_data="", failures_since_start=3, **row
    )
    AccessLog.objects.create(username="support", **row)
    yield
    assert not AccessAttempt.objects.filter(username="support").exists()
    assert not AccessLog.objects.filter(username="support").exists()


def names_are_folded_and_what_clashes_is_named(apps: Any) -> Release:
    """Accounts that only the database's folding kept apart."""
    old = apps.get_model("users", "User").objects
    names = ["İpek", "Straße", "strasse", "rene\u0301"]
    made = [old.create(username=name, email=f"{n}@example.com", role="brand") for n, name in enumerate(names)]
    decomposed = old.get(username="jose\u0301")
    lines = yield
    keys = dict(User.objects.values_list("pk", "username_key"))
    assert [keys[user.pk] for user in made] == ["ipek", "strasse", None, "rené"]
    mails = User.objects.filter(pk__in=[user.pk for user in made]).values_list("email_key", flat=True)
    assert set(mails) == {f"{n}@example.com" for n in range(4)}
    assert lines[0].endswith("are found by their own spelling alone: 2")
    assert [line.split()[1] for line in lines if "is written like" in line] == [str(decomposed.pk), str(made[2].pk)]
    assert {name: account_named(name).pk for name in ("strasse", "STRASSE", "straße", "STRAßE")} == {
        "strasse": made[2].pk,
        "STRASSE": made[2].pk,
        "straße": made[1].pk,
        "STRAßE": made[1].pk,
    }
    younger = User.objects.get(pk=made[2].pk)
    younger.save()
    younger.refresh_from_db()
    assert younger.username_key is None
