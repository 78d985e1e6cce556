"""The key that checkpoints are signed with, and those that verification trusts. Written as C2SP signed-note has it."""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.utils.translation import gettext as _

from apps.errors import Conflict, Invalid
from infloo_verify import ED25519, Key, Unreadable

PREFIX = "PRIVATE+KEY+"


@dataclass(frozen=True)
class SigningKey:
    """A private key by its name, which is the origin of the log."""

    name: str
    private: Ed25519PrivateKey

    @classmethod
    def new(cls, name: str) -> SigningKey:
        """Raises `Invalid` for what cannot be a name."""
        key = cls(name, Ed25519PrivateKey.generate())
        return cls.read(str(key))

    @classmethod
    def read(cls, text: str) -> SigningKey:
        """Raises `Invalid`."""
        name, _plus, rest = text.strip().removeprefix(PREFIX).partition("+")
        number, _plus, data = rest.partition("+")
        try:
            raw = base64.b64decode(data, validate=True)
            key = cls(name, Ed25519PrivateKey.from_private_bytes(raw[1:]))
            is_whole = raw[:1] == bytes([ED25519]) and Key.read(str(key.public)).id.hex() == number
        except (binascii.Error, ValueError, Unreadable):
            is_whole = False
        if not is_whole or not text.strip().startswith(PREFIX):
            raise Invalid("log-key", _("The signing key has not the form of `manage.py audit key --new NAME`."))
        return key

    @property
    def public(self) -> Key:
        return Key(self.name, self.private.public_key().public_bytes_raw())

    def __str__(self) -> str:
        data = base64.b64encode(bytes([ED25519]) + self.private.private_bytes_raw()).decode()
        return f"{PREFIX}{self.name}+{self.public.id.hex()}+{data}"

    def __repr__(self) -> str:
        return f"SigningKey({self.public})"

    def sign(self, text: str) -> str:
        """The signed note of a text that ends with a line break."""
        signature = base64.b64encode(self.public.id + self.private.sign(text.encode())).decode()
        return f"{text}\n— {self.name} {signature}\n"


def signing_key() -> SigningKey:
    """Raises `Conflict` where none is set. Under DEBUG one is made and kept in var/."""
    if settings.LOG_SIGNING_KEY:
        return SigningKey.read(settings.LOG_SIGNING_KEY)
    if settings.LOG_KEY_FILE is None:
        raise Conflict("log-key-missing", _("LOG_SIGNING_KEY is not set: checkpoints of the log are not signed."))
    return SigningKey.read(_kept(Path(settings.LOG_KEY_FILE)))


def _kept(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text()
    with os.fdopen(number, "w") as made:
        made.write(text := str(SigningKey.new("infloo.localhost/log")))
    return text


def trusted_keys() -> list[Key]:
    """The public keys of the log: that of the signing key, where this process has it, and those of LOG_VERIFIER_KEYS.

    Raises `Invalid` where one cannot be read.
    """
    try:
        keys = [Key.read(text) for text in settings.LOG_VERIFIER_KEYS]
    except Unreadable as error:
        raise Invalid("log-key", _("LOG_VERIFIER_KEYS: %(what)s.") % {"what": error}) from None
    if settings.LOG_SIGNING_KEY or settings.LOG_KEY_FILE is not None:
        keys.insert(0, signing_key().public)
    return keys


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """As `infloo_verify.is_signed`, by the library: fifty times as fast."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
