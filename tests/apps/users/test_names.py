"""User names that look alike: what ICU makes of them, what is stored, and what grandfathered accounts may still do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import StringIO
from typing import Any
from unicodedata import normalize

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Upper
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.history import bulk_create_as, save_as
from apps.errors import Invalid
from apps.users.accounts.identifiers import account_named
from apps.users.accounts.profiles import update_profile
from apps.users.accounts.registration import register
from apps.users.accounts.suspensions import suspend_user
from apps.users.authentication.passwords import set_password
from apps.users.models import Profile, Role, User
from apps.users.name_keys import SHOWN, report
from apps.users.names import fold, is_same_mailbox, skeleton, skeleton_key, tidy, validate_script, validate_username
from apps.users.staff.accounts import add_staff, change_staff, set_staff_password
from tests import people
from tests.client import api
from tests.jobs import run_jobs
from tests.migrating import run_again
from tests.people import alice
from tests.races import at_once

PASSWORD = "quite-a-long-phrase-7"
MIGRATION = ("users", "0020_look_alike_names")


def sign_up(name: str, number: int = 0) -> User:
    return register(username=name, email=f"n{number}@example.com", password=PASSWORD, role="brand")


def grandfathered(user: User, name: str) -> User:
    """The account as it was before names were compared: of this name, without a key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE users_user SET username = %s, username_skeleton = NULL WHERE id = %s RETURNING id", [name, user.pk]
        )
    return User.objects.get(pk=user.pk)


# --- What is written differently -------------------------------------------------------------------------------------


def test_folding_has_no_regard_to_case_composition_and_width_and_changes_nothing_twice() -> None:
    for sign in filter(str.isalnum, map(chr, range(0x20000))):
        word = f"a{sign}b"
        same = {word.upper(), word.lower(), word.swapcase(), word.casefold(), fold(word), normalize("NFD", word)}
        assert {fold(other) for other in same} == {fold(word)}, ascii(sign)


@pytest.mark.parametrize(
    ("text", "stored"),
    [("\u00a0Nora\ufeff", "Nora"), ("jose\u0301", "josé"), ("ｎｏｒａ", "nora"), ("\u200b \t", ""), ("", "")],
    ids=ascii,
)
def test_names_are_stored_as_they_are_seen(text: str, stored: str) -> None:
    assert tidy(text) == stored
    assert tidy(stored) == stored


@pytest.mark.parametrize("name", ["नमस्ते", "ชื่อ", "தமிழ்", "q\u0303a", "İbrahim", "i\u0307a"], ids=ascii)
def test_letters_may_carry_marks(name: str) -> None:
    validate_username(name)
    validate_script(name)


@pytest.mark.parametrize(
    "name", ["\u0301a", "a" + "\u0316\u0317\u0318\u0319\u031c", "a@b", "a.", ".a", "", "a b", "a\u20dd"], ids=ascii
)
def test_invalid_user_names_are_rejected(name: str) -> None:
    with pytest.raises(ValidationError):
        validate_username(name)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "email", "said"),
    [
        ("a1ice", "s@example.com", "looks like one that is taken"),
        (" \uff21LICE", "s@example.com", "taken"),
        ("i\u0307ris", "s@example.com", "taken"),
        ("nora", "\ufeffALICE@example.com", "This email address is taken."),
    ],
    ids=ascii,
)
def test_createsuperuser_says_what_is_taken(name: str, email: str, said: str) -> None:
    people.alice(), people.make_user("İris")
    with pytest.raises(CommandError, match=said):
        call_command("createsuperuser", interactive=False, username=name, email=email, verbosity=0)
    assert User.objects.count() == 2


@pytest.mark.django_db
def test_commands_know_accounts_however_their_name_is_written() -> None:
    people.make_user("İris")
    for name in ("i\u0307ris", " IRIS\ufeff"):
        call_command("release_account", name, verbosity=0)
        call_command("reset_mfa", name, verbosity=0)


