"""What a client signs with a passkey, and what it has signed: WebAuthn's own JSON (level 3, sections 5.1.8 to 5.1.10).

Browsers read the options by `PublicKeyCredential.parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON`, and
write a credential by its `toJSON`; Android and iOS know the same form.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from api.schemas.common import Body
from api.schemas.output import Output

BASE64URL = r"^[A-Za-z0-9_-]+$"
CredentialId = Annotated[str, StringConstraints(pattern=BASE64URL, max_length=1400)]
Signed = Annotated[str, StringConstraints(pattern=BASE64URL, max_length=16_000)]
Attachment = Annotated[str, StringConstraints(max_length=50)]


# --- Options ------------------------------------------------------------------------------------------------------


class Descriptor(Output):
    id: str
    type: str
    transports: list[str] = []


class RelyingParty(Output):
    id: str
    name: str


class UserEntity(Output):
    id: str
    """Random, and the same for all passkeys of the user."""
    name: str
    displayName: str


class Parameters(Output):
    type: str
    alg: int


class Selection(Output):
    residentKey: str
    requireResidentKey: bool
    userVerification: str


class CreationOptionsOut(Output):
    rp: RelyingParty
    user: UserEntity
    challenge: str
    """Good once, for five minutes."""
    pubKeyCredParams: list[Parameters]
    timeout: int
    """In milliseconds."""
    excludeCredentials: list[Descriptor]
    authenticatorSelection: Selection
    attestation: str
    extensions: dict[str, Any]


class RequestOptionsOut(Output):
    challenge: str
    """Good once, for five minutes."""
    timeout: int
    """In milliseconds."""
    rpId: str
    allowCredentials: list[Descriptor]
    userVerification: str
    extensions: dict[str, Any]


# --- Credentials ----------------------------------------------------------------------------------------------


class _CredentialIn(Body):
    id: CredentialId
    rawId: CredentialId
    type: Literal["public-key"]
    clientExtensionResults: dict[str, Any] = Field(default_factory=dict)
    authenticatorAttachment: Attachment | None = None

    def as_json(self) -> dict[str, Any]:
        """As the client wrote it."""
        return self.model_dump(exclude_none=True)


class AttestationIn(Body):
    clientDataJSON: Signed
    attestationObject: Signed
    transports: Annotated[list[Attachment], Field(max_length=10)] = []
    authenticatorData: Signed | None = None
    """This and what follows stands in `attestationObject` too, and is not read."""
    publicKey: Signed | None = None
    publicKeyAlgorithm: int | None = None


class NewCredentialIn(_CredentialIn):
    response: AttestationIn


class AssertionIn(Body):
    clientDataJSON: Signed
    authenticatorData: Signed
    signature: Signed
    userHandle: Signed | None = None


class CredentialIn(_CredentialIn):
    response: AssertionIn
