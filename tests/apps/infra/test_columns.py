from __future__ import annotations

import pytest
from django.core.exceptions import FieldDoesNotExist

from apps.infra.columns import column
from apps.users.models import User


def test_columns_are_found_by_name() -> None:
    assert column(User, "email") is User._meta.get_field("email")


def test_relations_without_a_column_are_refused() -> None:
    with pytest.raises(TypeError, match="stories is no column of User"):
        column(User, "stories")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(FieldDoesNotExist):
        column(User, "nickname")