@pytest.mark.django_db
def test_staff_names_are_tidied_and_the_former_address_is_notified() -> None:
    nora = add_staff(people.access(), username=" nora\ufeff", email=" nora@example.com", password=PASSWORD)
    assert (nora.username, nora.email) == ("nora", "nora@example.com")
    change_staff(people.admin(), nora.pk, username="Nora", email="NORA@example.com\u200b")
    run_jobs()
    assert mail.outbox == []
    change_staff(User.objects.get(username="admin"), nora.pk, email="nına@example.com")
    change_staff(User.objects.get(username="admin"), nora.pk, email="nina@example.com")
    run_jobs()
    assert [message.to for message in mail.outbox] == [["NORA@example.com"], ["nına@example.com"]]


def test_mailboxes_differ_by_all_but_ascii_case() -> None:
    assert is_same_mailbox("Victim@Example.com", " vicTIM@example.COM\u200b")
    for other in ("victim@examplė.com", "vıctim@example.com", "VİCTIM@example.com", "victim@example.com\ud800", ""):
        assert not is_same_mailbox("victim@example.com", other)


@pytest.mark.django_db
def test_an_account_that_came_without_a_history_is_notified_too() -> None:
    [person] = User.objects.bulk_create([unsaved("ulla")])
    Profile.objects.create(user=person)
    person.set_password(PASSWORD)
    person.save_without_historical_record()
    update_profile(person, email="new@example.com", password=PASSWORD)
    run_jobs()
    assert [message.to for message in mail.outbox] == [["u@example.com"]]


@pytest.mark.django_db
def test_the_password_of_an_account_is_changed_however_its_name_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    person = people.make_user("İpek")
    monkeypatch.setattr("getpass.getpass", lambda prompt: PASSWORD)
    for name in ("ipek", "i\u0307pek"):
        User.objects.filter(pk=person.pk).update(password="")
        call_command("changepassword", name, stdout=StringIO())
        assert User.objects.get(pk=person.pk).check_password(PASSWORD)
    with pytest.raises(CommandError, match="does not exist"):
        call_command("changepassword", "ipec", stdout=StringIO())


# --- What looks alike ------------------------------------------------------------------------------------------------

