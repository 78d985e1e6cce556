"""Answers read the same whichever way they were written."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from ninja.renderers import JSONRenderer

from api.renderer import FastRenderer
from apps.stories.models import Story

VALUES = [
    datetime(2026, 1, 2, 3, 4, 5, 678_999, UTC),
    datetime(2026, 1, 2, 3, 4, 5, 0, UTC),
    datetime(2026, 1, 2, 3, 4, 5, 1, timezone(timedelta(hours=-3))),
    datetime(2026, 1, 2, 3, 4, 5, 678_999),  # noqa: DTZ001
    date(2026, 1, 2),
    time(3, 4, 5, 678_999),
    timedelta(days=1, seconds=2),
    Decimal("1.10"),
    UUID(int=5),
    gettext_lazy("Sign in first."),
    Story.Audience.PUBLIC,
    2**64,
    {1: "a number as a name"},
    "half of a pair \ud800",
    'é "quoted" \u2028 \x00 \x7f 😀 </script>',
    (1, 2.5, -0.0, 1e22, None, True),
]


def written(renderer: JSONRenderer, value: object) -> object:
    return json.loads(renderer.render(HttpRequest(), value, response_status=200))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_each_kind_of_value_reads_as_ninja_writes_it(value: object) -> None:
    assert written(FastRenderer(), {"value": [value]}) == written(JSONRenderer(), {"value": [value]})


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(
    st.recursive(
        SCALARS | st.datetimes(timezones=st.just(UTC)),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_answer_reads_as_ninja_writes_it(value: object) -> None:
    assert written(FastRenderer(), value) == written(JSONRenderer(), value)
