"""Spellings of user names, email addresses and codes: how they are stored, compared and checked.

Names and addresses are found by their folded form, which is stored beside it under a unique constraint.
Mail goes to the address that is stored, never to the one that was searched for.
What looks alike is said by ICU, after Unicode UTS 39.
"""

from __future__ import annotations

import unicodedata
from hashlib import blake2b

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from icu import Locale, SpoofChecker, UnicodeSet, UnicodeString, URestrictionLevel, USpoofChecks

NAME_TAKEN = _("This user name is taken.")


MAIL_TAKEN = _("This email address is taken.")


LOOKALIKE_TAKEN = _("This user name looks like one that is taken.")


LETTERS = _("Use letters, digits and . + - _ only, beginning with a letter or digit and not ending with a dot.")


ONE_SCRIPT = _("Use letters and digits of one script, all of them visible.")


KEY_SIZE = 16
"""Bytes of a key: that two of a million names have the same one by chance is one case in 10^26."""


MOST_MARKS = 4
"""How many marks one letter may carry (UTS 39, 5.4)."""


# --- As people write it ----------------------------------------------------------------------------------------------


def tidy(text: str) -> str:
    """A name or address as it is stored: composed (NFKC), without the blanks and invisible signs around it."""
    text = unicodedata.normalize("NFKC", text)
    around = [sign for sign in set(text) if sign.isspace() or unicodedata.category(sign) == "Cf"]
    return text.strip("".join(around)) if around else text


def seen(text: str) -> str:
    """`text` without its invisible signs; blanks stay."""
    # Each sign is looked up once: a sign-in may send as many as it likes.
    hidden = [sign for sign in set(text) if not sign.isspace() and unicodedata.category(sign) in ("Cc", "Cf", "Cs")]
    return text.translate(dict.fromkeys(map(ord, hidden)))


def fold(text: str) -> str:
    """What two spellings of one name or address have in common, whatever their case, composition and width.

    Unicode's compatibility caseless match (D146), by way of capitals and without the dot over an i, so that İ, I, i and
    ı meet: what they are capitals of depends on the language. Invisible signs do not count. Folded text stays as it is.
    """
    folded = unicodedata.normalize("NFKD", seen(text)).strip().upper().casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold()
    return unicodedata.normalize("NFKC", folded).replace("i\u0307", "i")


def is_same_mailbox(one: str, other: str) -> bool:
    """Whether both are one address, whatever the case of its ASCII letters (RFC 1035, 2.3.3).

    Addresses that fold alike may belong to different people: gmaıl.com is not gmail.com.
    """
    # Bytes: their `lower` knows ASCII alone.
    first, second = (tidy(address).encode("utf-8", "surrogatepass").lower() for address in (one, other))
    return first == second


def tidy_code(text: str) -> str:
    """A code without what apps, mails and people put around and between its signs; its digits are 0 to 9."""
    signs = (sign for sign in unicodedata.normalize("NFKC", text).lower() if sign.isalnum())
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in signs)


def validate_domain(address: str) -> None:
    """Refuse a domain that mail would leave for as another: to straße.de it goes as strasse.de (IDNA 2003)."""
    domain = address.rpartition("@")[2].lower()
    if domain.isascii():
        return
    try:
        reached = domain.encode("idna").decode("idna")
    except UnicodeError:
        reached = ""
    if reached != domain:
        raise ValidationError(_("Write the part after the @ in ASCII, as in xn--bcher-kva.example."))


# --- What is allowed --------------------------------------------------------------------------------------------------


def validate_username(name: str) -> None:
    """Refuse signs that are no part of a name. No "@", so that a name is never taken for a mail address at sign-in."""
    marks = 0
    for sign in name:
        marks = marks + 1 if unicodedata.category(sign) in ("Mn", "Mc") else 0
        if marks > MOST_MARKS or not (marks or sign.isalnum() or sign in "_.+-"):
            raise ValidationError(LETTERS, code="invalid")
    if not name or not (name[0].isalnum() or name[0] == "_") or name.endswith("."):
        raise ValidationError(LETTERS, code="invalid")


def _checker() -> SpoofChecker:
    checker = SpoofChecker()
    # Hangul fillers are letters to Python, and visible to ICU's INVISIBLE.
    checker.setAllowedUnicodeSet(UnicodeSet("[:^Default_Ignorable_Code_Point:]"))
    checker.setRestrictionLevel(URestrictionLevel.HIGHLY_RESTRICTIVE)
    checks = USpoofChecks.RESTRICTION_LEVEL | USpoofChecks.MIXED_NUMBERS | USpoofChecks.CHAR_LIMIT
    checker.setChecks(checks | USpoofChecks.INVISIBLE)
    return checker


CHECKER = _checker()
"""One for all threads: ICU lets many ask a checker at once, as long as none changes it."""


def validate_script(name: str) -> None:
    """Refuse a name of several scripts ("admin" with one Cyrillic letter), of several kinds of digits, or invisible.

    UTS 39, "Highly Restrictive": one script, or Latin with those that are written beside it in Japan, China and Korea.
    """
    if CHECKER.check(name):
        raise ValidationError(ONE_SCRIPT, code="script")


def skeleton(name: str) -> str:
    """What the name looks like without regard to case: the same for all names that are taken for one another.

    Of the name as it is written first, for a capital I looks like an l and a small i does not; then of that in lower
    case, which may look like something else again. Longer than the name, at worst seven times.
    """
    return _skeleton(str(UnicodeString(_skeleton(name)).toLower(Locale.getRoot())))


def _skeleton(text: str) -> str:
    return str(CHECKER.getSkeleton(0, text))  # the first argument has had no meaning since ICU 58


def skeleton_key(name: str) -> str:
    """The skeleton as it is stored: a digest, since an index row holds no skeleton of any length."""
    return blake2b(skeleton(name).encode("utf-8", "surrogatepass"), digest_size=KEY_SIZE).hexdigest()
