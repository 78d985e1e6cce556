"""People: what they send about themselves, and what is shown of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.utils.translation import override
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    HttpUrl,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from api.schemas.common import Body, PersonOut, Time, one_of, picture_address
from api.schemas.output import Output
from api.schemas.webauthn import CredentialIn
from apps.connections.permissions import Relation, relation
from apps.users.authentication.lockout import NAME_LENGTH
from apps.users.models import DOCUMENT_NAME_LENGTH, DocType, Document, Reason, Role, Theme, User
from apps.users.names import tidy
from apps.users.permissions import relationship
from apps.users.verification.messages import text_for_owner


def tidied(value: Any) -> Any:
    return tidy(value) if isinstance(value, str) else value


# argon2 takes any length; a megabyte of password is an attack.
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Name = Annotated[str, BeforeValidator(tidied), StringConstraints(min_length=1, max_length=150)]
LegalName = Annotated[str, BeforeValidator(tidied), StringConstraints(max_length=DOCUMENT_NAME_LENGTH)]
AccountName = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH)]
"""The user name or the mail address, as it is typed: some are stored so."""
Mail = Annotated[str, BeforeValidator(tidied), StringConstraints(min_length=3, max_length=254)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Phone = Annotated[str, StringConstraints(max_length=32)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Bio = Annotated[str, StringConstraints(max_length=2000)]
Company = Annotated[str, StringConstraints(max_length=150)]
Category = Annotated[str, StringConstraints(max_length=100)]


def _is_web_address(value: str) -> str:
    HttpUrl(value)
    return value


Link = Annotated[str, StringConstraints(max_length=500), AfterValidator(_is_web_address)]
LinkName = Annotated[str, BeforeValidator(tidied), StringConstraints(min_length=1, max_length=50)]
Links = Annotated[dict[LinkName, Link], Field(max_length=20)]


class RegisterIn(Body):
    username: Name
    email: Mail
    password: Password
    role: Literal["influencer", "entrepreneur", "brand"]
    phone: Phone = ""


class AccountOut(Output):
    id: int
    username: str
    email: str
    role: Role
    phone: str
    is_verified: bool

    @staticmethod
    def resolve_is_verified(user: User) -> bool:
        return user.identity_verified


class LoginIn(Body):
    username: AccountName
    password: Password
    otp: Annotated[str, StringConstraints(max_length=100)] = ""
    """Where a second factor is set up: the six digits that the app shows, or a backup code."""
    passkey: CredentialIn | None = None
    """Or this in place of `otp`: what one of the user's passkeys has signed, by options of `passkeys/login`."""


class RefreshIn(Body):
    refresh: Token


class TokensOut(Output):
    refresh: str
    access: str


class PasswordIn(Body):
    old_password: Password
    new_password: Password


class ResetIn(Body):
    email: Mail


class ResetConfirmIn(Body):
    email: Mail
    otp: Code
    """The six digits from the mail."""
    password: Password


class MessageOut(Output):
    message: str


class _ProfileFields(Body):
    """A field left out keeps its value in a PATCH; null is no value."""

    username: Name = ""
    email: Mail = ""
    phone: Phone = ""
    bio: Bio = ""
    social_links: Links = Field(default_factory=dict)
    company_name: Company = ""
    business_category: Category = ""
    theme: Theme = Theme.SYSTEM
    password: Password = ""
    """The present one, which a new `email` needs beside it. Refused without an `email`."""

    @field_validator("password")
    @classmethod
    def _is_for_the_mail_address(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("email") == "":
            raise ValueError("Send it with a new email only")
        return value


class ProfilePatch(_ProfileFields):
    pass


class ProfilePut(_ProfileFields):
    """The profile as it shall be: bio, links, company, category and theme left out return to empty. User name, mail
    and phone belong to the account, and stay where they are left out."""


class _ProfileTexts(Output):
    """What every user may read of a profile."""

    bio: str
    social_links: dict[str, str]
    company_name: str
    business_category: str

    @staticmethod
    def resolve_bio(user: User) -> str:
        return user.profile.bio

    @staticmethod
    def resolve_social_links(user: User) -> dict[str, str]:
        return user.profile.social_links

    @staticmethod
    def resolve_company_name(user: User) -> str:
        return user.profile.company_name

    @staticmethod
    def resolve_business_category(user: User) -> str:
        return user.profile.business_category


class ProfileOut(_ProfileTexts, AccountOut):
    image: str
    theme: Theme

    @staticmethod
    def resolve_theme(user: User) -> str:
        return user.profile.theme

    @staticmethod
    def resolve_image(user: User, context: dict[str, Any] | None) -> str:
        return picture_address(user, context)


class RelationOut(Output):
    connection: Relation | None
    following: bool
    blocked: bool


class PublicProfileOut(_ProfileTexts, PersonOut):
    relation: RelationOut

    @staticmethod
    def resolve_relation(user: User, context: dict[str, Any]) -> dict[str, Any]:
        viewer = context["request"].user
        return {"connection": relation(viewer, user), **relationship(viewer, user)}


class DirectoryFilter(Body):
    search: Annotated[str, StringConstraints(max_length=150)] = ""
    role: Literal["influencer", "entrepreneur", "brand"] | None = None
    verified: bool | None = None


class DocumentForm(BaseModel):
    """What comes along with the file."""

    doc_type: DocType
    legal_name: LegalName = ""
    """The person's or company's name as the document should state it."""


class DocumentOut(Output):
    id: int
    doc_type: DocType
    legal_name: str
    """As it was given with the upload; empty where none was."""
    status: Annotated[Document.Status, one_of(Document.Status)]
    reason: Reason | None
    """Why it was rejected, as a code."""
    comment: str
    """What the owner should know about the decision."""
    may_resubmit: bool
    created_at: Time
    decided_at: Time | None

    @staticmethod
    def resolve_reason(document: Document) -> str | None:
        return document.reason or None

    @staticmethod
    def resolve_comment(document: Document) -> str:
        with override(document.owner.language):
            return text_for_owner(document)
