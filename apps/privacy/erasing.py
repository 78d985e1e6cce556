"""What erasing a user does to each table. A test holds that no column with personal data is missing here.

Rows that count, such as decisions, reports and documents, stay, without what is personal in them: figures of past
periods do not move. Rows that only join the user to others are deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Q

from apps.audit.actions import Action
from apps.audit.encryption import ERASED
from apps.audit.history import bulk_update_as, history_of
from apps.users.models import User

AT_ONCE = 1000
"""Rows of one statement where versions are written."""


@dataclass(frozen=True, slots=True)
class Blank:
    """Rows that stay, with these columns emptied. `by`: the paths to the user, of which one is enough."""

    by: tuple[str, ...]
    values: Mapping[str, Any]
    only_filled: tuple[str, ...] = ()
    """Columns that are emptied only where there is something, since a constraint reads them."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Rows that go. `by`: the paths to the user, of which one is enough."""

    by: tuple[str, ...]


RULES: dict[str, tuple[Blank | Delete, ...]] = {
    # What proofs were sent in and how they were decided stays; `retention.purge_documents` deletes the files.
    "users.document": (Blank(("owner",), {"file": "", "legal_name": "", "comment": "", "sha256": ""}),),
    "users.documentdetails": (Delete(("document__owner",)),),
    "users.documentkey": (Delete(("document__owner",)),),
    "users.documentfingerprint": (Delete(("document__owner",)),),
    "users.duplicatematch": (Delete(("document__owner", "other__owner")),),
    "users.profile": (
        Blank(
            ("user",),
            {"bio": "", "social_links": {}, "company_name": "", "business_category": "", "image": ""},
        ),
    ),
    "users.follow": (Delete(("follower", "followed")),),
    "users.block": (Delete(("blocker", "blocked")),),
    "users.mfareset": (Blank(("user",), {"reason": ERASED}),),
    "users.backupcode": (Delete(("authenticator__user",)),),
    "users.authenticator": (Delete(("user",)),),
    "users.passkey": (Delete(("user",)),),
    "django_otp_webauthn.webauthnuserhandle": (Delete(("user",)),),
    "users.resetcode": (Delete(("user",)),),
    "users.session": (Delete(("user",)),),
    "connections.connection": (Delete(("sender", "receiver")),),
    "events.event": (Blank(("host",), {"title": ERASED, "description": "", "location": ERASED, "removal_reason": ""}),),
    "stories.story": (Blank(("author",), {"content_file": "", "caption": "", "sha256": "", "removal_reason": ""}),),
    "stories.storyview": (Delete(("viewer", "story__author")),),
    "chat.message": (Blank(("sender",), {"text": "", "removal_reason": ""}),),
    # A report for another reason than those offered must say which.
    "moderation.report": (Blank(("reporter", "author"), {"note": ERASED}, only_filled=("note",)),),
    "moderation.appeal": (Blank(("author",), {"text": ERASED, "ruling": ERASED}, only_filled=("ruling",)),),
    "moderation.contentsnapshot": (Delete(("case__author",)),),
    "decisions.decision": (
        Blank(("subject",), {"text": "", "undo_reason": "", "before": {"erased": True}, "after": {}}),
    ),
    "desk.reveal": (Blank(("subject",), {"reason": ERASED}),),
    "notifications.notification": (Delete(("recipient",)),),
    "audit.use": (Delete(("user",)),),
    "privacy.legalhold": (Blank(("person",), {"reason": ERASED, "release_reason": ""}),),
    "privacy.dataexport": (Delete(("person",)),),
}
"""By model. Of the account itself see `anonymise`; of what names the user without a key, `erase_mentions`."""


def apply_rules(person: User) -> dict[str, int]:
    """Empty and delete what `RULES` says. Returns how many rows of each model."""
    counts: dict[str, int] = {}
    for label, rules in RULES.items():
        model = apps.get_model(label)
        for rule in rules:
            rows = model._default_manager.filter(_of(person, rule.by)).order_by("pk")
            counts[label] = _blank(rows, rule) if isinstance(rule, Blank) else _delete(rows)
    return {label: count for label, count in counts.items() if count}


def _of(person: User, paths: tuple[str, ...]) -> Q:
    found = Q()
    for path in paths:
        found |= Q(**{path: person.pk})
    return found


def _delete(rows: models.QuerySet[Any]) -> int:
    model = rows.model
    count = 0
    while batch := list(rows[:AT_ONCE]):
        if hasattr(model, "history"):
            for row in batch:
                row._history_user, row._change_action, row._change_reason = None, Action.ERASED, None
                row.delete()
        else:
            model._base_manager.filter(pk__in=[row.pk for row in batch]).delete()
        count += len(batch)
    return count


def _blank(rows: models.QuerySet[Any], rule: Blank) -> int:
    """Empty the columns; with a version of each row where its history has one of them."""
    model = rows.model
    filled = _is_filled(rule)
    tracked = set()
    if hasattr(model, "history"):
        tracked = {field.name for field in history_of(model).model.tracked_fields} & rule.values.keys()
    count, last = 0, None
    while batch := list((rows if last is None else rows.filter(pk__gt=last)).filter(filled)[:AT_ONCE]):
        last = batch[-1].pk
        for row in batch:
            for name, value in rule.values.items():
                if name not in rule.only_filled or getattr(row, name):
                    setattr(row, name, value)
        if tracked:
            bulk_update_as(None, batch, list(rule.values), action=Action.ERASED)
        else:
            model._base_manager.bulk_update(batch, list(rule.values))
        count += len(batch)
    return count


def _is_filled(rule: Blank) -> Q:
    """Whether a row has anything to empty."""
    found = Q()
    for name, value in rule.values.items():
        found |= ~Q(**{f"{name}__in": ["", value]}) if name in rule.only_filled else ~Q(**{name: value})
    return found


def anonymise(person: User) -> None:
    """Leave of the account a number: rows that stay belong to it."""
    # Neither is a name or an address that a user could sign up with.
    person.username, person.email, person.phone = f"erased#{person.pk}", f"erased#{person.pk}@invalid", ""
    person.is_active, person.identity_verified, person.language = False, False, "en"
    person.last_login = None
    person.set_unusable_password()
