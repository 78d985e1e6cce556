"""Uploaded files between the preview of an import and its confirmation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.utils.translation import gettext as _
from import_export.tmp_storages import BaseStorage

from apps.errors import Unavailable
from apps.infra import valkey

if TYPE_CHECKING:
    from redis import Redis


class PendingFile(BaseStorage):
    """A file between preview and confirmation, kept where every web process finds it: in Valkey, for half an hour.

    Raises `Unavailable` while it cannot be kept, found or removed there.
    """

    LASTS = 1800

    def save(self, data: bytes) -> None:
        self.name = uuid4().hex
        with self._asked() as client:
            client.set(self._key, data, ex=self.LASTS)

    def read(self) -> Any:
        with self._asked() as client:
            return client.get(self._key)

    def remove(self) -> None:
        with self._asked() as client:
            client.delete(self._key)

    @property
    def _key(self) -> str:
        return f"import:{self.name}"

    @contextmanager
    def _asked(self) -> Iterator[Redis]:
        try:
            with valkey.asked() as client:
                yield client
        except valkey.Away:
            raise Unavailable(
                "try-again", _("Files cannot be imported at the moment. Nothing was changed. Try again shortly.")
            ) from None
