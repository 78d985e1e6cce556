"""An attacker at every form: whatever is sent, in whatever order, nobody climbs and somebody keeps access."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission

from apps.access import held_on_rows
from apps.users.models import User
from apps.users.rank import ACCESS_DESK, holds_access_rights, keepers
from tests import people
from tests.console import console
from tests.permissions.console_scene import addresses
from tests.things import make_story

pytestmark = pytest.mark.django_db

# These end one's own sign-in, or change one's own password, as one may.
LEFT_OUT = {"logout", "password_change", "login"}
GIVING = re.compile(
    r"^(auth_group|users_staff|users_user|users_session|desk_access|stories_story|page_size|preferences)"
)


class Attacker:
    """Somebody on the staff, with everything that a form of the console could take, and a die."""

    def __init__(self, person: User, seed: int) -> None:
        self.person, self.dice = person, random.Random(seed)
        self.routes = {
            name: route for name, route in addresses().items() if name not in LEFT_OUT and GIVING.match(name)
        }
        # In an order of their own, so that the same seed is the same search.
        self.groups = list(Group.objects.order_by("name").values_list("pk", flat=True))
        self.permissions = list(Permission.objects.order_by("pk").values_list("pk", flat=True))
        self.people = list(User.objects.staff().order_by("username").values_list("pk", flat=True))
        self.story = make_story(people.alice()).pk

    def steps(self, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every address once, asking for nothing that is kept back; then `count` at random."""
        for name, route in sorted(self.routes.items()):
            modest: dict[str, Any] = {"groups": [], "permissions": [], "user_permissions": []}
            yield re.sub(r"<[^>]*>", str(self._target(name)), route), self._form() | modest
        for _step in range(count):
            name = self.dice.choice(sorted(self.routes))
            yield re.sub(r"<[^>]*>", str(self._target(name)), self.routes[name]), self._form()

    def _target(self, name: str) -> int:
        if name.startswith("auth_group"):
            return self.dice.choice(self.groups)
        return self.story if name.startswith("stories") else self.dice.choice(self.people)

    def _form(self) -> dict[str, Any]:
        dice = self.dice
        members = User.groups.through.objects.order_by("pk").values_list("pk", flat=True)  # type: ignore[attr-defined]
        member = dice.choice([*members, 0])
        holder = dice.choice([f"user:{dice.choice(self.people)}", f"group:{dice.choice(self.groups)}"])
        form = {
            "username": f"mallory{dice.randrange(10**6)}",
            "email": f"mallory{dice.randrange(10**6)}@staff.example.com",
            "name": f"Mallory's {dice.randrange(10**6)}",
            "password1": "quite-a-long-phrase-7",
            "password2": "quite-a-long-phrase-7",
            "is_superuser": "on",
            "is_staff": "on",
            "user_permissions": self.permissions,
            "groups": dice.sample(self.groups, dice.randrange(len(self.groups) + 1)),
            "permissions": dice.choice([[], self.permissions, dice.sample(self.permissions, 9)]),
            "holder": holder,
            dice.choice(["perm", "revoke"]): ["stories.delete_story", "stories.change_story"],
            "key": f"member:{member}",
            "person": dice.choice(["access", "peer", "admin", self.person.username]),
            "reason": "because",
            "post": "yes",
            "action": dice.choice(["", "delete_selected", "end_selected"]),
            "_selected_action": self.groups,
        }
        if dice.random() < 0.5:
            form["is_active"] = "on"
        return form


def held(user: User) -> set[str]:
    user = User.objects.get(pk=user.pk)
    return user.get_all_permissions() | held_on_rows(user)


@pytest.mark.parametrize(
    ("name", "steps", "seed"),
    [("access", 120, 1), ("access", 120, 2), ("community", 25, 3), ("compliance", 25, 4), ("support", 25, 5)],
)
def test_nobody_climbs_and_somebody_remains(name: str, steps: int, seed: int) -> None:
    cast = {who: getattr(people, who)() for who in ("access", "community", "compliance", "support", "admin")}
    cast |= {"nobody": people.make_staff("nobody"), "peer": people.make_staff("peer", "Access Manager")}
    mallory = cast[name]
    attacker, client = Attacker(mallory, seed), console(mallory)
    before = held(mallory)
    trusted = {user.pk for user in User.objects.staff() if user.is_superuser or holds_access_rights(user)}
    guarded = {user.pk: user.password for user in User.objects.filter(pk__in=trusted - {mallory.pk})}
    desk_groups = set(Group.objects.filter(permissions__in=Permission.objects.filter(ACCESS_DESK)))
    reached = 0
    for address, form in attacker.steps(steps):
        answer = client.post(address, form)
        told = f"{name} posted {form} to {address}: {answer.status_code}"
        assert answer.status_code < 500, told
        reached += answer.status_code in (200, 302)
        assert held(mallory) <= before, told
        now = {user.pk for user in User.objects.staff() if user.is_superuser or holds_access_rights(user)}
        assert now == trusted, told
        assert set(Group.objects.filter(permissions__in=Permission.objects.filter(ACCESS_DESK))) == desk_groups, told
        assert keepers().exists(), told
        assert {user.pk: user.password for user in User.objects.filter(pk__in=guarded)} == guarded, told
        assert User.objects.filter(pk__in=trusted, is_active=True).count() == len(trusted), told
        if answer.status_code == 302 and "/login/" in answer["Location"]:
            client = console(mallory)
    if name == "access":
        assert reached > steps / 10, "the search gets somewhere"
        assert User.objects.filter(username__startswith="mallory").exists()
