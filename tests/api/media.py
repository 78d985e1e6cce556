"""Files fetched by their addresses."""

from __future__ import annotations

from typing import Any

from django.test import Client


def get(address: str, **headers: str) -> Any:
    return Client().get(address, headers=headers)


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)
