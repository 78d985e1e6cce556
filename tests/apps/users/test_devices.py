"""Devices of the second factor under django-otp: its traps, and rows of the release before."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterator
from functools import partial

import django_otp
import pytest
import time_machine
from django.contrib import admin
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone
from django_otp.models import Device
from django_otp.oath import TOTP

from apps.audit.actions import Action
from apps.audit.models import Entry
from apps.errors import LockedOut, WrongCredentials
from apps.users.authentication import mfa
from apps.users.models.second_factors import Authenticator, BackupCodes
from tests import people
from tests.authenticator import RFC_KEY, SEALED_RFC_KEY, App, code_of, enrol, wrong
from tests.races import at_once, lost, won

pytestmark = pytest.mark.django_db

# RFC 6238, appendix B: the key, and what an app with eight digits shows at these times.
RFC_CODES = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-06-01 12:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.mark.parametrize(("seconds", "code"), RFC_CODES.items())
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert App(b32encode(RFC_KEY).decode()).code_at(seconds, digits=8) == code
    totp = TOTP(RFC_KEY, step=30, digits=8)
    totp.time = seconds
    assert f"{totp.token():08}" == code


def test_a_user_has_one_device_to_the_library_and_it_is_confirmed_by_its_first_code() -> None:
    alice = people.alice()
    mfa.begin_enrolment(alice)
    assert not django_otp.user_has_device(alice)
    mfa.confirm_enrolment(alice, code_of(App(Authenticator.objects.get().secret)))
    [device] = django_otp.devices_for_user(alice)
    assert device.persistent_id == f"users.authenticator/{device.pk}"
    assert isinstance(Device.from_persistent_id(f"users.backupcodes/{device.pk}"), BackupCodes)


def test_a_code_names_the_device_that_it_is_of(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, codes = enrol(alice)
    assert mfa.verify(alice, code_of(app)).persistent_id.startswith("users.authenticator/")
    assert mfa.verify(alice, codes[0]).persistent_id.startswith("users.backupcodes/")
    assert Authenticator.objects.get().last_used_at == timezone.now()


@pytest.mark.parametrize("typed", ["{0} {1}", "{0}-{1}", " {0}\u00a0{1}\t", "{0}\u2013{1}", "\u200b{0}{1}\n"])
def test_blanks_and_dashes_in_a_code_do_not_matter(clock: time_machine.Traveller, typed: str) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    code = code_of(app)
    mfa.verify(alice, typed.format(code[:3], code[3:]))


def test_two_phones_with_one_key_do_not_shut_each_other_out(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    for periods in (1, -1, 1, -1, 0):
        clock.shift(120)
        mfa.verify(alice, code_of(app, periods))


def test_a_slip_of_the_finger_costs_no_time(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    for _guess in range(9):
        with pytest.raises(WrongCredentials):
            mfa.verify(alice, wrong(app))
    mfa.verify(alice, code_of(app))


def test_wrong_backup_codes_and_wrong_codes_of_the_app_are_one_count(clock: time_machine.Traveller) -> None:
    alice = people.alice()
    app, codes = enrol(alice)
    for guess in range(10):
        with pytest.raises(WrongCredentials):
            mfa.verify(alice, wrong(app) if guess % 2 else "abcd-efgh-ijkl-mnop")
    for right in (code_of(app), codes[0]):
        with pytest.raises(LockedOut):
            mfa.verify(alice, right)


@pytest.mark.django_db(transaction=True)
def test_a_wrong_code_is_counted_whatever_becomes_of_the_transaction_around_it() -> None:
    alice = people.alice()
    app, _codes = enrol(alice)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        mfa.verify(alice, wrong(app))
    with pytest.raises(WrongCredentials):
        mfa.verify(alice, wrong(app))
    assert Authenticator.objects.get().throttling_failure_count == 1
    assert Entry.objects.filter(verb=Action.SIGN_IN_FAILED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_right_and_wrong_codes_are_counted_apart() -> None:
    alice = people.alice()
    app, codes = enrol(alice)
    right = [partial(mfa.verify, alice, code) for code in (code_of(app, 1), *codes[:4])]
    results = at_once([*right, *[partial(mfa.verify, alice, wrong(app))] * 5])
    assert len(won(results)) == 5
    assert lost(results) == {(WrongCredentials, "otp-wrong")}
    assert mfa.backup_codes_left(alice) == 6
    assert Authenticator.objects.get().last_step == int(timezone.now().timestamp()) // 30 + 1


@pytest.mark.django_db(transaction=True)
def test_beginning_anew_at_the_same_time_does_not_undo_a_confirmation() -> None:
    alice = people.alice()
    for _round in range(5):
        app = App(mfa.begin_enrolment(alice).secret)
        confirm = partial(mfa.confirm_enrolment, alice, code_of(app))
        confirmed, *_begun = at_once([confirm, *[partial(mfa.begin_enrolment, alice)] * 6])
        assert mfa.is_enabled(alice) is isinstance(confirmed, list)
        assert mfa.backup_codes_left(alice) == (10 if isinstance(confirmed, list) else 0)
        Authenticator.objects.all().delete()


def test_no_page_of_the_console_lists_devices() -> None:
    assert not [model for model in admin.site._registry if issubclass(model, Device)]


# --- The release before ---------------------------------------------------------------------------------------------

# As that release wrote them, with a MFA_KEY of 32 times "o"; the codes are of the authenticator 4711.


@pytest.mark.django_db(transaction=True)
def test_the_release_before_may_go_on_serving_beside_this_one() -> None:
    alice = people.alice()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO users_authenticator"
            " (user_id, sealed_key, begun_at, confirmed_at, last_step, failures, locked_until)"
            " VALUES (%s, %s, now(), now(), 0, 0, NULL)",
            [alice.pk, SEALED_RFC_KEY],
        )
    assert mfa.is_enabled(alice)
    with override_settings(MFA_KEYS=["o" * 32]):
        mfa.verify(alice, code_of(App(b32encode(RFC_KEY).decode())))
