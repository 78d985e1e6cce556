"""An attacker at every form: in whatever order they send what, no user gains permissions or shuts out the others."""

from __future__ import annotations

import csv
import io
import logging
import random
import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlencode

import openpyxl
import pytest
from django.contrib.auth.models import Group, Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Q
from django.test import Client

from apps.access import granted_on_rows, models_with_row_grants, unended
from apps.users.accounts.guards import ACCESS_PERMISSIONS, access_administrators
from apps.users.models import ResetCode, User
from tests import people
from tests.client import api
from tests.console import console, undrawn_errors, undrawn_pages
from tests.crawling import forms
from tests.permissions import console_scene
from tests.permissions.console_table import TABLE

pytestmark = pytest.mark.django_db

# Signing out ends the search; one's own password is one's own to change.
LEFT_OUT = {"logout", "password_change"}
ONCE = {"login"}
"""Tried once, since wrong passwords lock the account."""
PHRASE = "quite-a-long-phrase-7"


EVERYTHING = "mallory"
"""A user of a group with every permission that an access manager may hand out."""


class Attacker:
    """A staff member who fills in the forms of the console at random."""

    def __init__(self, person: User, rows: dict[str, int], seed: int) -> None:
        self.person, self.rows, self.dice = person, rows, random.Random(seed)
        self.client = console(person)
        self.routes = {name: route for name, route in console_scene.addresses().items() if name not in LEFT_OUT}
        # In an order of their own, so that the same seed is the same search.
        self.groups = list(Group.objects.order_by("name").values_list("pk", flat=True))
        self.permissions = list(Permission.objects.order_by("pk").values_list("pk", flat=True))
        self.people = list(User.objects.staff().order_by("username").values_list("pk", flat=True))

    def search(self, count: int, readers: Collection[str]) -> Iterator[tuple[str, Any, Any]]:
        """Every address once; where one of `readers` reads the page, its own forms too; then `count` at random.

        For a role, of the addresses those at which it posts: it is said elsewhere that the others are shut.
        """
        for name in sorted(self.routes):
            if self._posts(name):
                numbers = self.people if name.startswith("users_staff") and "access" in readers else [None]
                for number in numbers:
                    yield from self._at(name, readers, self._address(name, number))
        likely = [name for name in sorted(self.routes) if self._posts(name) and name not in ONCE]
        for _step in range(count):
            yield self._sent(self._address(self.dice.choice(likely)), self._form())

    def _posts(self, name: str) -> bool:
        return self.person.username in TABLE[name][1] or self.person.username == EVERYTHING

    def _at(self, name: str, readers: Collection[str], address: str) -> Iterator[tuple[str, Any, Any]]:
        if any(reader in readers for reader in TABLE[name][0]):
            yield from self._forms_of(address)
        # Without permissions that cannot be granted, so that some forms are accepted.
        modest: dict[str, Any] = {"groups": [], "permissions": [], "user_permissions": [], "is_active": "on"}
        yield self._sent(address, self._form() | modest)

    def _forms_of(self, address: str) -> Iterator[tuple[str, Any, Any]]:
        page = self.client.get(address)
        if page.status_code == 200 and "text/html" in page.headers["Content-Type"]:
            for method, action, filled in forms(address, page):
                if method == "post" and "logout" not in action and "password_change" not in action:
                    yield self._sent(action, filled | {"name": "Mallory's"})

    def _sent(self, address: str, form: dict[str, Any]) -> tuple[str, Any, Any]:
        with undrawn_pages():  # what comes back is not read
            if "import" in address:
                answer = self.client.post(address, form | self._file())
            else:  # as browsers send what has no file: reading its many parts would take longer than most answers
                answer = self.client.post(address, urlencode(form, doseq=True), "application/x-www-form-urlencoded")
        if answer.status_code == 302 and "/login/" in answer["Location"]:
            self.client = console(self.person)  # they ended their own session
        return address, form, answer

    def _address(self, name: str, number: int | None = None) -> str:
        own = [number for model, number in self.rows.items() if name.startswith(f"{model}_")]
        numbers = [*own, *self.people]
        if name.startswith("auth_group"):
            numbers = self.groups
        elif own and not name.startswith("users_staff"):
            numbers = own
        number = self.dice.choice(numbers) if number is None else number
        return re.sub(r"<[^>]*>|\(\?P<url>\.\*\)\$", str(number), self.routes[name])

    def _form(self) -> dict[str, Any]:
        dice = self.dice
        members = User.groups.through.objects.order_by("pk").values_list("pk", flat=True)
        someone = dice.choice(self.people)
        form = {
            "username": f"mallory{dice.randrange(10**6)}",
            "email": f"mallory{dice.randrange(10**6)}@staff.example.com",
            "name": f"Mallory's {dice.randrange(10**6)}",
            "password": people.PASSWORD,
            "password1": PHRASE,
            "password2": PHRASE,
            "is_superuser": "on",
            "is_staff": "on",
            "user": someone,
            "owner": self.person.pk,
            "user_permissions": self.permissions[:9],
            "groups": dice.sample(self.groups, dice.randrange(len(self.groups) + 1)),
            "permissions": dice.choice([[], dice.sample(self.permissions, 60), dice.sample(self.permissions, 9)]),
            "holder": dice.choice([f"user:{someone}", f"user:{self.person.pk}", f"group:{dice.choice(self.groups)}"]),
            dice.choice(["perm", "revoke"]): [
                f"{model._meta.app_label}.{verb}_{model._meta.model_name}"
                for model in models_with_row_grants()
                for verb in ("change", "delete")
            ],
            "key": f"member:{dice.choice([*members, 0])}",
            "person": dice.choice(["access", "peer", "admin", self.person.username]),
            "reason": dice.choice(["because", "spam", "unreadable", "other"]),
            "post": "yes",
            "action": dice.choice(
                ["", "delete_selected", "end_selected", "claim", "take_over", "assign", "confirm", "off", "delete"]
            ),
            "_selected_action": dice.choice([self.groups, self.people, list(self.rows.values())]),
            "status": dice.choice(["approved", "rejected"]),
            "to": someone,
            "code": "123456",
            "version": dice.randrange(3),
            "outcomes": ["removed", "suspended"],
            "type": dice.choice(["users.user", "users.staff", "auth.group"]),
            "id": someone,
            "field": dice.choice(["email", "password", "is_superuser"]),
            "page": "admin:index",
            "query": f"is_superuser=1&owner={someone}",
            "shared": "on",
            "time_zone": "UTC",
            "page_size": 100,
            "_change_history": "1",
        }
        if dice.random() < 0.5:
            form["is_active"] = "on"
        return form

    def _file(self) -> dict[str, Any]:
        """A table that names people and what they are to be, as CSV or as a workbook."""
        columns = {
            "id": self.dice.choice([*self.people, self.rows["events_event"]]),
            "pk": self.dice.choice(self.people),
            "user": self.person.pk,
            "host": self.dice.choice(self.people),
            "username": self.person.username,
            "email": self.person.email,
            "title": "Mallory's",
            "is_staff": 1,
            "is_superuser": 1,
            "is_active": 1,
            "password": PHRASE,
            "groups": ",".join(map(str, self.groups)),
            "permissions": ",".join(map(str, self.permissions)),
            "user_permissions": ",".join(map(str, self.permissions)),
        }
        if self.dice.random() < 0.5:
            text = io.StringIO()
            csv.writer(text).writerows([columns.keys(), columns.values()])
            name, content = "rows.csv", text.getvalue().encode()
        else:
            book, file = openpyxl.Workbook(), io.BytesIO()
            book.active.append(list(columns))
            book.active.append(list(columns.values()))
            book.save(file)
            name, content = "rows.xlsx", file.getvalue()
        return {"import_file": SimpleUploadedFile(name, content), "format": str(int(name.endswith("xlsx")))}


