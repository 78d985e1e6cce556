"""The built-in groups."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command

from apps.users.models import User
from apps.users.staff import builtin_roles

pytestmark = pytest.mark.django_db

NAMES = {"Compliance Officer", "Community Manager", "Access Manager", "User Support Specialist"}


def _granted() -> dict[str, set[str]]:
    return {
        group.name: {
            f"{p.content_type.app_label}.{p.codename}" for p in group.permissions.select_related("content_type")
        }
        for group in Group.objects.all()
    }


def test_migrating_has_made_them() -> None:
    assert set(_granted()) == NAMES
    assert "users.review_document" in _granted()["Compliance Officer"]


def test_an_installation_begins_without_any_account() -> None:
    assert not User.objects.exists()


def test_roles_grant_no_more_than_needed() -> None:
    granted = _granted()
    reading = ("view_", "investigate_", "look_as_", "reveal_")
    assert all(perm.split(".")[1].startswith(reading) for perm in granted["User Support Specialist"])
    assert not {
        perm for perm in granted["Compliance Officer"] if perm.split(".")[1].startswith(("add", "change", "delete"))
    }
    for perms in granted.values():
        assert not {perm for perm in perms if "import" in perm or "export" in perm}


def test_setting_up_again_changes_nothing() -> None:
    before, versions = _granted(), Group.history.count()
    assert builtin_roles.setup_roles() == []
    call_command("setup_roles", verbosity=0)
    assert _granted() == before
    assert Group.history.count() == versions


def test_setting_up_again_mends_what_was_added_and_taken_away() -> None:
    before = _granted()
    support = Group.objects.get(name="User Support Specialist")
    support.permissions.set(Permission.objects.filter(codename="delete_story"))
    Group.objects.get(name="Community Manager").delete()
    assert set(builtin_roles.setup_roles()) == {"User Support Specialist", "Community Manager"}
    assert _granted() == before


def test_groups_that_staff_made_are_left_alone() -> None:
    own = Group.objects.create(name="Junior Moderators")
    own.permissions.set(Permission.objects.filter(codename="delete_story"))
    builtin_roles.setup_roles()
    assert _granted()["Junior Moderators"] == {"stories.delete_story"}


def test_a_permission_that_does_not_exist_is_said_plainly(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "roles.json"
    wrong = [{"model": "auth.group", "fields": {"name": "Dreamers", "permissions": [["fly", "stories", "story"]]}}]
    file.write_text(json.dumps(wrong))
    monkeypatch.setattr(builtin_roles, "FILE", file)
    builtin_roles.listed.cache_clear()
    try:
        with pytest.raises(CommandError, match=r"stories\.fly"):
            call_command("setup_roles")
        assert not Group.objects.filter(name="Dreamers").exists()
    finally:
        builtin_roles.listed.cache_clear()