ALIKE = [
    ("alice", "aIice"),
    ("alice", "AIice"),
    ("alice", "Alice"),
    ("brandl", "brand1"),
    ("brandl", "BRAND1"),
    ("ace", "асе"),
    ("ace", "АСЕ"),
    ("modern", "modem"),
    ("bob", "b0b"),
    ("alice", "alice\u3164"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_these_look_alike(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)
    assert skeleton_key(one) == skeleton_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Mila", "Miia"), ("mila", "miia"), ("alice", "alicia"), ("Łukasz", "Lukasz"), ("İbrahim", "ibrahim"), ("a", "b")],
)
def test_these_do_not(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)
    assert skeleton_key(one) != skeleton_key(other)


def test_a_key_is_as_long_for_every_name() -> None:
    assert {len(skeleton_key(name)) for name in ("a", "m" * 150, "\ucb94" * 150)} == {32}
    assert len(skeleton("\ucb94" * 150)) > 1000
    assert all(skeleton("m" * length) == "rn" * length for length in range(151))


def _is_refused(name: str) -> bool:
    try:
        validate_script(name)
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize(
    "name",
    ["аdmin", "дevil", "Иван_pro", "abcα", "1\u0662", "a\u0662", "\u3164", "\u1160", "alice\u1160", "a\ud800"],
    ids=ascii,
)
def test_a_name_of_several_scripts_or_invisible_is_refused(name: str) -> None:
    assert _is_refused(name)


@pytest.mark.parametrize(
    "name",
    ["admin", "user_name-1.2+x", "Łukasz", "İbrahim", "ÆØÅ", "юзер1", "用户", "用户abc", "ひらカナ漢字abc", "한국abc"],
    ids=ascii,
)
def test_a_name_of_one_script_is_allowed(name: str) -> None:
    assert not _is_refused(name)


# --- Every way to write one ------------------------------------------------------------------------------------------


def superuser(name: str) -> None:
    call_command("createsuperuser", interactive=False, username=name, email="s@example.com", verbosity=0)


def unsaved(name: str) -> User:
    return User(username=name, email="u@example.com", role=Role.BRAND)


WRITERS: list[Callable[[str], Any]] = [
    sign_up,
    superuser,
    people.make_user,
    people.make_staff,
    lambda name: add_staff(people.access(), username=name, email="n@example.com", password=PASSWORD),
    lambda name: change_staff(people.admin(), people.make_staff("before").pk, username=name),
    lambda name: update_profile(people.newton(), username=name),
    lambda name: User.objects.create_user(name, "c@example.com", PASSWORD, role=Role.BRAND),
    lambda name: User.objects.create_superuser(name, "c@example.com", PASSWORD),
    lambda name: User.objects.bulk_create([unsaved(name)]),
    lambda name: bulk_create_as(None, [unsaved(name)], action=Action.ACCOUNT_REGISTERED),
    lambda name: save_as(None, unsaved(name), action=Action.ACCOUNT_REGISTERED),
    lambda name: User.objects.filter(pk=people.newton().pk).update(username=name),
]


@pytest.mark.django_db
@pytest.mark.parametrize("write", WRITERS)
def test_every_writer_of_a_name_writes_its_key(write: Callable[[str], Any]) -> None:
    write("modern")
    assert User.objects.get(username="modern").username_skeleton == skeleton_key("modern")
    with pytest.raises(IntegrityError, match="username_look_unique"), transaction.atomic():
        people.make_user("modem")


@pytest.mark.django_db
def test_saving_the_name_alone_writes_its_key() -> None:
    alice = people.alice()
    alice.username = "alicia"
    alice.save(update_fields=["username"])
    alice.refresh_from_db()
    assert alice.username_skeleton == skeleton_key("alicia")


@pytest.mark.django_db
def test_the_key_is_in_no_history() -> None:
    people.alice().save()
    assert not [field.name for field in User.history.model._meta.get_fields() if "skeleton" in field.name]


# --- Taken -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_name_that_looks_like_a_taken_one_is_refused() -> None:
    sign_up("alice")
    for write in (
        lambda: sign_up("aIice", 1),
        lambda: update_profile(people.bob(), username="AIice"),
        lambda: add_staff(people.access(), username="a1ice", email="n@example.com", password=PASSWORD),
        lambda: change_staff(people.admin(), people.make_staff("nora").pk, username="a1ice"),
    ):
        with pytest.raises(Invalid, match="looks like one that is taken") as refused:
            write()
        assert (refused.value.code, refused.value.field) == ("look-alike", "username")


@pytest.mark.django_db
def test_users_may_respell_their_own_name() -> None:
    alice, nora = people.alice(), people.make_staff("noral", "Access Manager")
    for name in ("A1ice", "aIice", "alice", "a1ice"):
        assert update_profile(alice, username=name).username == name
    assert change_staff(nora, nora.pk, username="nora1").username == "nora1"
    for name in ("alice", "noral"):
        with pytest.raises(Invalid, match="looks like one that is taken"):
            sign_up(name)


@pytest.mark.django_db
def test_a_rename_frees_what_the_old_name_looked_like() -> None:
    update_profile(people.alice(), username="alicia")
    assert sign_up("aIice").username == "aIice"


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_several_lookalike_names_signs_up() -> None:
    names = ["nora1", "noral", "noraI", "nora1".upper()]

    def post(number: int, name: str) -> Any:
        body = {"username": name, "email": f"n{number}@example.com", "password": PASSWORD, "role": "brand"}
        return api().post("/users/auth/register", body)

    answers = at_once([partial(post, number, name) for number, name in enumerate(names)])
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422]
    lost = [answer.json()["errors"] for answer in answers if answer.status_code == 422]
    assert {(error["field"], error["code"]) for [error] in lost} <= {("username", "look-alike"), ("username", "taken")}
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_exactly_one_of_two_lookalike_staff_names_is_added() -> None:
    manager = people.access()

    def add(name: str) -> User:
        return add_staff(manager, username=name, email=f"{name}@staff.example.com", password=PASSWORD)

    results = at_once([partial(add, name) for name in ("nora1", "noral")])
    assert sorted(isinstance(result, Invalid) for result in results) == [False, True]
    assert User.objects.filter(username__startswith="nora").count() == 1


