"""Staff in the console: accounts, groups, passwords, grants on single rows."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group

from admin_dashboards.access.preview import PREVIEW
from apps.access import may
from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.users.models import User
from tests import people
from tests.console import console, fields, links, permissions_page
from tests.factories import make_event, make_message, make_report, make_story

pytestmark = pytest.mark.django_db

TABLE = "/admin/users/staff/"
PASSWORD = "quite-a-long-phrase-7"


def new(**given: Any) -> dict[str, Any]:
    return {
        "username": "nora",
        "email": "nora@staff.example.com",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "groups": [],
    } | given


def form_of(user: User, **given: Any) -> dict[str, Any]:
    groups = list(user.groups.values_list("pk", flat=True))
    return {"username": user.username, "email": user.email, "is_active": "on", "groups": groups} | given


def page_of(user: User) -> str:
    return f"{TABLE}{user.pk}/change/"


def test_staff_are_added_with_their_groups_and_can_sign_in() -> None:
    team = Group.objects.get(name="Community Manager")
    client = console(people.access())
    assert {"username", "email", "password1", "password2", "groups"} <= set(fields(client.get(f"{TABLE}add/")))
    assert client.post(f"{TABLE}add/", new(groups=[team.pk])).status_code == 302
    nora = User.objects.get(username="nora")
    assert (nora.is_staff, nora.role, nora.is_superuser) == (True, "staff", False)
    assert list(nora.groups.all()) == [team]
    assert console(nora).get("/admin/stories/story/").status_code == 200


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"password2": "another-long-phrase-8"}, "The two passwords are not the same."),
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"username": "access"}, "This user name is taken."),
        ({"email": "ACCESS@staff.example.com"}, "This email address is taken."),
        ({"username": "two words"}, "Use letters, digits"),
        ({"username": ""}, "This field is required."),
    ],
)
def test_invalid_staff_accounts_are_explained_at_the_form(given: dict[str, str], said: str) -> None:
    answer = console(people.access()).post(f"{TABLE}add/", new(**given))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adrnin", "This user name looks like one that is taken."),
        ("аdmin", "Use letters and digits of one script, all of them visible."),
    ],
    ids=ascii,
)
def test_a_name_that_could_be_mistaken_for_another_is_said_at_its_field(name: str, said: str) -> None:
    people.admin()
    client, nora = console(people.access()), people.make_staff("nora")
    renamed = form_of(nora, username=name)
    added = client.post(f"{TABLE}add/", new(username=name, email="n@staff.example.com"))
    changed = client.post(page_of(nora), renamed)
    for answer in (added, changed):
        assert answer.status_code == 422
        assert answer.context["adminform"].form.errors == {"username": [said]}
    assert said in client.post(page_of(nora), renamed | {PREVIEW: "1"}).content.decode()
    assert not User.objects.filter(username=name).exists()
    assert client.post(page_of(nora), form_of(nora, username="n0ra")).status_code == 302
    assert User.objects.get(pk=nora.pk).username == "n0ra"


def test_staff_forms_cannot_make_superusers() -> None:
    client = console(people.access())
    client.post(f"{TABLE}add/", new(is_superuser="on", user_permissions=["1"], is_staff="on"))
    nora = User.objects.get(username="nora")
    assert not nora.is_superuser
    client.post(page_of(nora), form_of(nora, is_superuser="on"))
    assert not User.objects.get(pk=nora.pk).is_superuser


def test_groups_of_the_access_desk_are_a_superuser_s_to_give() -> None:
    desk, nora = Group.objects.get(name="Access Manager"), people.make_staff("nora")
    client = console(people.access())
    assert client.post(page_of(nora), form_of(nora, groups=[desk.pk])).status_code == 403
    added = client.post(f"{TABLE}add/", new(username="nils", email="nils@staff.example.com", groups=[desk.pk]))
    assert added.status_code == 403
    assert client.post(page_of(nora), form_of(nora, groups=["9" * 5000])).status_code == 422
    assert desk.user_set.count() == 1
    assert console(people.admin()).post(page_of(nora), form_of(nora, groups=[desk.pk])).status_code == 302
    assert desk.user_set.count() == 2
    client.post(page_of(nora), form_of(nora, groups=[]))
    assert desk.user_set.count() == 2, "nor to take away"


def test_managers_cannot_change_their_own_groups_or_account_state() -> None:
    manager = people.access()
    client = console(manager)
    page = client.get(page_of(manager))
    assert not {"groups", "is_active"} & set(fields(page))
    sent = {"username": "anna", "email": manager.email}
    more = sent | {"groups": [Group.objects.get(name="Community Manager").pk]}
    assert client.post(page_of(manager), more).status_code == 403
    assert client.post(page_of(manager), sent).status_code == 302
    manager.refresh_from_db()
    assert manager.username == "anna"
    assert manager.is_active
    assert [group.name for group in manager.groups.all()] == ["Access Manager"]


def test_superusers_are_shown_and_left_alone() -> None:
    admin = people.admin()
    client = console(people.access())
    page = client.get(page_of(admin))
    assert page.status_code == 200
    assert "_save" not in fields(page)
    for address in (page_of(admin), f"{TABLE}{admin.pk}/password/"):
        answer = client.post(address, form_of(admin, username="mallory", password1=PASSWORD, password2=PASSWORD))
        assert answer.status_code == 403
        assert "Only superusers can change this account." in answer.content.decode()
    admin.refresh_from_db()
    assert admin.username == "admin"
    assert admin.check_password(people.PASSWORD)


def test_credentials_of_access_managers_are_changed_by_superusers_alone() -> None:
    client, peer = console(people.access()), people.make_staff("peer", "Access Manager")
    page = client.get(page_of(peer))
    assert not {"username", "email", "is_active"} & set(fields(page))
    assert f"{TABLE}{peer.pk}/password/" not in links(page)
    assert client.get(f"{TABLE}{peer.pk}/password/").status_code == 403
    for given in ({"email": "mine@example.com"}, {"username": "mallory"}):
        answer = client.post(page_of(peer), form_of(peer, **given))
        assert answer.status_code == 403
        assert "is an access manager too" in answer.content.decode()
    juniors = Group.objects.create(name="Juniors")
    assert client.post(page_of(peer), form_of(peer, groups=[juniors.pk])).status_code == 302
    peer.refresh_from_db()
    assert (peer.username, peer.email, peer.is_active) == ("peer", "peer@staff.example.com", True)
    assert {group.name for group in peer.groups.all()} == {"Access Manager", "Juniors"}
    theirs = form_of(peer, groups=[group.pk for group in peer.groups.all()], email="new@staff.example.com")
    assert console(people.admin()).post(page_of(peer), theirs).status_code == 302
    peer.refresh_from_db()
    assert peer.email == "new@staff.example.com"


def test_the_last_access_manager_cannot_be_taken_out() -> None:
    manager = people.access()
    client = console(people.admin())
    answer = client.post(page_of(manager), form_of(manager, groups=[]))
    assert answer.status_code == 409
    assert "This would remove the last permanent access manager." in answer.content.decode()
    assert manager.groups.exists()


def test_end_users_are_not_among_the_staff() -> None:
    alice = people.alice()
    client = console(people.access())
    assert client.get(page_of(alice)).status_code == 404
    assert client.post(page_of(alice), form_of(alice)).status_code == 404
    assert (
        client.post(f"{TABLE}{alice.pk}/password/", {"password1": PASSWORD, "password2": PASSWORD}).status_code == 404
    )


def test_staff_are_switched_off_not_deleted() -> None:
    nora = people.make_staff("nora", "Community Manager")
    client = console(people.access())
    assert client.get(f"{TABLE}{nora.pk}/delete/").status_code == 403
    assert client.post(f"{TABLE}{nora.pk}/delete/", {"post": "yes"}).status_code == 403
    form = form_of(nora)
    del form["is_active"]
    theirs = console(nora)
    assert theirs.get("/admin/stories/story/").status_code == 200
    assert client.post(page_of(nora), form).status_code == 302
    assert theirs.get("/admin/stories/story/").status_code == 302


def test_a_new_password_is_set_and_ends_their_sessions() -> None:
    nora = people.make_staff("nora", "Community Manager")
    theirs = console(nora)
    assert theirs.get("/admin/").status_code == 200
    client, address = console(people.access()), f"{TABLE}{nora.pk}/password/"
    assert address in links(client.get(page_of(nora)))
    assert "not the same" in client.post(address, {"password1": PASSWORD, "password2": "x"}).content.decode()
    assert "too common" in client.post(address, {"password1": "password1", "password2": "password1"}).content.decode()
    assert client.post(address, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 302
    nora.refresh_from_db()
    assert nora.check_password(PASSWORD)
    assert theirs.get("/admin/").status_code == 302


def test_no_page_shows_a_password_hash() -> None:
    nora = people.make_staff("nora")
    client = console(people.admin())
    for address in (page_of(nora), f"{TABLE}{nora.pk}/history/", TABLE):
        assert nora.password not in client.get(address).content.decode()


# --- Grants on single rows -------------------------------------------------------------------------------------------


def grantable() -> list[Any]:
    alice, bob = people.alice(), people.bob()
    story = make_story(alice)
    return [story, make_event(alice), make_message(alice, bob), make_report(bob, "story", story, alice)]


def test_row_grants_are_given_and_revoked_without_access_to_the_row() -> None:
    nora = people.make_staff("nora")
    client = console(people.access())
    for row in grantable():
        address, perm = permissions_page(row), f"{row._meta.app_label}.view_{row._meta.model_name}"
        page = client.get(address)
        assert page.status_code == 200
        assert str(row) not in page.content.decode() or not getattr(row, "caption", getattr(row, "title", ""))
        answer = client.post(address, {"holder": f"user:{nora.pk}", "perm": [perm], "reason": "helps out"})
        assert answer.status_code == 302
        assert may(User.objects.get(pk=nora.pk), perm, row)
        table = console(nora).get(f"/admin/{row._meta.app_label}/{row._meta.model_name}/")
        assert [shown.pk for shown in table.context["cl"].result_list] == [row.pk]
        assert perm.split(".")[1].replace("_", " ") in client.get(address).content.decode().lower()
        assert client.post(address, {"holder": f"user:{nora.pk}", "revoke": perm}).status_code == 302
        assert not may(User.objects.get(pk=nora.pk), perm, row)
    assert [entry.reason for entry in Entry.objects.filter(verb=Action.GRANTED)].count("helps out") == 4
    assert Entry.objects.filter(verb=Action.REVOKED).count() == 4


@pytest.mark.parametrize("name", ["compliance", "community", "support"])
def test_row_permissions_are_denied_to_other_staff(name: str) -> None:
    nora, client = people.make_staff("nora"), console(getattr(people, name)())
    for row in grantable():
        assert client.get(permissions_page(row)).status_code == 403
        perm = f"{row._meta.app_label}.view_{row._meta.model_name}"
        answer = client.post(permissions_page(row), {"holder": f"user:{nora.pk}", "perm": perm})
        assert answer.status_code == 403
        assert not may(User.objects.get(pk=nora.pk), perm, row)


def test_granting_to_oneself_superusers_or_end_users_is_denied() -> None:
    manager, admin, bob = people.access(), people.admin(), people.make_user("bert")
    story, client = make_story(people.alice()), console(manager)
    for holder, expected in [(manager, 403), (admin, 403), (bob, 422)]:
        answer = client.post(permissions_page(story), {"holder": f"user:{holder.pk}", "perm": "stories.view_story"})
        assert answer.status_code == expected
        assert not holder.storyuserobjectpermission_set.exists()
    answer = client.post(permissions_page(story), {"holder": "user:x", "perm": "stories.view_story"})
    assert "Choose a staff member or a group." in answer.content.decode()
    answer = client.post(
        permissions_page(story), {"holder": f"user:{people.make_staff('nora').pk}", "perm": "auth.add_group"}
    )
    assert "cannot be granted on a single object" in answer.content.decode()


def test_a_person_s_page_lists_what_they_hold_on_single_rows_and_leads_to_more() -> None:
    nora, story = people.make_staff("nora"), make_story(people.alice(), "Secret caption")
    client = console(people.access())
    client.post(permissions_page(story), {"holder": f"user:{nora.pk}", "perm": "stories.delete_story"})
    page = client.get(page_of(nora))
    assert permissions_page(story) in links(page)
    assert "Secret caption" not in page.content.decode()
    assert {"kind", "q"} <= set(fields(page))


def test_absent_rows_have_no_permissions_page() -> None:
    assert console(people.access()).get("/admin/stories/story/4711/permissions/").status_code == 404


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("İpek", ["ipek", "IPEK", "i\u0307pek", "İPE", " ipek@STAFF.example"]),
        ("Straße", ["strasse", "STRASSE", "straße", "sse"]),
    ],
    ids=ascii,
)
def test_staff_are_found_however_their_name_or_address_is_written(name: str, terms: list[str]) -> None:
    member, client = people.make_staff(name), console(people.access())

    def is_found(term: str) -> bool:
        return any(link.startswith(page_of(member)) for link in links(client.get(TABLE, {"q": term})))

    assert [term for term in [*terms, f"#{member.pk}"] if not is_found(term)] == []
    assert not is_found("nobody")
