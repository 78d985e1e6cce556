"""Finds the user or target that a caller names on the phone: by name, email address, number or pasted address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from apps.chat.models import Membership, Room
from apps.infra.ids import parse_id, searched_number
from apps.users.models import Profile, User, phone_digits, phone_digits_reversed
from apps.users.models.user_queries import UserQuerySet
from apps.users.names import seen, tidy

MOST = 20
SHORTEST_PART = 3
SHORTEST_PHONE = 4
"""Digits of a whole phone number."""
SHORTEST_PHONE_END = 6
"""Digits by which the end of a phone number is found."""
PHONE = re.compile(r"\+?[0-9 ()./-]+")

# Addresses of the console, the API and the sockets, as far as they name one target.
PERSON_PLACES = [
    re.compile(r"^/admin/users/user/(\d+)/"),
    re.compile(r"^/admin/support/(\d+)/"),
]
TARGET_PLACES = {
    "connection": re.compile(r"^/(?:admin/connections/connection|api/connections)/(\d+)(?:/|$)"),
    "story": re.compile(r"^/(?:admin/stories/story|api/stories)/(\d+)(?:/|$)"),
    "event": re.compile(r"^/(?:admin/events/event|api/events)/(\d+)(?:/|$)"),
    "message": re.compile(r"^/admin/chat/message/(\d+)(?:/|$)"),
    "notification": re.compile(r"^/(?:admin/notifications/notification|api/notifications)/(\d+)(?:/|$)"),
}
PROFILE_PLACE = re.compile(r"^/admin/users/profile/(\d+)/")
NAMED_PLACE = re.compile(r"^/api/users/profile/([^/]+)/?$")
ROOM_PLACE = re.compile(r"^/ws/chat/([^/]+)/?$")


@dataclass(frozen=True, slots=True)
class Found:
    """A user, or a target of a kind that can be explained."""

    how: str
    """How it matches, as staff read it."""
    person: User | None = None
    kind: str = ""
    target_id: int = 0
    field: str = ""
    """What is masked for staff, and by which it was found."""


def find(text: str) -> list[Found]:
    """All matches, the surest first. Staff accounts are never found."""
    text = tidy(seen(text)).strip("<>\"'")
    if not text:
        return []
    if "/" in text and not PHONE.fullmatch(text):
        return list(_by_address(_path_of(text)))
    numbered = list(_by_number(text))
    is_id = any(hit.person is not None and text == str(hit.person.pk) for hit in numbered)
    return _unique([*_by_mail(text), *numbered, *_by_phone(text, with_ends=not is_id), *_by_name(text)])


def _path_of(text: str) -> str:
    if "://" not in text:
        return f"/{text.lstrip('/')}"
    try:
        return urlsplit(text).path
    except ValueError:  # looks like an address, and is none
        return ""


def _by_mail(text: str) -> Iterator[Found]:
    if "@" in text.lstrip("@"):
        users = _clients().mailed(text)[:1]
        yield from (Found(_("email address"), person, field="email") for person in users)


def _by_number(text: str) -> Iterator[Found]:
    if number := searched_number(text, _("user")):
        yield from (Found(_("ID"), person) for person in _clients().filter(pk=number))


def is_short_phone(text: str) -> bool:
    """Whether it reads like a phone number, with too few digits to find one by its end."""
    text = tidy(seen(text))
    return bool(PHONE.fullmatch(text)) and 0 < len(_national(text)) < SHORTEST_PHONE_END


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _national(text: str) -> str:
    """The digits of a number without the 0 that is dialled within a country only."""
    return _digits(text.replace("(0)", "")).lstrip("0")


def _by_phone(text: str, *, with_ends: bool) -> Iterator[Found]:
    """Whole numbers first, then those that end like this; these only `with_ends`, since digits that are the ID of a
    user seldom mean the phones of others, whom each hit is shown to."""
    if not PHONE.fullmatch(text):
        return
    users = _clients().exclude(phone="")
    whole, end = _digits(text), _national(text)
    if len(whole) >= SHORTEST_PHONE:
        exact = users.alias(digits=phone_digits()).filter(digits=whole).order_by("pk")[:MOST]
        yield from (Found(_("phone"), person, field="phone") for person in exact)
    if with_ends and len(end) >= SHORTEST_PHONE_END:
        ending = users.alias(reversed=phone_digits_reversed()).filter(reversed__startswith=end[::-1]).order_by("pk")
        yield from (Found(_("end of the phone number"), person, field="phone") for person in ending[:MOST])


def _by_name(text: str) -> Iterator[Found]:
    name = text.removeprefix("@")
    exact = list(_clients().named(name)[:1])
    yield from (Found(_("user name"), person) for person in exact)
    like = _clients().with_name_part(name, at_start=len(name) < SHORTEST_PART)[: MOST * 10]
    closest = sorted(like, key=lambda person: (len(person.username), person.username))[:MOST]
    yield from (Found(_("user name"), person) for person in closest)


def _by_address(path: str) -> Iterator[Found]:
    path = unquote(path)
    for place in PERSON_PLACES:
        if (match := place.match(path)) and _in_range(match[1]):
            yield from (Found(_("address of the console"), person) for person in _clients().filter(pk=int(match[1])))
    if (match := PROFILE_PLACE.match(path)) and _in_range(match[1]):
        owner = Profile.objects.filter(pk=int(match[1])).values("user")
        yield from (Found(_("address of a profile"), person) for person in _clients().filter(pk__in=owner))
    if match := NAMED_PLACE.match(path):
        yield from (Found(_("address of a profile"), person) for person in _clients().named(match[1])[:1])
    if match := ROOM_PLACE.match(path):
        rooms = Room.objects.filter(name=match[1])
        members = Membership.objects.filter(room__in=rooms).values("user")
        yield from (Found(_("member of this room"), person) for person in _clients().filter(pk__in=members)[:MOST])
    for kind, place in TARGET_PLACES.items():
        if (match := place.match(path)) and _in_range(match[1]):
            yield Found(_("address"), kind=kind, target_id=int(match[1]))


def _clients() -> UserQuerySet:
    return User.objects.clients().select_related("profile")


def _in_range(number: str) -> bool:
    return parse_id(number) > 0


def _unique(found: list[Found]) -> list[Found]:
    first: dict[int, Found] = {}
    for hit in found:
        if hit.person is not None:
            first.setdefault(hit.person.pk, hit)
    return list(first.values())[:MOST]
