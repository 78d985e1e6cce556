"""Names and numbers of documents: how they are compared, and on which other accounts the same ones were used.

They are found again by keyed hashes (HMAC under a key of `SECRET_KEY`) in a table of their own, so that one index
serves names and numbers alike, and neither a copy of it nor a search box leads from a guessed number to a person.
After a change of `SECRET_KEY`, keys made under `SECRET_KEY_FALLBACKS` are still found.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import QuerySet, Value
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from apps.errors import Invalid
from apps.users.models import Document, DocumentDetails, DocumentKey
from apps.users.names import KEY_SIZE, fold, tidy, tidy_code
from apps.users.verification.duplicates import MOST_SHOWN, viewable_documents

if TYPE_CHECKING:
    from apps.users.models import User

APOSTROPHES = dict.fromkeys(map(ord, "'`´’‘ʼ＇"))
PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h"})
"""Letters that Unicode does not take apart, as passports write them (ICAO 9303, part 3, section 6)."""


HIDDEN_SIGNS = ("Cc", "Cs", "Cn", "Zl", "Zp")
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Signs that make a text read as another one."""


@dataclass(frozen=True, slots=True)
class Same:
    """Documents of other accounts with the same name or number, latest first."""

    shown: list[Document]
    hidden: int
    """How many more there are that the viewer may not see."""

    def __bool__(self) -> bool:
        return bool(self.shown or self.hidden)


@dataclass(frozen=True, slots=True)
class Matches:
    number: Same
    name: Same


KINDS = ("number", "name")
NONE = Matches(Same([], 0), Same([], 0))


def clean_text(text: str, *, most: int, field: str) -> str:
    """A name or number as it is stored, tidied. Raises `Invalid` for control characters and too many of any."""
    text = tidy(text)
    if any(unicodedata.category(sign) in HIDDEN_SIGNS or sign in TURNING for sign in text):
        raise Invalid("invalid", _("Remove the control characters."), field=field)
    if len(text) > most:
        raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": most}, field=field)
    return text


def plain_name(name: str) -> str:
    """What spellings of one name have in common: case, diacritics, punctuation and the order of its parts are gone.

    Marks that are vowels, as in Hindi, stay.
    """
    letters = unicodedata.normalize("NFKD", fold(name).translate(APOSTROPHES))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter)).translate(PLAIN)
    return " ".join(sorted("".join(letter if _is_written(letter) else " " for letter in bare).split()))


def _is_written(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter).startswith("M")


def same_name(one: str, other: str) -> bool:
    """Whether both are spellings of one name; never where one is empty."""
    plain = plain_name(one)
    return bool(plain) and plain == plain_name(other)


def details_of(document: Document) -> DocumentDetails | None:
    """The details that an officer has typed, or None."""
    return getattr(document, "details", None)


def keys_of(document: Document) -> dict[str, str]:
    """Each key by which the document is found under the present secret, with "name" or "number"."""
    return _keys(document, settings.SECRET_KEY)


def update_keys(document: Document) -> None:
    """Update the keys of a document to its present names and number."""
    wanted = keys_of(document)
    DocumentKey.objects.filter(document=document).exclude(key__in=wanted).delete()
    rows = [DocumentKey(document=document, key=key) for key in wanted]
    DocumentKey.objects.bulk_create(rows, ignore_conflicts=True)


def matches(viewer: User, document: Document) -> Matches:
    """Other accounts' documents with the same number or name. Those that the viewer may not view are only counted.

    At most three queries; none where nothing is known of it.
    """
    return matches_of(viewer, [document])[document.pk]


def matches_of(viewer: User, documents: Collection[Document]) -> dict[int, Matches]:
    """The same of many documents by their ids, in as many queries."""
    branches = []
    for document in documents:
        wanted = {key: kind for secret in _secrets() for key, kind in _keys(document, secret).items()}
        # Each by itself, so that a common name does not push out the one document with the same number.
        by_kind = {kind: [key for key, each in wanted.items() if each == kind] for kind in KINDS}
        branches += [_others(document, keys, kind) for kind, keys in by_kind.items() if keys]
    if not branches:
        return {document.pk: NONE for document in documents}
    first, *rest = branches
    rows = list(first.union(*rest, all=True)) if rest else list(first)
    found = Document.objects.select_related("owner").in_bulk({other for _of, _kind, other in rows})
    seen = set(viewable_documents(viewer).filter(pk__in=found).values_list("pk", flat=True)) if found else set()
    others: dict[tuple[int, str], list[Document]] = {}
    for of, kind, other in sorted(set(rows), reverse=True):
        others.setdefault((of, kind), []).append(found[other])
    return {
        document.pk: Matches(*(_same(others.get((document.pk, kind), []), seen) for kind in KINDS))
        for document in documents
    }


def _same(others: list[Document], seen: set[int]) -> Same:
    shown = [other for other in others if other.pk in seen]
    return Same(shown, len(others) - len(shown))


def _others(document: Document, keys: list[str], kind: str) -> QuerySet[Any]:
    rows = DocumentKey.objects.filter(key__in=keys).exclude(document__owner=document.owner_id)
    rows = rows.annotate(of=Value(document.pk), kind=Value(kind)).order_by("-document_id")
    return rows.values_list("of", "kind", "document_id")[:MOST_SHOWN]


def _secrets() -> tuple[str | bytes, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


def _keys(document: Document, secret: str | bytes) -> dict[str, str]:
    details = details_of(document)
    names = {plain_name(document.legal_name), plain_name(details.name) if details else ""}
    keys = {_hash("name", name, secret): "name" for name in names if name}
    if number := tidy_code(details.number) if details else "":
        # With its kind: a register's number is not compared with an identity card's.
        keys[_hash(f"{document.doc_type} number", number, secret)] = "number"
    return keys


def _hash(kind: str, text: str, secret: str | bytes) -> str:
    made = salted_hmac(f"document {kind}", text, secret, algorithm="sha256")
    return made.hexdigest()[: KEY_SIZE * 2]