# --- Grandfathered accounts -----------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["aIice", "аlice"], ids=ascii)
def test_a_grandfathered_account_is_saved_like_any_other(name: str) -> None:
    people.alice()
    lookalike, admin = grandfathered(people.bob(), name), people.admin()
    client = api(lookalike)
    assert client.patch("/users/profile", {"phone": "+49 30 1234", "username": name}).status_code == 200
    assert client.put("/users/profile", {"bio": "I paint."}).status_code == 200
    suspend_user(admin, lookalike.pk, until=timezone.now())
    suspend_user(admin, lookalike.pk, until=timezone.now() + timedelta(days=1))
    lookalike.refresh_from_db()
    set_password(lookalike, lookalike, PASSWORD, field="password", action=Action.PASSWORD_CHANGED)
    lookalike.save()
    lookalike.refresh_from_db()
    assert (lookalike.username, lookalike.username_skeleton, lookalike.phone) == (name, None, "+49 30 1234")
    assert lookalike.is_suspended
    assert update_profile(lookalike, username="robert").username == "robert"
    assert User.objects.get(pk=lookalike.pk).username_skeleton == skeleton_key("robert")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["cornmunity", "сommunity"], ids=ascii)
def test_a_grandfathered_staff_account_is_saved_like_any_other(name: str) -> None:
    people.community()
    admin, lookalike = people.admin(), grandfathered(people.make_staff("nora"), name)
    change_staff(admin, lookalike.pk, username=name, email="new@staff.example.com")
    change_staff(admin, lookalike.pk, is_active=False)
    change_staff(admin, lookalike.pk, groups=[Group.objects.get(name="Compliance Officer")])
    set_staff_password(admin, lookalike.pk, PASSWORD)
    lookalike.refresh_from_db()
    assert (lookalike.username, lookalike.username_skeleton, lookalike.email) == (name, None, "new@staff.example.com")
    assert not lookalike.is_active
    assert change_staff(admin, lookalike.pk, username="nora").username == "nora"
    with pytest.raises(Invalid):
        change_staff(admin, lookalike.pk, username=name)


# --- From before to now ----------------------------------------------------------------------------------------------


def dependencies() -> Any:
    return MigrationExecutor(connection).loader.get_migration(*MIGRATION).dependencies


@pytest.fixture
def user_before(db: None) -> Any:
    """The model of users as the release before has it, over tables as they are: it still serves after `migrate`."""
    return MigrationExecutor(connection).loader.project_state(dependencies()).apps.get_model("users", "User")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["jose\u0301", "strasse"], ids=ascii)
