"""The details of a document, as typed by an officer, and their comparison with the account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.audit.actions import Action
from apps.audit.services import record
from apps.errors import Conflict, Invalid
from apps.review.claims import lock_for_work
from apps.users.models import CHECKS, DOCUMENT_NAME_LENGTH, DocType, Document, DocumentDetails, Reason, User
from apps.users.verification.matching import Matches, clean_text, details_of, matches, same_name, update_keys

NUMBER_LENGTH = 64
ADULT = 18
"""Years of age from which users are eligible."""
SOON = timedelta(days=30)
"""Documents that expire within this time say in how many days."""
FIRST_YEAR, LAST_YEAR = 1900, 2200


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a comparison."""

    code: str
    """`match`, `differs`, `not_given`, `adult`, `minor`, `valid`, `expires_soon` or `expired`."""
    text: str
    flagged: bool = False
    reason: Reason | None = None
    """For which such a document is rejected."""


@dataclass(frozen=True, slots=True)
class Line:
    """One detail: what the account gives, what the document says, and how the two compare."""

    field: str
    """Of `DocumentDetails`."""
    title: str | Promise
    found: str | date | None
    given: str = ""
    outcome: Outcome | None = None
    """None while there is nothing to compare."""
    is_given: bool = False
    """Whether it is something that accounts give."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A document's details beside those of the account."""

    details: DocumentDetails | None
    lines: list[Line]
    matches: Matches
    checks: Sequence[tuple[str, str | Promise, bool]]
    """The checklist of its kind: value, label, whether it is ticked."""

    @property
    def outcomes(self) -> list[Outcome]:
        return [line.outcome for line in self.lines if line.outcome is not None]

    @property
    def reasons(self) -> list[Reason]:
        """The rejection reasons that what is flagged suggests, each once."""
        found = [outcome.reason for outcome in self.outcomes if outcome.reason]
        return list(dict.fromkeys([*found, *([Reason.ALREADY_USED] if self.matches.number else [])]))


@transaction.atomic
def record_details(
    officer: User,
    document_id: int,
    *,
    version: int,
    name: str = "",
    born: str = "",
    number: str = "",
    valid_until: str = "",
    checks: Iterable[str] = (),
) -> DocumentDetails:
    """Save the details of a pending document, in place of earlier ones.

    `version` is the one that the officer saw, 0 where there was none; dates are written as in 2031-05-16. Raises
    `Conflict` where a colleague has claimed or decided it, or saved since that version, and `Invalid` on the field.
    """
    document = lock_for_work(officer, Document, document_id)
    details = DocumentDetails.objects.filter(document=document).first()
    if version != (details.version if details else 0):
        raise Conflict("changed-since", _newer(details))
    kept = details or DocumentDetails(document=document, version=0)
    kept.name = clean_text(name, most=DOCUMENT_NAME_LENGTH, field="name")
    kept.number = clean_text(number, most=NUMBER_LENGTH, field="number")
    is_identity = document.doc_type == DocType.IDENTITY
    kept.born = _date(born, field="born", latest=timezone.localdate()) if is_identity else None
    kept.valid_until = _date(valid_until, field="valid_until")
    known = CHECKS[DocType(document.doc_type)]
    ticked = set(checks)
    if not ticked <= set(known):
        raise Invalid("unknown", _("Unknown check. Reload the page."), field="checks")
    kept.checks = [check for check in known if check in ticked]
    if details is None and not (kept.name or kept.number or kept.born or kept.valid_until or kept.checks):
        raise Invalid("required", _("Enter at least one detail."), field="name")
    kept.typed_by, kept.typed_at, kept.version = officer, timezone.now(), kept.version + 1
    kept.save()
    document.details = kept
    update_keys(document)
    # That they were recorded, never what: the entry outlives the document.
    record(officer, Action.DETAILS_RECORDED, document, subject=document.owner)
    return kept


def compare_details(viewer: User, document: Document, found: Matches | None = None) -> Comparison:
    """The details of a document compared with the account. Load `owner__profile` and `details` along.

    `found`: its matches, where they were asked for with those of others.
    """
    details = details_of(document)
    name, number = (details.name, details.number) if details else ("", "")
    given = document.legal_name
    lines = [Line("name", _name_title(document), name, given, _name_outcome(given, name), is_given=True)]
    if document.doc_type == DocType.BUSINESS:
        company = document.owner.profile.company_name
        if company and not same_name(company, given):
            # A hint where there is a legal name, which then decides.
            outcome = _name_outcome(company, name, reason=None if given else Reason.NAME_DIFFERS)
            lines.append(Line("", gettext_lazy("Company in the profile"), name, company, outcome, is_given=True))
    else:
        born = details.born if details else None
        lines.append(Line("born", gettext_lazy("Date of birth"), born, outcome=_age_outcome(born)))
    until = details.valid_until if details else None
    lines.append(Line("number", gettext_lazy("Document number"), number))
    lines.append(Line("valid_until", gettext_lazy("Valid until"), until, outcome=_validity(until)))
    ticked = details.checks if details else []
    checks = [(check.value, check.label, check.value in ticked) for check in CHECKS[DocType(document.doc_type)]]
    return Comparison(details, lines, found or matches(viewer, document), checks)


def _name_title(document: Document) -> str | Promise:
    return gettext_lazy("Company name") if document.doc_type == DocType.BUSINESS else gettext_lazy("Name")


def _name_outcome(given: str, found: str, reason: Reason | None = Reason.NAME_DIFFERS) -> Outcome | None:
    if not found:
        return None
    if not given:
        return Outcome("not_given", _("Not given"))
    if same_name(given, found):
        return Outcome("match", _("Matches"))
    return Outcome("differs", _("Differs"), flagged=True, reason=reason)


def _age_outcome(born: date | None) -> Outcome | None:
    if born is None:
        return None
    today = timezone.localdate()
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if age < ADULT:
        return Outcome("minor", _("Under %(n)d") % {"n": ADULT}, flagged=True, reason=Reason.NOT_ELIGIBLE)
    return Outcome("adult", _("%(n)d or older") % {"n": ADULT})


def _validity(until: date | None) -> Outcome | None:
    if until is None:
        return None
    left = until - timezone.localdate()
    if left < timedelta():
        said = _("Expired on %(date)s") % {"date": date_format(until, "DATE_FORMAT")}
        return Outcome("expired", said, flagged=True, reason=Reason.EXPIRED)
    if not left:
        return Outcome("expires_soon", _("Expires today"), flagged=True)
    if left <= SOON:
        said = ngettext("Expires in %(n)d day", "Expires in %(n)d days", left.days) % {"n": left.days}
        return Outcome("expires_soon", said, flagged=True)
    return Outcome("valid", _("Not expired"))


def _date(text: str, *, field: str, latest: date | None = None) -> date | None:
    text = text.strip()
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("invalid", _("Enter a date such as 2031-05-16."), field=field) from error
    if latest is not None and found > latest:
        raise Invalid("invalid", _("Enter a date of birth in the past."), field=field)
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        years = {"first": FIRST_YEAR, "last": LAST_YEAR}
        raise Invalid("invalid", _("Enter a year from %(first)d to %(last)d.") % years, field=field)
    return found


def _newer(details: DocumentDetails | None) -> str:
    if details is None:
        return _("These details were removed. Save again to record yours.")
    who = {"name": details.typed_by.username}
    return _("%(name)s saved details meanwhile; they are shown beside yours. Save again to replace them.") % who
