"""Django's sessions in the database, read by a statement that is prepared: each page of the console asks for one."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import CharField
from django.utils import timezone

from apps.visibility.slots import NOW, Slot
from apps.visibility.statement import Statement

KEY = Slot("key", CharField())


class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        found: list[Session] = _unexpired().rows({"key": self.session_key, "now": timezone.now()})
        if found:
            return found[0]
        kept: Any = self
        kept._session_key = None
        return None


@cache
def _unexpired() -> Statement:
    return Statement(Session.objects.filter(session_key=KEY, expire_date__gt=NOW))
