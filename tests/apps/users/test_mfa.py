"""The second factor: setting up, codes, backup codes, guessing, lost devices."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from math import log2
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.errors import Conflict, Invalid, LockedOut, Refused, WrongCredentials
from apps.users.authentication import api_sessions, mfa, mfa_resets
from apps.users.models import MfaReset, Session, User
from apps.users.models.second_factors import BASE32, Authenticator, BackupCode
from tests import people
from tests.authenticator import App, code_of, enrol, wrong
from tests.jobs import run_jobs
from tests.races import at_once, won

pytestmark = pytest.mark.django_db
NOON = "2026-06-01 12:00:00Z"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


# --- Setting up -----------------------------------------------------------------------------------------------------


def test_second_factor_is_inactive_until_confirmed_by_a_code(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    secret = mfa.begin_enrolment(alice).secret
    assert not mfa.is_enabled(alice)
    codes = mfa.confirm_enrolment(alice, code_of(App(secret)))
    assert mfa.is_enabled(alice)
    assert len(set(codes)) == 10
    assert mfa.backup_codes_left(alice) == 10


def test_the_picture_and_the_address_hold_the_same_key() -> None:
    enrolment = mfa.begin_enrolment(people.alice())
    query = parse_qs(urlsplit(enrolment.uri).query)
    assert query == {"secret": [enrolment.secret], "issuer": ["Infloo"]}
    assert urlsplit(enrolment.uri).path == "/Infloo:alice"
    assert enrolment.picture.startswith("data:image/png;base64,")


def test_a_wrong_first_code_leaves_it_off(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app = App(mfa.begin_enrolment(alice).secret)
    with pytest.raises(Invalid):
        mfa.confirm_enrolment(alice, wrong(app))
    assert not mfa.is_enabled(alice)


def test_beginning_anew_voids_the_key_before(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app = App(mfa.begin_enrolment(alice).secret)
    assert mfa.begin_enrolment(alice, anew=False).secret == app.secret
    mfa.begin_enrolment(alice)
    with pytest.raises(Invalid):
        mfa.confirm_enrolment(alice, code_of(app))


def test_a_key_waits_a_quarter_of_an_hour_for_its_code(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app = App(mfa.begin_enrolment(alice).secret)
    clock.shift(mfa.SETTING_UP)
    with pytest.raises(Conflict):
        mfa.confirm_enrolment(alice, code_of(app))
    assert mfa.begin_enrolment(alice, anew=False).secret != app.secret


def test_second_factor_is_not_replaced_by_enrolling_again(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    with pytest.raises(Conflict):
        mfa.begin_enrolment(alice)
    with pytest.raises(Conflict):
        mfa.confirm_enrolment(alice, code_of(app))


# --- Codes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("periods", [-1, 0, 1])
def test_a_clock_may_be_off_by_one_period(clock: time_machine.Traveller, periods: int) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    clock.shift(60)
    mfa.verify(alice, code_of(app, periods))


@pytest.mark.parametrize("periods", [-2, 2])
def test_a_code_from_farther_off_is_wrong(clock: time_machine.Traveller, periods: int) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    clock.shift(120)
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, code_of(app, periods))


def test_a_code_counts_once(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    code = code_of(app)
    mfa.verify(alice, f" {code[:3]} {code[3:]} ")
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, code)


def test_no_code_from_before_a_used_one_counts(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    mfa.verify(alice, code_of(app, 1))
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, code_of(app))


def test_the_code_that_confirmed_it_does_not_sign_in(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app = App(mfa.begin_enrolment(alice).secret)
    mfa.confirm_enrolment(alice, code_of(app))
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, code_of(app))


def test_a_backup_code_counts_once_however_it_is_typed(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    _app, codes = enrol(alice)
    mfa.verify(alice, codes[0].upper().replace("-", " "))
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, codes[0])
    mfa.verify(alice, codes[1])
    assert mfa.backup_codes_left(alice) == 8


def test_backup_codes_are_too_random_for_their_plain_hashes_to_be_guessed(clock: time_machine.Traveller) -> None:
    _app, codes = enrol(people.alice())
    assert all(set(code) <= BASE32 | {"-"} for code in codes)
    assert all(len(code.replace("-", "")) * log2(len(BASE32)) >= 112 for code in codes)


def test_a_backup_code_is_good_for_its_owner_only(clock: time_machine.Traveller) -> None:
    alice, bob = people.alice(), people.bob()
    _app, codes = enrol(alice)
    enrol(bob)
    with pytest.raises(WrongCredentials):
        mfa.verify(bob, codes[0])


def test_new_backup_codes_void_the_old(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, codes = enrol(alice)
    new = mfa.renew_backup_codes(alice, code_of(app))
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, codes[0])
    mfa.verify(alice, new[0])


@pytest.mark.parametrize("code", ["", "12345", "1234567", "१२३४५६", "𝟘𝟘𝟘𝟘𝟘𝟘", "x" * 10_000, "-", "ß", "١٢٣٤٥٦"])
def test_odd_input_is_a_wrong_code(clock: time_machine.Traveller, code: str) -> None:
    alice = people.alice()
    enrol(alice)
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, code)


# --- Guessing -------------------------------------------------------------------------------------------------------


def test_ten_wrong_codes_lock_it_and_each_ten_more_for_twice_as_long(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, codes = enrol(alice)
    for minutes in (10, 20, 40):
        for _guess in range(10):
            with pytest.raises(WrongCredentials):
                mfa.verify(alice, wrong(app))
        clock.shift(timedelta(minutes=minutes) - timedelta(seconds=1))
        for right in (code_of(app), codes[0]):
            with pytest.raises(LockedOut) as locked:
                mfa.verify(alice, right)
            assert locked.value.wait == 1
        clock.shift(1)
    mfa.verify(alice, code_of(app))
    assert Authenticator.objects.get().throttling_failure_count == 0


def test_second_factor_is_locked_for_a_day_at_most(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    Authenticator.objects.update(throttling_failure_count=9_999_999)
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, wrong(app))
    clock.shift(timedelta(days=1))
    mfa.verify(alice, code_of(app))


def test_wrong_codes_are_kept_in_the_audit_without_the_code(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, wrong(app))
    entry = Entry.objects.get(verb=Action.SIGN_IN_FAILED)
    assert (entry.actor_id, entry.target_id, entry.reason, entry.detail) == (None, str(alice.pk), "", {"given": "code"})


@pytest.mark.django_db(transaction=True)
def test_a_code_verifies_once_among_twenty() -> None:
    alice = people.alice()
    app, codes = enrol(alice)
    for code in (code_of(app, 1), codes[0]):
        results = at_once([partial(mfa.verify, alice, code)] * 20)
        assert len(won(results)) == 1
        Authenticator.objects.update(throttling_failure_count=0, locked_until=None)


@pytest.mark.django_db(transaction=True)
def test_twenty_wrong_guesses_at_once_get_ten_answers() -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    results = at_once([partial(mfa.verify, alice, wrong(app))] * 20)
    assert [result.code for result in results].count("otp-wrong") == 10
    assert [result.code for result in results].count("otp-locked") == 10


# --- Giving it up ---------------------------------------------------------------------------------------------------


def test_second_factor_is_removed_with_password_and_code(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    with pytest.raises(Invalid) as refused:
        mfa.disable(alice, password="not it", code=code_of(app))
    assert refused.value.field == "password"
    with pytest.raises(Invalid) as refused:
        mfa.disable(alice, password=people.PASSWORD, code=wrong(app))
    assert refused.value.field == "otp"
    mfa.disable(alice, password=people.PASSWORD, code=code_of(app))
    assert not mfa.is_enabled(alice)
    assert not BackupCode.objects.exists()


@override_settings(STAFF_MFA="required")
def test_staff_keep_it_where_it_is_required(clock: time_machine.Traveller) -> None:
    staff = people.compliance()
    app, _codes = enrol(staff)
    with pytest.raises(Refused):
        mfa.disable(staff, password=people.PASSWORD, code=code_of(app))
    assert mfa.is_enabled(staff)


def test_second_factor_changes_send_email(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    mfa.disable(alice, password=people.PASSWORD, code=code_of(app))
    run_jobs()
    assert [message.subject for message in mail.outbox] == [
        "Your Infloo account has a second factor now",
        "Your Infloo account has no second factor any more",
    ]
    assert mail.outbox[0].to == [alice.email]


# --- Lost devices ---------------------------------------------------------------------------------------------------


@pytest.fixture
def one(db: None) -> User:
    return people.access()


@pytest.fixture
def another(db: None) -> User:
    return people.make_staff("access2", "Access Manager")


def test_two_of_the_access_desk_reset_a_lost_device(one: User, another: User) -> None:
    alice = people.alice()
    enrol(alice)
    api_sessions.begin(alice)
    reset = mfa_resets.ask_reset(one, alice.pk, reason="phone stolen, known by voice")
    assert mfa.is_enabled(alice)
    assert Session.objects.live().exists()

    mfa_resets.confirm_reset(another, reset.pk)
    assert not mfa.is_enabled(alice)
    assert not Session.objects.live().exists()
    entry = Entry.objects.get(verb=Action.MFA_RESET)
    assert (entry.actor, entry.target_id, entry.reason) == (another, str(alice.pk), "phone stolen, known by voice")
    assert [version.history_user for version in reset.history.order_by("history_id")] == [one, another]
    run_jobs()
    assert mail.outbox[-1].subject == "The second factor of your Infloo account was reset"


def test_resets_need_a_second_officer(one: User) -> None:
    alice = people.alice()
    enrol(alice)
    reset = mfa_resets.ask_reset(one, alice.pk, reason="lost")
    with pytest.raises(Refused) as refused:
        mfa_resets.confirm_reset(one, reset.pk)
    assert refused.value.code == "second-person-needed"
    assert mfa.is_enabled(alice)


def test_staff_cannot_take_part_in_their_own_reset(one: User, another: User) -> None:
    enrol(one)
    with pytest.raises(Refused):
        mfa_resets.ask_reset(one, one.pk, reason="lost")
    reset = mfa_resets.ask_reset(another, one.pk, reason="lost")
    with pytest.raises(Refused):
        mfa_resets.confirm_reset(one, reset.pk)


@pytest.mark.parametrize(("asked_by", "confirmed_by"), [("one", "one"), ("one", "alice"), ("alice", "one")])
def test_the_database_wants_three_people(one: User, asked_by: str, confirmed_by: str) -> None:
    cast = {"one": one, "alice": people.alice()}
    with pytest.raises(IntegrityError, match="mfa_reset_three_people"), transaction.atomic():
        MfaReset.objects.create(
            user=cast["alice"],
            reason="lost",
            asked_by=cast[asked_by],
            confirmed_by=cast[confirmed_by],
            confirmed_at=timezone.now(),
        )


def test_resets_expire_unconfirmed_after_a_day(one: User, another: User, clock: time_machine.Traveller) -> None:
    alice = people.alice()
    enrol(alice)
    reset = mfa_resets.ask_reset(one, alice.pk, reason="lost")
    with pytest.raises(Conflict):
        mfa_resets.ask_reset(another, alice.pk, reason="lost")
    clock.shift(timedelta(hours=24))
    with pytest.raises(Conflict):
        mfa_resets.confirm_reset(another, reset.pk)
    assert mfa.is_enabled(alice)
    mfa_resets.confirm_reset(another, mfa_resets.ask_reset(one, alice.pk, reason="lost").pk)
    assert not mfa.is_enabled(alice)


def test_a_reset_is_carried_out_once(one: User, another: User) -> None:
    alice = people.alice()
    enrol(alice)
    reset = mfa_resets.ask_reset(one, alice.pk, reason="lost")
    mfa_resets.confirm_reset(another, reset.pk)
    enrol(alice)
    with pytest.raises(Conflict):
        mfa_resets.confirm_reset(another, reset.pk)
    assert mfa.is_enabled(alice)


@pytest.mark.parametrize("group", ["Compliance Officer", "Community Manager", "User Support Specialist"])
def test_other_desks_reset_nothing(one: User, group: str) -> None:
    alice, other = people.alice(), people.make_staff("other", group)
    enrol(alice)
    with pytest.raises(Refused):
        mfa_resets.ask_reset(other, alice.pk, reason="lost")
    reset = mfa_resets.ask_reset(one, alice.pk, reason="lost")
    with pytest.raises(Refused):
        mfa_resets.confirm_reset(other, reset.pk)


def test_resets_of_superusers_need_superusers(one: User, another: User) -> None:
    root, other_root = people.admin(), people.make_staff("admin2", is_superuser=True)
    enrol(root)
    with pytest.raises(Refused):
        mfa_resets.ask_reset(one, root.pk, reason="lost")
    reset = mfa_resets.ask_reset(other_root, root.pk, reason="lost")
    with pytest.raises(Refused):
        mfa_resets.confirm_reset(another, reset.pk)


def test_a_reset_needs_a_reason_and_something_to_reset(one: User) -> None:
    alice = people.alice()
    with pytest.raises(Conflict):
        mfa_resets.ask_reset(one, alice.pk, reason="lost")
    enrol(alice)
    for reason in ("", "  ", "x" * 501):
        with pytest.raises(Invalid):
            mfa_resets.ask_reset(one, alice.pk, reason=reason)


def test_the_last_superuser_is_reset_by_a_command() -> None:
    root = people.admin()
    enrol(root)
    call_command("reset_mfa", "admin", verbosity=0)
    assert not mfa.is_enabled(root)
    assert Entry.objects.get(verb=Action.MFA_RESET).actor is None


# --- Secrets --------------------------------------------------------------------------------------------------------


def test_keys_and_codes_are_nowhere_in_the_database(one: User, another: User) -> None:
    alice = people.alice()
    app, codes = enrol(alice)
    code = code_of(app, 1)
    mfa.verify(alice, code)
    mfa.verify(alice, codes[0])
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, codes[0])
    assert app.secret not in Authenticator.objects.get().encrypted_key
    for secret in (app.secret, code, *codes, *(code.replace("-", "") for code in codes)):
        assert not tables_with(secret), secret


def tables_with(text: str) -> list[str]:
    """Every table of the database with a row that contains `text` in any of its columns."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT 1 FROM "{table}" t WHERE t::text LIKE %s LIMIT 1', [f"%{text}%"])  # noqa: S608
            if cursor.fetchone():
                found.append(table)
        return found


def test_keys_and_codes_are_not_logged(caplog: pytest.LogCaptureFixture, clock: time_machine.Traveller) -> None:
    caplog.set_level(logging.DEBUG)
    alice = people.alice()
    app, codes = enrol(alice)
    code = code_of(app)
    mfa.verify(alice, code)
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, code)
    mfa.verify(alice, codes[0])
    run_jobs()
    for secret in (app.secret, code, codes[0]):
        assert secret not in "\n".join(
            record.getMessage() for record in caplog.records if record.name != "django.db.backends"
        )


def test_keys_move_on_to_the_newest_of_the_installation(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    old, new = "o" * 32, "n" * 32
    with override_settings(MFA_KEYS=[old]):
        app, _codes = enrol(alice)
    with override_settings(MFA_KEYS=[new, old]):
        mfa.verify(alice, code_of(app))
    clock.shift(60)
    with override_settings(MFA_KEYS=[new]):
        mfa.verify(alice, code_of(app))
    with override_settings(MFA_KEYS=[old]), pytest.raises(Conflict):
        mfa.verify(alice, code_of(app, 1))