def permissions_of(user: User) -> set[str]:
    user = User.objects.get(pk=user.pk)
    return user.get_all_permissions() | granted_on_rows(user)


RIGHTS = [
    *(
        "auth_group",
        "auth_group_permissions",
        "users_user_user_permissions",
        "users_user_groups",
    ),
    *(
        f"{model._meta.app_label}_{model._meta.model_name}{holder}objectpermission"
        for model in models_with_row_grants()
        for holder in ("user", "group")
    ),
]


def rights(of_others: int) -> str:
    """A checksum of all that grants permissions, and of the accounts of all staff but one."""
    account = "id, username, email, password, is_staff, is_superuser, is_active, token_version"
    people_rows = f"SELECT ({account})::text AS row FROM users_user WHERE is_staff AND id <> {of_others}"  # noqa: S608
    factors = f"SELECT t::text FROM users_authenticator t WHERE user_id <> {of_others}"  # noqa: S608
    rows = " UNION ALL ".join([people_rows, factors, *(f"SELECT '{name}' || t::text FROM {name} t" for name in RIGHTS)])  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT md5(string_agg(row, chr(10) ORDER BY row)) FROM ({rows}) all_rows")  # noqa: S608
        return str(cursor.fetchone()[0])


class Guard:
    """What must never change, whatever a user sends."""

    def __init__(self, mallory: User) -> None:
        self.mallory, self.before = mallory, permissions_of(mallory)
        self.trusted = self._trusted()
        self.signs_in_with = self._accounts()
        self.groups = self._desk_groups()
        self.begun = self.last = rights(mallory.pk)

    @staticmethod
    def _trusted() -> set[int]:
        access = Permission.objects.filter(ACCESS_PERMISSIONS)
        members = User.groups.through.objects.filter(unended(), group__permissions__in=access)
        given = Q(user_permissions__in=access) | Q(pk__in=members.values("user"))
        return set(User.objects.staff().filter(given | Q(is_superuser=True)).values_list("pk", flat=True))

    @staticmethod
    def _desk_groups() -> set[Group]:
        return set(Group.objects.filter(permissions__in=Permission.objects.filter(ACCESS_PERMISSIONS)))

    def _accounts(self) -> list[Any]:
        guarded = User.objects.filter(pk__in=self.trusted - {self.mallory.pk}).order_by("pk")
        return list(guarded.values_list("pk", "username", "email", "password", "is_active", "is_superuser"))

    def check(self, sent: str) -> None:
        now = rights(self.mallory.pk)
        if now == self.last:
            return
        self.last = now
        assert permissions_of(self.mallory) <= self.before, sent
        assert self._trusted() == self.trusted, sent
        assert self._desk_groups() == self.groups, sent
        assert self._accounts() == self.signs_in_with, sent
        assert access_administrators().exists(), sent


