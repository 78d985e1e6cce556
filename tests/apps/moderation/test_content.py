"""Kinds of content that can be reported: each one is known wherever one is needed."""

from __future__ import annotations

import pytest

from admin_dashboards.moderation.reported_content import reported_content
from apps.moderation.content import content_of
from apps.moderation.models import Report
from apps.notifications.texts import TARGETS
from apps.review.reportable import reportable_contents


def test_each_kind_has_one_class_of_its_app_and_one_of_the_console() -> None:
    assert set(reportable_contents()) == set(Report.Kind.values) == set(TARGETS)
    for kind in Report.Kind.values:
        assert content_of(kind).kind == kind
        assert reported_content(kind)


def test_only_existing_kinds_have_a_class() -> None:
    with pytest.raises(KeyError):
        content_of("room")


def test_proof_and_editable_fields_are_fields_of_the_snapshot() -> None:
    for content in reportable_contents().values():
        names = {path.rpartition(".")[2] for path in content.text_fields}
        assert content.proof_fields <= names
        assert set(content.editable_fields) <= names
        assert bool(content.editable_fields) == (content.edit_permission is not None)