def test_a_staff_account_without_a_key_is_saved_like_any_other(name: str) -> None:
    admin, nora = people.admin(), people.make_staff("nora")
    people.make_staff(normalize("NFC", name).replace("ss", "ß"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users_user SET username = %s, username_key = NULL WHERE id = %s", [name, nora.pk])
        cursor.execute("UPDATE users_user SET username_skeleton = NULL WHERE id = %s", [nora.pk])
    change_staff(admin, nora.pk, username=name, email="new@staff.example.com")
    change_staff(admin, nora.pk, is_active=False)
    assert User.objects.values_list("username", "username_key", "email").get(pk=nora.pk) == (
        name,
        None,
        "new@staff.example.com",
    )


def test_the_release_before_writes_no_key_and_its_accounts_are_found_all_the_same(user_before: Any) -> None:
    made = user_before.objects.create(username="Ulla", email="U@example.com", role="brand")
    assert User.objects.get().username_skeleton is None
    for name in ("ulla", " ULLA", "u@Example.com"):
        assert account_named(name).pk == made.pk
    assert User.objects.with_name_part("ull").get().pk == made.pk
    call_command("renew_name_keys", verbosity=0)
    assert User.objects.values_list("username_key", "email_key").get() == ("ulla", "u@example.com")


def test_a_name_that_the_release_before_changes_is_found_and_the_one_before_is_not(user_before: Any) -> None:
    made = user_before.objects.get(pk=User.objects.create(username="Ulla", email="ulla@example.com", role="brand").pk)
    assert User.objects.values_list("username_key", "email_key").get() == ("ulla", "ulla@example.com")
    made.username, made.email = "Uta", "uta@example.com"
    made.save()
    for name in ("ULLA", "ulla@example.com"):
        assert account_named(name) is None
    for name in ("uta", "UTA@example.com"):
        assert account_named(name).pk == made.pk
    call_command("renew_name_keys", verbosity=0)
    assert User.objects.values_list("username_key", "email_key").get() == ("uta", "uta@example.com")


@pytest.mark.django_db
def test_another_spelling_keeps_its_key() -> None:
    person = people.newton()
    for name in ("strasse", "STRASSE", "Straße"):
        update_profile(person, username=name)
        assert User.objects.values_list("username", "username_key").get() == (name, "strasse")
        User.objects.filter(pk=person.pk).update(username=name.swapcase())
        assert User.objects.values_list("username", "username_key").get() == (name.swapcase(), "strasse")
    person.email = "NEWTON@example.com"
    person.save(update_fields=["email"])
    assert User.objects.values_list("email", "email_key").get() == (person.email, "newton@example.com")


@pytest.mark.django_db(transaction=True)
def test_folding_goes_on_where_it_was_broken_off() -> None:
    run_again("users", "0024_folded_names")
    assert "user_name_search" in connection.introspection.get_constraints(connection.cursor(), "users_user")


@pytest.mark.django_db
def test_renewing_gives_keys_to_those_without_and_corrects_those_that_changed() -> None:
    alice, bob, carol = people.alice(), people.bob(), people.carol()
    lookalike = grandfathered(people.newton(), "aIice")
    grandfathered(carol, "carola")
    User.objects.filter(pk=bob.pk).update(username_skeleton=skeleton_key("carola"))
    out = StringIO()
    call_command("renew_name_keys", stdout=out)
    for user in (alice, bob, carol):
        user.refresh_from_db()
        assert user.username_skeleton == skeleton_key(user.username)
    assert out.getvalue().splitlines()[1:] == [f"  user {lookalike.pk} looks like user {alice.pk}"]
    update_profile(alice, username="alina")
    call_command("renew_name_keys", verbosity=0)
    lookalike.refresh_from_db()
    assert lookalike.username_skeleton == skeleton_key("alice")


def test_a_report_is_short_and_silent_where_nothing_clashes() -> None:
    assert list(report([])) == []
    assert len(list(report([(number, 1) for number in range(2, 500)]))) == 20 == SHOWN + 2


@pytest.mark.django_db
def test_a_name_that_is_not_known_before_it_is_written_is_refused() -> None:
    person = alice()
    with pytest.raises(TypeError, match="by its text"):
        User.objects.update(username=Upper("username"))
    person.username = "alicia"
    with pytest.raises(TypeError, match="by its text"):
        User.objects.bulk_update([person], ["username"])