OTHERS = ("community", "compliance", "support")


@pytest.fixture
def _unlogged() -> Iterator[None]:
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_unlogged")
@pytest.mark.parametrize(
    ("name", "readers", "steps"),
    [("access", ["access"], 100), (EVERYTHING, OTHERS, 20), *((name, [], 30) for name in OTHERS)],
)
@undrawn_errors()
def test_no_action_raises_own_permissions_or_removes_the_last_access_manager(
    name: str, readers: Collection[str], steps: int
) -> None:
    cast = console_scene.cast()
    cast |= {"peer": people.make_staff("peer", "Access Manager")}
    everything = Group.objects.create(name="Everything")
    everything.permissions.set(Permission.objects.exclude(ACCESS_PERMISSIONS))
    cast[EVERYTHING] = people.make_staff(EVERYTHING, everything.name)
    mallory = cast[name]
    assert mallory
    attacker = Attacker(mallory, console_scene.rows(cast), seed=1)
    guard, reached, seen = Guard(mallory), 0, set()
    for address, form, answer in attacker.search(steps, readers):
        sent = f"{name} posted {form} to {address}: {answer.status_code}"
        assert answer.status_code < 500, sent
        reached += answer.status_code in (200, 302)
        seen.add(address)
        guard.check(sent)
        if name != "access":  # No permission and no account of another user changes at all.
            assert guard.last == guard.begun, sent
    assert len(seen) > (150 if name == EVERYTHING else 10)
    assert reached > (20 if readers else 5), "the search gets somewhere"
    if name == "access":
        assert User.objects.filter(username__startswith="mallory", is_staff=True).count() > 1
        assert guard.last != guard.begun


def test_no_app_leads_to_the_console() -> None:
    """Neither a reset by mail nor any request of an end user makes them staff, or signs them in as another user."""
    manager, alice = people.access(), people.alice()
    people.admin()
    guard = Guard(alice)
    public, app = api(), api(alice)
    more = {"is_staff": True, "is_superuser": True, "groups": [1], "role": "staff"}
    for person in (manager, alice):
        public.post("/users/auth/password_reset", {"email": person.email})
    assert not ResetCode.objects.exclude(user=alice).exists()
    sent = {"email": manager.email, "otp": "123456", "password": PHRASE}
    assert public.post("/users/auth/password_reset/confirm", sent).status_code == 422
    assert public.post("/users/auth/login", {"username": "access", "password": people.PASSWORD}).status_code == 403
    new = {"username": "mallory", "email": "m@example.com", "password": PHRASE, "role": "brand"}
    for extra, value in more.items():
        assert public.post("/users/auth/register", new | {extra: value}).status_code == 422
        for send in (app.patch, app.put):
            assert send("/users/profile", {"username": "alice", extra: more[extra]}).status_code == 422
    assert app.patch("/users/profile", {"email": manager.email.upper(), "password": people.PASSWORD}).status_code == 422
    client = Client()
    client.force_login(alice, backend="apps.users.backends.Accounts")
    assert client.get("/admin/").status_code == 302
    guard.check("an app")
    assert guard.last == guard.begun
    assert not User.objects.filter(is_staff=True, username__in=["alice", "mallory"]).exists()
