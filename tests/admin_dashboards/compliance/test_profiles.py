"""Profiles in the console, for support: what people show, with mail and phone masked."""

from typing import Any

import pytest

from tests import people
from tests.console import console

pytestmark = pytest.mark.django_db
PROFILES = "/admin/users/profile/"


def test_mail_and_phone_are_masked_everywhere() -> None:
    alice = people.make_user("alice", phone="+1 555 0123")
    client = console(people.support())
    own = f"{PROFILES}{alice.profile.pk}/"
    for page in (client.get(PROFILES), client.get(f"{own}change/"), client.get(f"{own}history/")):
        text = page.content.decode()
        assert "alice@" not in text
        assert "0123" not in text
    assert "a•••@example.com" in client.get(PROFILES).content.decode()
    assert "•••23" in client.get(PROFILES).content.decode()


def test_profiles_are_found_by_user_name_and_not_by_mail() -> None:
    people.alice()
    people.bob()
    client = console(people.support())
    page = client.get(PROFILES, {"q": "bob"}).content.decode()
    assert "b•••@example.com" in page
    assert "a•••@example.com" not in page
    assert "a•••@example.com" not in client.get(PROFILES, {"q": "alice@example.com"}).content.decode()


def test_profiles_are_narrowed_down_by_role_and_badge() -> None:
    people.alice()
    people.bob()
    people.newton()
    client = console(people.support())
    assert "a•••@" not in client.get(PROFILES, {"user__role__exact": "brand"}).content.decode()
    unverified = client.get(PROFILES, {"user__identity_verified__exact": "0"}).content.decode()
    assert "n•••@" in unverified
    assert "a•••@" not in unverified


def test_staff_are_not_among_the_profiles() -> None:
    staff = people.community()
    client = console(people.support())
    assert "c•••@staff" not in client.get(PROFILES).content.decode()
    assert client.get(f"{PROFILES}{staff.profile.pk}/change/").status_code == 404


def test_links_of_strangers_are_text() -> None:
    alice = people.alice()
    alice.profile.social_links = {"web": "https://evil.example/<script>"}
    alice.profile.save()
    page = console(people.support()).get(f"{PROFILES}{alice.profile.pk}/change/").content.decode()
    assert "https://evil.example/&lt;script&gt;" in page
    assert 'href="https://evil' not in page


def test_a_page_of_profiles_takes_the_same_queries_however_full_it_is(django_assert_num_queries: Any) -> None:
    client = console(people.support())
    client.get(PROFILES)
    for number in range(3):
        people.make_user(f"friend{number}")
        with django_assert_num_queries(8):
            client.get(PROFILES)
