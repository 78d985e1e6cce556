"""Hashes of passwords and codes, counted: how long an answer takes tells nothing where they are as many."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher


def counted_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The list that each text is added to that is hashed from now on."""
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counting(hasher: MD5PasswordHasher, text: str, salt: str) -> str:
        hashed.append(text)
        return encode(hasher, text, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    return hashed
