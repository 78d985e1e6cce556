"""Fixtures of the tests of the access desk."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.users.models import User
from tests import people
from tests.console import console


@pytest.fixture
def manager() -> User:
    return people.access()


@pytest.fixture
def desk(manager: User) -> Client:
    client = console(manager)
    client.get("/admin/jsi18n/")  # its session begins here
    return client
