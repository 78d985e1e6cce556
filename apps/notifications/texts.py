"""The text of each kind of notification. Raises `TypeError` for missing context."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from apps.notifications.models import Kind

LONGEST = 1000


# Translators: stands after "your"; where the possessive bends with the noun, it belongs here: "deine Story".
TARGETS = {
    "story": pgettext_lazy("your …", "story"),
    "event": pgettext_lazy("your …", "event"),
    "message": pgettext_lazy("your …", "message"),
    "user": pgettext_lazy("your …", "account"),
}
# Translators: stands after "your", as the names of the targets do.
EVENT = pgettext_lazy("your …", "event “%(title)s”")


def text_of(kind: Kind, **context: str) -> str:
    """The text that the recipient reads, at most 1,000 characters, in the active language."""
    text = TEXTS[kind](**context)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _connection_request(*, person: str) -> str:
    return _("%(person)s would like to connect with you.") % {"person": person}


def _connection_accepted(*, person: str) -> str:
    return _("%(person)s accepted your request; you are connected now.") % {"person": person}


def _new_follower(*, person: str) -> str:
    return _("%(person)s follows you now.") % {"person": person}


def _event_invitation(*, person: str, event: str) -> str:
    return _("%(person)s invites you to “%(event)s”.") % {"person": person, "event": event}


def _event_joined(*, person: str, event: str, status: str) -> str:
    if status == "going":
        return _("%(person)s is going to “%(event)s”.") % {"person": person, "event": event}
    return _("%(person)s is interested in “%(event)s”.") % {"person": person, "event": event}


def _event_changed(*, event: str) -> str:
    return _("The time or place of “%(event)s” has changed.") % {"event": event}


def _event_cancelled(*, event: str) -> str:
    return _("“%(event)s” is cancelled.") % {"event": event}


def _document_decided(*, status: str, text: str) -> str:
    if status == "pending":
        return _("The decision about your document was reversed. It is waiting for review again.")
    if status == "revoked":
        return _joined(_("The approval of your document has been withdrawn."), text)
    approved = status == "approved"
    return _joined(_("Your document has been approved.") if approved else _("Your document has been rejected."), text)


def _content_removed(*, thing: str, title: str = "", text: str = "") -> str:
    return _joined(_("Our team has removed your %(thing)s.") % _yours(thing, title), text)


def _content_restored(*, thing: str, title: str = "") -> str:
    return _("Our team has restored your %(thing)s.") % _yours(thing, title)


def _content_edited(*, thing: str, title: str = "", text: str = "") -> str:
    return _joined(_("Our team has edited your %(thing)s.") % _yours(thing, title), text)


def _warning(*, thing: str, title: str = "", text: str = "") -> str:
    sentence = _("Our team has looked at your %(thing)s and asks you to keep to the rules.") % _yours(thing, title)
    return _joined(sentence, text)


def _suspended(*, until: str, reason: str = "") -> str:
    time = formats.date_format(datetime.fromisoformat(until), "DATETIME_FORMAT")
    sentence = _("Your account is suspended until %(time)s UTC.") % {"time": time}
    return _joined(sentence, reason)


def _report_closed(*, outcome: str) -> str:
    if outcome == "open":
        return _("We have reversed our decision about your report and are looking into it again.")
    if outcome == "kept":
        return _("Thank you for your report. We looked into it and found nothing against our rules.")
    return _("Thank you for your report. We looked into it and have acted on it.")


def _decision_undone(*, thing: str, title: str = "") -> str:
    return _("Our team has reversed its decision about your %(thing)s.") % _yours(thing, title)


def _appeal_decided(*, thing: str, status: str, text: str, title: str = "") -> str:
    if status == "open":
        return _("Our team is looking at your appeal about your %(thing)s again.") % _yours(thing, title)
    if status == "overturned":
        return _joined(
            _("Your appeal about your %(thing)s was right; the decision is undone.") % _yours(thing, title),
            text,
        )
    return _joined(_("After your appeal, the decision about your %(thing)s stands.") % _yours(thing, title), text)


def _yours(thing: str, title: str) -> dict[str, str]:
    """The target by name. Old decisions keep a name instead of a kind; it is used as it is."""
    if thing == "event" and title:
        return {"thing": str(EVENT) % {"title": title}}
    return {"thing": str(TARGETS.get(thing, thing))}


def _joined(sentence: str, text: str) -> str:
    return f"{sentence} {text}".strip()


TEXTS: dict[Kind, Callable[..., str]] = {
    Kind.CONNECTION_REQUEST: _connection_request,
    Kind.CONNECTION_ACCEPTED: _connection_accepted,
    Kind.NEW_FOLLOWER: _new_follower,
    Kind.EVENT_INVITATION: _event_invitation,
    Kind.EVENT_JOINED: _event_joined,
    Kind.EVENT_CHANGED: _event_changed,
    Kind.EVENT_CANCELLED: _event_cancelled,
    Kind.DOCUMENT_DECIDED: _document_decided,
    Kind.CONTENT_REMOVED: _content_removed,
    Kind.CONTENT_RESTORED: _content_restored,
    Kind.CONTENT_EDITED: _content_edited,
    Kind.WARNING: _warning,
    Kind.SUSPENDED: _suspended,
    Kind.REPORT_CLOSED: _report_closed,
    Kind.DECISION_UNDONE: _decision_undone,
    Kind.APPEAL_DECIDED: _appeal_decided,
}
