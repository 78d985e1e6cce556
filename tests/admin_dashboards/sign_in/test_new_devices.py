"""Sign-ins from devices that are new to an account."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client

from tests import people
from tests.admin_dashboards.sign_in.steps import (
    sign_in,
)
from tests.jobs import run_jobs

pytestmark = pytest.mark.django_db


# --- New devices ----------------------------------------------------------------------------------------------------


def letters() -> list[str]:
    run_jobs()
    return [str(letter.subject) for letter in mail.outbox]


def test_sign_ins_from_new_devices_alone_send_email() -> None:
    staff = people.compliance()
    laptop = sign_in(staff, agent="Firefox")
    assert not letters(), "the first sign-in of an account is no news"
    laptop.post("/admin/logout/")
    sign_in(staff, laptop, agent="Firefox 2")
    assert not letters(), "its cookie makes it known, whatever it calls itself"
    sign_in(staff, agent="Firefox")
    assert not letters(), "the same browser at the same address, without its cookie"
    sign_in(staff, agent="Lynx")
    assert letters() == ["A new device signed in to your Infloo account"]
    assert mail.outbox[0].to == [staff.email]
    assert "Lynx" in mail.outbox[0].body
    assert "127.0.0.1" in mail.outbox[0].body


def test_a_device_is_known_for_whom_it_signed_in() -> None:
    one, another = people.compliance(), people.community()
    sign_in(another, agent="Firefox")
    shared = sign_in(one, agent="Lynx")
    shared.post("/admin/logout/")
    sign_in(another, shared, agent="Lynx")
    assert len(letters()) == 1
    shared.post("/admin/logout/")
    sign_in(one, shared, agent="Lynx 2")
    assert len(letters()) == 1


def test_a_made_up_cookie_makes_nothing_known() -> None:
    staff = people.compliance()
    sign_in(staff, agent="Firefox")
    stranger = Client()
    stranger.cookies[settings.DEVICE_COOKIE_NAME] = f"{staff.pk}:abc:def"
    sign_in(staff, stranger, agent="Lynx")
    assert len(letters()) == 1
