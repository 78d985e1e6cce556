"""One's own profile, other people's, following and blocking."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize
from urllib.parse import quote

import pytest
from django.core import mail
from django.core.files.storage import default_storage

from apps.connections.models import Connection
from apps.notifications.models import Kind, Notification
from apps.users.models import Block, Follow, Profile, User
from tests.client import api, assert_problem
from tests.drawn import bomb, pdf, picture, png, upload
from tests.jobs import run_jobs
from tests.people import PASSWORD, alice, bob, carol, compliance, make_user, newton

pytestmark = pytest.mark.django_db

DEFAULT_PICTURE = "http://testserver/media/default.jpg"
FULL = {
    "bio": "I paint.",
    "social_links": {"site": "https://alice.example/"},
    "company_name": "Alice & Co.",
    "business_category": "Art",
    "theme": "dark",
}
EMPTY = {"bio": "", "social_links": {}, "company_name": "", "business_category": "", "theme": "system"}


# --- One's own ------------------------------------------------------------------------------------------------------


def test_a_profile_is_flat_and_begins_empty() -> None:
    person = newton()
    assert api(person).get("/users/profile").json() == EMPTY | {
        "id": person.pk,
        "username": "newton",
        "email": "newton@example.com",
        "phone": "",
        "role": "influencer",
        "is_verified": False,
        "image": DEFAULT_PICTURE,
    }


def test_is_verified_reports_the_badge() -> None:
    assert api(alice()).get("/users/profile").json()["is_verified"] is True
    assert api(newton()).get("/users/profile").json()["is_verified"] is False


def test_patch_changes_what_is_sent_and_nothing_else() -> None:
    client = api(alice())
    assert client.patch("/users/profile", FULL).json()["bio"] == "I paint."
    answer = client.patch("/users/profile", {"company_name": "New Corp"})
    assert answer.status_code == 200
    profile = client.get("/users/profile").json()
    assert answer.json() == profile
    assert {name: profile[name] for name in FULL} == FULL | {"company_name": "New Corp"}
    assert client.patch("/users/profile", {}).json() == profile


def test_put_replaces_the_profile_and_leaves_the_account() -> None:
    client = api(alice())
    client.patch("/users/profile", FULL | {"phone": "+123456"})
    answer = client.put("/users/profile", {"bio": "Updated bio", "company_name": "New Corp"})
    assert answer.status_code == 200
    profile = client.get("/users/profile").json()
    assert answer.json() == profile
    assert {name: profile[name] for name in EMPTY} == EMPTY | {"bio": "Updated bio", "company_name": "New Corp"}
    assert (profile["username"], profile["email"], profile["phone"]) == ("alice", "alice@example.com", "+123456")


def test_name_mail_and_phone_can_be_changed() -> None:
    client = api(alice())
    change = {"username": "alicia", "email": "Alicia@Example.COM", "phone": "+49 30 1234", "password": PASSWORD}
    answer = client.patch("/users/profile", change)
    assert answer.status_code == 200
    assert answer.json()["username"] == "alicia"
    assert answer.json()["email"] == "Alicia@example.com"
    assert client.patch("/users/profile", {"username": "Alicia"}).status_code == 200


@pytest.mark.parametrize("method", ["patch", "put"])
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "brand"}, "role"),
        ({"is_verified": True}, "is_verified"),
        ({"id": 1}, "id"),
        ({"image": "x"}, "image"),
        ({"password": "x"}, "password"),
        ({"username": None}, "username"),
        ({"email": None}, "email"),
        ({"bio": None}, "bio"),
        ({"social_links": None}, "social_links"),
        ({"theme": None}, "theme"),
        ({"username": ""}, "username"),
        ({"email": ""}, "email"),
        ({"username": "BOB"}, "username"),
        ({"email": "BOB@example.com", "password": PASSWORD}, "email"),
        ({"email": "new@example.com"}, "password"),
        ({"email": "new@example.com", "password": "wrong"}, "password"),
        ({"username": "image"}, "username"),
        ({"username": "access_log"}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"phone": "x"}, "phone"),
        ({"phone": "1" * 33}, "phone"),
        ({"bio": "x" * 2001}, "bio"),
        ({"bio": 3}, "bio"),
        ({"company_name": "x" * 151}, "company_name"),
        ({"business_category": "x" * 101}, "business_category"),
        ({"theme": "pink"}, "theme"),
        ({"social_links": {"site": "javascript:alert(1)"}}, "social_links"),
        ({"social_links": {"site": "ftp://a.example"}}, "social_links"),
        ({"social_links": {"site": "nonsense"}}, "social_links"),
        ({"social_links": {"": "https://a.example"}}, "social_links"),
        ({"social_links": {"x" * 51: "https://a.example"}}, "social_links"),
        ({"social_links": {"site": f"https://a.example/{'x' * 500}"}}, "social_links"),
        ({"social_links": {f"site{n}": "https://a.example" for n in range(21)}}, "social_links"),
        ({"social_links": ["https://a.example"]}, "social_links"),
        ({"social_links": {"site": {"deep": "https://a.example"}}}, "social_links"),
    ],
)
def test_invalid_profile_changes_name_the_field(method: str, change: dict[str, Any], field: str) -> None:
    bob()
    client = api(alice())
    before = client.get("/users/profile").json()
    answer = getattr(client, method)("/users/profile", change)
    problem = assert_problem(answer, 422, "invalid")
    assert {error["field"] for error in problem["errors"]} == {field}
    assert client.get("/users/profile").json() == before


def test_a_new_mail_address_takes_the_present_password_and_the_old_address_is_notified() -> None:
    client = api(alice())
    for method in (client.patch, client.put):
        for given, code in (({}, "missing"), ({"password": "wrong"}, "wrong-password")):
            problem = assert_problem(method("/users/profile", {"email": "new@example.com"} | given), 422, "invalid")
            assert [(error["field"], error["code"]) for error in problem["errors"]] == [("password", code)]
    assert client.patch("/users/profile", {"email": " ALICE@Example.com"}).json()["email"] == "ALICE@example.com"
    run_jobs()
    assert mail.outbox == []
    answer = client.patch("/users/profile", {"email": "new@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.json()["email"]) == (200, "new@example.com")
    assert "password" not in answer.json()
    run_jobs()
    [message] = mail.outbox
    assert message.to == ["ALICE@example.com"]
    assert message.subject == "The mail address of your Infloo account was changed"
    assert "new@example.com" not in message.body


@pytest.mark.parametrize(
    ("address", "alike"),
    [
        ("victim@gmail.com", "victim@gmaıl.com"),
        ("ira@bücher.example", "ıra@bücher.example"),
    ],
    ids=ascii,
)
def test_an_address_that_folds_alike_is_another_mailbox(address: str, alike: str) -> None:
    person = make_user("victim")
    User.objects.filter(pk=person.pk).update(email=address)
    client = api(person)
    for method in (client.patch, client.put):
        problem = assert_problem(method("/users/profile", {"email": alike}), 422, "invalid")
        assert [error["field"] for error in problem["errors"]] == ["password"]
    assert api().post("/users/auth/password_reset", {"email": alike}).status_code < 300
    run_jobs()
    assert [message.to for message in mail.outbox] == [[address]]
    mail.outbox.clear()
    assert client.patch("/users/profile", {"email": alike, "password": PASSWORD}).json()["email"] == alike
    run_jobs()
    assert [message.to for message in mail.outbox] == [[address]]


@pytest.mark.parametrize("domain", ["straße.de", "σς.example"])
def test_a_domain_that_mail_would_leave_for_as_another_is_refused(domain: str) -> None:
    person = alice()
    changes = {"email": f"ira@{domain}", "password": PASSWORD}
    problem = assert_problem(api(person).patch("/users/profile", changes), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["email"]
    sent = {"username": "ira", "email": f"ira@{domain}", "password": PASSWORD, "role": "brand"}
    problem = assert_problem(api().post("/users/auth/register", sent), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["email"]


def test_the_password_is_refused_without_a_mail_address_beside_it() -> None:
    problem = assert_problem(api(alice()).patch("/users/profile", {"bio": "x", "password": PASSWORD}), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["password"]


def test_a_stolen_token_guesses_the_password_here_no_more_often_than_at_login() -> None:
    person = alice()
    thief = api(person)
    for _guess in range(9):
        assert thief.patch("/users/profile", {"email": person.email, "password": "x"}).status_code == 200
        assert api().post("/users/auth/login", {"username": "alice", "password": "wrong"}).status_code == 401
    body = {"email": "new@example.com", "password": "wrong"}
    assert thief.patch("/users/profile", body).status_code == 422
    answer = thief.patch("/users/profile", body | {"password": PASSWORD})
    assert_problem(answer, 429, "too-many-requests")
    assert int(answer["Retry-After"]) > 0
    assert thief.patch("/users/profile", {"bio": "I paint."}).status_code == 200


def test_user_name_and_mail_change_ten_times_an_hour() -> None:
    bob()
    client = api(alice())
    for number in range(12):
        assert client.patch("/users/profile", {"username": "alice ", "email": "alice@example.com"}).status_code == 200
        assert client.patch("/users/profile", {"phone": f"+49 30 {number}23"}).status_code == 200
    for _number in range(5):
        assert client.patch("/users/profile", {"username": "bob"}).status_code == 422
        body = {"email": "bob@example.com", "password": PASSWORD}
        assert client.put("/users/profile", body).json()["errors"][0]["field"] == "email"
    for change in ({"username": "bob"}, {"username": "alicia"}, {"email": "new@example.com", "password": PASSWORD}):
        answer = client.patch("/users/profile", change)
        assert_problem(answer, 429, "too-many-requests")
        assert 3500 < int(answer["Retry-After"]) <= 3600
    assert client.patch("/users/profile", {"bio": "I paint.", "username": "alice"}).status_code == 200


@pytest.mark.parametrize(
    ("field", "spellings"),
    [("username", ["CAROL", "carol"]), ("email", ["CAROL@example.com", "carol@example.com"])],
)
def test_another_spelling_of_one_s_own_name_is_a_change_that_counts(field: str, spellings: list[str]) -> None:
    client = api(carol())
    answers = [client.patch("/users/profile", {field: spellings[number % 2]}).status_code for number in range(11)]
    assert answers == [200] * 10 + [429]


@pytest.mark.parametrize("name", ["İbrahim", "ışık", "straße", "Ὀδυσσεύς", "josé", "नमस्ते"], ids=ascii)
def test_a_profile_is_found_followed_and_blocked_by_its_name_however_it_is_written(name: str) -> None:
    make_user(name)
    client = api(alice())
    spellings = {name, name.upper(), name.lower(), name.casefold(), normalize("NFD", name), f" {name}\ufeff"}
    for spelling in spellings:
        answer = client.get(f"/users/profile/{quote(spelling)}")
        assert (answer.status_code, answer.json().get("username")) == (200, name), ascii(spelling)
        assert [found["username"] for found in client.get("/users", search=spelling).json()["results"]] == [name]
    for action in ("follow", "block"):
        assert client.post(f"/users/profile/{quote(normalize('NFD', name))}/{action}").status_code == 204
        assert client.delete(f"/users/profile/{quote(name.upper())}/{action}").status_code == 204


def test_a_taken_name_says_so_in_its_code() -> None:
    bob()
    problem = api(alice()).patch("/users/profile", {"username": "Bob"}).json()
    assert problem["errors"][0]["code"] == "taken"


def test_a_name_that_could_be_mistaken_for_another_is_not_given() -> None:
    bob(), make_user("brand1")
    client = api(alice())
    for method in (client.patch, client.put):
        for name, code in (("brandl", "look-alike"), ("b0b", "look-alike"), ("аlice", "invalid")):
            problem = assert_problem(method("/users/profile", {"username": name}), 422, "invalid")
            assert [(error["field"], error["code"]) for error in problem["errors"]] == [("username", code)]
    assert client.patch("/users/profile", {"username": "A1ice"}).json()["username"] == "A1ice"
    assert client.patch("/users/profile", {"username": "alicia"}).json()["username"] == "alicia"
    assert api(make_user("aIice")).get("/users/profile").json()["username"] == "aIice"


def test_profile_changes_are_recorded_with_their_actor() -> None:
    person = alice()
    api(person).patch("/users/profile", {"bio": "I paint."})
    version = Profile.objects.get(user=person).history.first()
    assert version.history_user == person
    assert version.request_id


# --- Picture --------------------------------------------------------------------------------------------------------


def test_a_picture_is_set_shown_replaced_and_cleared(django_capture_on_commit_callbacks: Any) -> None:
    person = alice()
    client = api(person)
    answer = client.upload("/users/profile/image", image=upload(png(), name="../me.html"))
    assert answer.status_code == 200
    address = answer.json()["image"]
    assert address.startswith("http://testserver/media/")
    assert address != DEFAULT_PICTURE
    assert client.client.get(address)["Content-Type"] == "image/png"
    first = str(Profile.objects.get(user=person).image.name)
    with django_capture_on_commit_callbacks(execute=True):
        client.upload("/users/profile/image", image=upload(picture("JPEG")))
    second = str(Profile.objects.get(user=person).image.name)
    assert not default_storage.exists(first)
    assert default_storage.exists(second)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.delete("/users/profile/image")
    assert answer.status_code == 200
    assert answer.json()["image"] == DEFAULT_PICTURE
    assert not default_storage.exists(second)
    assert client.delete("/users/profile/image").status_code == 200


def test_a_picture_that_is_none_is_refused() -> None:
    client = api(alice())
    assert_problem(client.upload("/users/profile/image", image=upload(pdf())), 415, "wrong-kind-of-file")
    assert_problem(client.upload("/users/profile/image", image=upload(b"")), 422, "invalid")
    assert_problem(client.upload("/users/profile/image", image=upload(bomb())), 422, "invalid")
    assert_problem(client.upload("/users/profile/image", image="text"), 422, "invalid")
    assert_problem(client.upload("/users/profile/image"), 422, "invalid")
    problem = assert_problem(client.upload("/users/profile/image", image=upload(png()), role="staff"), 422, "invalid")
    assert problem["errors"][0]["field"] == "role"
    assert client.get("/users/profile").json()["image"] == DEFAULT_PICTURE


def test_an_upload_over_the_limit_is_refused_unread() -> None:
    client = api(alice())
    answer = client.client.post(
        "/api/users/profile/image",
        b"never read",
        content_type="multipart/form-data; boundary=x",
        headers=client.headers | {"Content-Length": str(11 * 1024 * 1024)},
    )
    assert_problem(answer, 413, "too-large")


# --- Other people ---------------------------------------------------------------------------------------------------


def test_a_public_profile_keeps_mail_and_phone_to_itself() -> None:
    person = bob()
    api(person).patch("/users/profile", FULL | {"phone": "+123456"})
    answer = api(alice()).get("/users/profile/BOB")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": person.pk,
        "username": "bob",
        "role": "brand",
        "is_verified": True,
        "image": DEFAULT_PICTURE,
        "bio": "I paint.",
        "social_links": {"site": "https://alice.example/"},
        "company_name": "Alice & Co.",
        "business_category": "Art",
        "relation": {"connection": None, "following": False, "blocked": False},
    }


def test_the_relation_is_the_viewers_own() -> None:
    one, other = alice(), bob()
    connection = Connection.objects.create(sender=one, receiver=other)

    def relations() -> list[str]:
        pairs = [(one, "bob"), (other, "alice")]
        return [api(viewer).get(f"/users/profile/{name}").json()["relation"]["connection"] for viewer, name in pairs]

    assert relations() == ["pending_sent", "pending_received"]
    for status in ("accepted", "rejected"):
        connection.status = "pending"
        connection.answer(status)
        connection.save()
        assert relations() == [status, status]


@pytest.mark.parametrize("name", ["unknown", "compliance", "off", "a b", "%F0%9F%92%A9", "..", "x" * 3000])
def test_profiles_of_unknown_staff_or_deactivated_users_are_absent(name: str) -> None:
    compliance()
    User.objects.filter(pk=bob().pk).update(username="off", is_active=False)
    assert api(alice()).get(f"/users/profile/{name}").status_code == 404


def test_following_is_idempotent_and_notifies_once() -> None:
    one, other = alice(), bob()
    client = api(one)
    for _again in range(2):
        answer = client.post("/users/profile/bob/follow")
        assert (answer.status_code, answer.content) == (204, b"")
    assert Follow.objects.get().followed == other
    assert Notification.objects.get().kind == Kind.NEW_FOLLOWER
    assert Notification.objects.get().recipient == other
    assert client.get("/users/profile/bob").json()["relation"]["following"] is True
    assert api(other).get("/users/profile/alice").json()["relation"]["following"] is False
    for _again in range(2):
        assert client.delete("/users/profile/bob/follow").status_code == 204
    assert not Follow.objects.exists()


@pytest.mark.parametrize("action", ["follow", "block"])
def test_following_or_blocking_oneself_or_staff_is_refused(action: str) -> None:
    compliance()
    client = api(alice())
    assert_problem(client.post(f"/users/profile/alice/{action}"), 422, "oneself")
    assert_problem(client.delete(f"/users/profile/alice/{action}"), 422, "oneself")
    assert_problem(client.post(f"/users/profile/compliance/{action}"), 404, "not-found")
    assert_problem(client.post(f"/users/profile/unknown/{action}"), 404, "not-found")


def test_a_block_hides_each_from_the_other_but_lets_the_blocker_undo_it() -> None:
    one, other = alice(), bob()
    carol()
    blocker, blocked = api(one), api(other)
    for _again in range(2):
        assert blocker.post("/users/profile/bob/block").status_code == 204
    assert Block.objects.count() == 1
    assert blocker.get("/users/profile/bob").json()["relation"]["blocked"] is True
    assert_problem(blocked.get("/users/profile/alice"), 404, "not-found")
    for action in ("follow", "block"):
        assert_problem(blocked.post(f"/users/profile/alice/{action}"), 404, "not-found")
    assert_problem(blocker.post("/users/profile/bob/follow"), 404, "not-found")
    assert [person["username"] for person in blocker.get("/users").json()["results"]] == ["carol", "alice"]
    assert [person["username"] for person in blocked.get("/users").json()["results"]] == ["carol", "bob"]
    assert blocked.get("/users", search="alice").json()["count"] == 0
    for _again in range(2):
        assert blocker.delete("/users/profile/bob/block").status_code == 204
    assert blocked.get("/users/profile/alice").status_code == 200


def test_two_may_block_each_other() -> None:
    one, other = alice(), bob()
    Block.objects.create(blocker=other, blocked=one)
    assert_problem(api(one).get("/users/profile/bob"), 404, "not-found")
    assert api(other).get("/users/profile/alice").status_code == 200


def test_blocking_revalidates_sockets_of_both_users(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("apps.infra.pubsub.recheck", asked.append)
    one, other = alice(), bob()
    api(one).post("/users/profile/bob/block")
    assert sorted(asked) == sorted([one.pk, other.pk])


# --- Directory ------------------------------------------------------------------------------------------------------


def names(client: Any, **query: Any) -> list[str]:
    return [person["username"] for person in client.get("/users", **query).json()["results"]]


@pytest.fixture
def town() -> None:
    for username, role, verified in [
        ("anna", "influencer", True),
        ("annabel", "brand", False),
        ("joanna", "brand", True),
        ("hannah.b", "entrepreneur", True),
        ("zoe", "influencer", False),
    ]:
        user = User.objects.create(
            username=username, email=f"{username}@mail.example", role=role, identity_verified=verified, phone="+555777"
        )
        Profile.objects.create(user=user)


def test_the_best_match_comes_first(town: None) -> None:
    client = api(carol())
    assert names(client, search="anna") == ["anna", "annabel", "joanna", "hannah.b"]
    assert names(client, search="ANNA")[0] == "anna"
    assert names(client, search="nna") == ["anna", "joanna", "annabel", "hannah.b"]


def test_the_newest_come_first_where_nothing_is_searched_for(town: None) -> None:
    assert names(api(carol())) == ["carol", "zoe", "hannah.b", "joanna", "annabel", "anna"]


def test_the_directory_is_filtered_by_role_and_badge(town: None) -> None:
    client = api(carol())
    assert names(client, role="brand") == ["joanna", "annabel"]
    assert names(client, role="brand", verified="true") == ["joanna"]
    assert names(client, verified="false", search="anna") == ["annabel"]
    assert_problem(client.get("/users", role="staff"), 422, "invalid")
    assert_problem(client.get("/users", verified="perhaps"), 422, "invalid")
    assert_problem(client.get("/users", search="x" * 151), 422, "invalid")


@pytest.mark.parametrize("search", ["mail.example", "anna@mail.example", "555777", "%", "_", "a%a", "\\"])
def test_users_are_not_found_by_email_phone_or_wildcard(town: None, search: str) -> None:
    assert names(api(carol()), search=search) == []


def test_staff_and_the_switched_off_are_not_in_the_directory(town: None) -> None:
    compliance()
    User.objects.filter(username="zoe").update(is_active=False)
    client = api(carol())
    assert names(client, search="compliance") == []
    assert "zoe" not in names(client)


def test_the_directory_costs_the_same_for_any_number(town: None, django_assert_num_queries: Any) -> None:
    client = api(carol())
    with django_assert_num_queries(2):  # session, page with the count
        client.get("/users", page_size=100)
    for number in range(30):
        make_user(f"x{number}")
    with django_assert_num_queries(2):
        client.get("/users", page_size=100)
