"""Desks, tables and pages of objects as they register with the console."""

from __future__ import annotations

from django.urls import reverse

from admin_dashboards.registry import desks, object_pages, queue_desks, table_for
from admin_dashboards.review.desk import WorkDesk
from apps.access import models_with_row_grants
from apps.users.models import Profile


def test_desks_come_in_the_order_of_the_menu() -> None:
    assert [desk.slug for desk in desks()] == [
        "compliance",
        "moderation/appeals",
        "moderation",
        "access",
        "support",
        "privacy",
    ]
    assert len({desk.order for desk in desks()}) == len(desks())


def test_queue_desks_are_the_desks_with_a_queue() -> None:
    assert [desk for desk in desks() if isinstance(desk, WorkDesk)] == queue_desks()


def test_every_model_with_object_permissions_has_the_page_of_them() -> None:
    for model in models_with_row_grants():
        assert [page.name for page in object_pages(model)] == ["permissions"]
        table = table_for(model)
        assert table is not None
        assert reverse(table.address("permissions"), args=[1]).endswith("/1/permissions/")


def test_models_without_object_permissions_have_no_page_of_them() -> None:
    assert object_pages(Profile) == []
