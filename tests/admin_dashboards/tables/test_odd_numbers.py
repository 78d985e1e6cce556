"""Addresses and searches with numbers that no row has, some of which are none."""

import re

import pytest
from django.urls import reverse

from tests import people
from tests.console import console
from tests.factories import make_event
from tests.permissions.console_scene import addresses

pytestmark = pytest.mark.django_db

# Digits of another script, which Python reads too, and more of them than it reads at all.
ODD = ["\uff11", "9" * 5000]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd[:20])
def test_no_row_is_found_by_an_odd_number(odd: str) -> None:
    make_event(people.alice())
    client = console(people.admin())
    for name, route in addresses().items():
        if "<path:object_id>/" not in route or route.endswith("<path:object_id>/"):
            continue
        address = re.sub(r"<[^>]*>", odd, route)
        assert client.get(address).status_code in (403, 404, 405), name


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd[:20])
def test_an_odd_number_can_be_searched_for(odd: str) -> None:
    client = console(people.admin())
    for name in addresses():
        if name.endswith("_changelist") or name == "desk_support":
            response = client.get(reverse(f"admin:{name}"), {"q": odd})
            assert response.status_code == 200, name
