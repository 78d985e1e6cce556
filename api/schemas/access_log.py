"""Views by staff of a user's own data, as that user may know of them."""

from __future__ import annotations

from api.schemas.common import Time
from api.schemas.notifications import TargetOut
from api.schemas.output import Output
from apps.audit.models import Entry
from apps.users.accounts.access_log import ViewKind, kind_of, view_reason, view_text


class LookOut(Output):
    """What was viewed, when and why. Never by whom."""

    id: int
    kind: ViewKind
    text: str
    target: TargetOut | None
    """The document or message that was viewed; null where it was the account."""
    field: str | None
    """Of what is masked for staff, which field they saw, or found the person by."""
    reason: str
    created_at: Time

    @staticmethod
    def resolve_kind(entry: Entry) -> ViewKind:
        return kind_of(entry)

    @staticmethod
    def resolve_text(entry: Entry) -> str:
        return view_text(entry)

    @staticmethod
    def resolve_target(entry: Entry) -> dict[str, str | int] | None:
        kind = entry.target_type.partition(".")[2]
        return None if kind == "user" else {"kind": kind, "id": int(entry.target_id)}

    @staticmethod
    def resolve_field(entry: Entry) -> str | None:
        return entry.detail.get("field")

    @staticmethod
    def resolve_reason(entry: Entry) -> str:
        return view_reason(entry)
