"""What the shapes of all resources are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from django.db.models import TextChoices
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from api.schemas.output import Output
from apps.infra.ids import LARGEST_ID
from apps.infra.media import signed_address
from apps.users.models import Role, User


def _integer(value: Any) -> Any:
    if type(value) is not int:
        raise ValueError("Enter a whole number")
    return value


def _digits(value: Any) -> Any:
    if not (isinstance(value, str) and value.isascii() and value.isdecimal()):
        raise ValueError("Enter a whole number")
    return value


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("Enter a time such as 2026-01-31T20:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    # Beyond these years shifting by a zone or adding a duration overflows.
    if not 1900 <= value.year < 3000:
        raise ValueError("Enter a year from 1900 to 2999")
    return value.astimezone(UTC)


Id = Annotated[int, BeforeValidator(_integer), Field(ge=1, le=LARGEST_ID)]
"""A row's id inside a JSON body."""
PathId = Annotated[int, BeforeValidator(_digits), Field(ge=1, le=LARGEST_ID)]
"""A row's id inside an address, as part of the path or of the query."""
TimeIn = Annotated[datetime, BeforeValidator(_text), AfterValidator(_in_utc)]
"""ISO 8601; without a zone it means UTC."""
Time = Annotated[datetime, AfterValidator(lambda value: value.astimezone(UTC))]
"""What answers hold; written in UTC, ending in Z."""


def one_of(choices: type[TextChoices]) -> WithJsonSchema:
    """For choices whose name is not their own, such as Status: the schema writes them out, where names would clash."""
    return WithJsonSchema({"type": "string", "enum": choices.values})


class Body(BaseModel):
    """A JSON body. Unknown keys are refused, so that a mistake is seen."""

    model_config = ConfigDict(extra="forbid")


def absolute(context: dict[str, Any] | None, path: str) -> str:
    """`path` with the host of the request that is being answered; alone where there is none."""
    request: Any = (context or {}).get("request")
    if request is None:
        return path
    if not hasattr(request, "origin"):  # the same for all addresses of an answer
        request.origin = request.build_absolute_uri("/").removesuffix("/")
    return f"{request.origin}{path}"


def picture_address(user: User, context: dict[str, Any] | None) -> str:
    """Of the profile picture, or of the default one."""
    path = signed_address("profile", user.pk) if user.profile.image else "/media/default.jpg"
    return absolute(context, path)


class PersonOut(Output):
    """A person inside another object. Select `<person>__profile` along."""

    id: int
    username: str
    role: Role
    is_verified: bool
    image: str

    @staticmethod
    def resolve_is_verified(user: User) -> bool:
        return user.identity_verified

    @staticmethod
    def resolve_image(user: User, context: dict[str, Any] | None) -> str:
        return picture_address(user, context)
