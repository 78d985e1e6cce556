"""Every list is paged the same way."""

from __future__ import annotations

import pytest

from tests.client import api, assert_problem
from tests.people import alice, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def crowd() -> None:
    for number in range(24):
        make_user(f"person{number:02}")


def test_ten_a_page_unless_asked_otherwise(crowd: None) -> None:
    client = api(alice())
    page = client.get("/users").json()
    assert set(page) == {"count", "next", "previous", "results"}
    assert page["count"] == 25
    assert len(page["results"]) == 10
    assert page["previous"] is None
    assert page["next"] == "http://testserver/api/users?page=2"
    assert len(client.get("/users", page_size=25).json()["results"]) == 25
    assert client.get("/users", page_size=25).json()["next"] is None


def test_next_and_previous_lead_through_all_and_keep_the_filters(crowd: None) -> None:
    client = api(alice())
    seen: list[str] = []
    address: str | None = "/api/users?search=person&verified=true&page_size=10"
    before = None
    while address:
        page = client.client.get(address, headers=client.headers).json()
        assert page["previous"] is None or "search=person" in page["previous"]
        assert (page["previous"] is None) == (before is None)
        seen += [person["username"] for person in page["results"]]
        before, address = address, page["next"]
    assert seen == [f"person{number:02}" for number in range(24)]


@pytest.mark.parametrize("size", ["0", "5", "11", "101", "1000", "-10", "ten", "", "10.5", "9" * 30])
def test_any_other_size_is_invalid(size: str) -> None:
    problem = assert_problem(api(alice()).get("/users", page_size=size), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["page_size"]


@pytest.mark.parametrize("number", ["0", "-1", "one", "", "1.5", "9" * 5000])
def test_malformed_page_numbers_are_invalid(number: str) -> None:
    problem = assert_problem(api(alice()).get("/users", page=number), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["page"]


@pytest.mark.parametrize("number", ["2", "3", "1000000", "9" * 30])
def test_a_page_past_the_end_is_absent(number: str) -> None:
    assert_problem(api(alice()).get("/users", page=number), 404, "no-such-page")


def test_the_first_page_of_nothing_is_empty() -> None:
    answer = api(alice()).get("/users/verify")
    assert answer.status_code == 200
    assert answer.json() == {"count": 0, "next": None, "previous": None, "results": []}
