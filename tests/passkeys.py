"""A passkey in a user's hand: an authenticator and its browser, written apart from the libraries that check them."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from apps.users.authentication import passkeys
from apps.users.models import Passkey, User
from tests.people import PASSWORD

PRESENT, VERIFIED, NEW_CREDENTIAL = 0x01, 0x04, 0x40
"""Flags of authenticator data (WebAuthn level 3, section 6.1)."""
ES256, EDDSA, RS256 = -7, -8, -257

type Json = dict[str, Any]


@dataclass
class Key:
    """One passkey, and what the browser around it says. Each field can be set to what it should not be."""

    alg: int = ES256
    origin: str = "http://localhost:8000"
    rp_id: str = "localhost"
    flags: int = PRESENT | VERIFIED
    counter: int = 0
    """How often it has signed; one that stays at 0 counts nothing."""
    step: int = 1
    extra: Json = field(default_factory=dict)
    """More members of the client data."""
    key_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes | None = None
    """The user that it was made for, as the server named them."""

    def __post_init__(self) -> None:
        self.private: Any
        if self.alg == ES256:
            self.private = ec.generate_private_key(ec.SECP256R1())
        elif self.alg == EDDSA:
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(65537, 2048)

    def make(self, options: Json) -> Json:
        """What `navigator.credentials.create` gives, as JSON."""
        assert {parameter["alg"] for parameter in options["pubKeyCredParams"]} == {ES256, EDDSA, RS256}
        assert options["authenticatorSelection"]["userVerification"] == "required"
        assert options["attestation"] == "none"
        self.handle = decoded(options["user"]["id"])
        attested = bytes(16) + len(self.key_id).to_bytes(2, "big") + self.key_id + self._public()
        data = self._data(NEW_CREDENTIAL) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": encoded(self._client_data("webauthn.create", options)),
            "attestationObject": encoded(attestation),
            "transports": ["internal", "hybrid"],
        }
        return self._credential(response) | {"clientExtensionResults": {"credProps": {"rk": True}}}

    def sign(self, options: Json) -> Json:
        """What `navigator.credentials.get` gives, as JSON."""
        assert options["userVerification"] == "required"
        self.counter += self.step
        data, client_data = self._data(0), self._client_data("webauthn.get", options)
        response = {
            "clientDataJSON": encoded(client_data),
            "authenticatorData": encoded(data),
            "signature": encoded(self._signature(data + hashlib.sha256(client_data).digest())),
            "userHandle": None if self.handle is None else encoded(self.handle),
        }
        return self._credential(response)

    def _credential(self, response: Json) -> Json:
        name = encoded(self.key_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
        }

    def _client_data(self, kind: str, options: Json) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(said | self.extra).encode()

    def _data(self, flags: int) -> bytes:
        domain = hashlib.sha256(self.rp_id.encode()).digest()
        return domain + bytes([self.flags | flags]) + self.counter.to_bytes(4, "big")

    def _signature(self, message: bytes) -> bytes:
        if self.alg == ES256:
            return bytes(self.private.sign(message, ec.ECDSA(SHA256())))
        if self.alg == EDDSA:
            return bytes(self.private.sign(message))
        return bytes(self.private.sign(message, padding.PKCS1v15(), SHA256()))

    def _public(self) -> bytes:
        """In COSE form (RFC 9053, sections 7.1 and 7.2; RFC 8230, section 4)."""
        key = self.private.public_key()
        if self.alg == ES256:
            numbers = key.public_numbers()
            x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
            return cbor2.dumps({1: 2, 3: ES256, -1: 1, -2: x, -3: y})
        if self.alg == EDDSA:
            return cbor2.dumps({1: 1, 3: EDDSA, -1: 6, -2: key.public_bytes_raw()})
        numbers = key.public_numbers()
        modulus, exponent = numbers.n.to_bytes(256, "big"), numbers.e.to_bytes(3, "big")
        return cbor2.dumps({1: 3, 3: RS256, -1: modulus, -2: exponent})


def register(user: User, name: str = "Phone", key: Key | None = None) -> tuple[Key, Passkey]:
    """A passkey of `user` that is registered already."""
    key = key or Key()
    options = passkeys.begin_registration(user, password=PASSWORD)
    return key, passkeys.finish_registration(user, name=name, credential=key.make(options))


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(f"{text}==")
