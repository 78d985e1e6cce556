"""Message templates: texts that staff write again and again, in each language that users read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, TextField
from django.utils.translation import gettext as _

from apps.access import require
from apps.audit.actions import Action
from apps.audit.history import delete_as, save_as
from apps.errors import Absent, Conflict, Invalid, Refused
from apps.review.models import MessageTemplate
from apps.visibility.slots import VIEWER, Slot
from apps.visibility.statement import Statement

if TYPE_CHECKING:
    from apps.users.models import User

MOST_TEMPLATES = 100
"""Own templates of one person in one queue."""
LONGEST_TITLE = 60
LONGEST_TEXT = 800
"""Characters: what the shortest of the message fields takes."""


def templates_for(viewer: User, queue: str) -> list[MessageTemplate]:
    """The viewer's own templates of a queue and the shared ones, by title."""
    return _templates().rows({"viewer": viewer.pk, "queue": queue})


@cache
def _templates() -> Statement:
    """One's own templates of one queue and the shared ones, by title."""
    rows = MessageTemplate.objects.filter(Q(owner=VIEWER) | Q(shared=True), queue=Slot("queue", TextField()))
    return Statement(rows.select_related("owner").order_by("title", "id"))


@transaction.atomic
def save_template(
    actor: User,
    queue: str,
    perm: str,
    *,
    title: str,
    texts: Mapping[str, str],
    shared: bool = False,
    template_id: int | None = None,
    version: str = "",
) -> MessageTemplate:
    """Store a template of one's own under its title, in one language at least.

    `perm` is what working on the queue needs; `version` is that of the template as it was shown. Raises `Refused`
    without the permission or for a colleague's template, `Invalid` for what cannot be taken, `Conflict` for a title in
    use, or where the template was changed since that version.
    """
    require(actor, perm)
    title = title.strip()
    if not title:
        raise Invalid("required", _("Enter a title."), field="title")
    kept = {code: text.strip() for code, text in texts.items() if code in dict(settings.LANGUAGES) and text.strip()}
    if not kept:
        raise Invalid("required", _("Enter the text in at least one language."), field="texts")
    typed = [("title", title, LONGEST_TITLE), *(("texts", text, LONGEST_TEXT) for text in kept.values())]
    for field, text, most in typed:
        if len(text) > most:
            raise Invalid("too-long", _("Use at most %(n)d characters.") % {"n": most}, field=field)
        if "\x00" in text:
            raise Invalid(
                "invalid", _("The input contains an invalid character. Remove it and try again."), field=field
            )
    own = MessageTemplate.objects.filter(owner=actor, queue=queue)
    if template_id is None:
        if own.count() >= MOST_TEMPLATES:
            raise Conflict("too-many", _("You have %(n)d templates. Delete one first.") % {"n": MOST_TEMPLATES})
        template = MessageTemplate(owner=actor, queue=queue)
    else:
        template = _own(actor, queue, template_id, version)
    template.title, template.texts, template.shared = title, kept, shared
    try:
        with transaction.atomic():
            save_as(actor, template, action=Action.TEMPLATE_SAVED)
    except IntegrityError as error:
        raise Conflict("title-taken", _("You have a template with this title. Choose another title.")) from error
    return template


@transaction.atomic
def delete_template(actor: User, queue: str, template_id: int, *, version: str = "") -> None:
    """Delete a template: one's own, or as a superuser any. Raises `Absent`, `Refused`, or `Conflict` as saving does."""
    delete_as(actor, _own(actor, queue, template_id, version), action=Action.TEMPLATE_DELETED)


def _own(actor: User, queue: str, template_id: int, version: str) -> MessageTemplate:
    rows = MessageTemplate.objects.select_for_update(of=("self",)).filter(queue=queue, pk=template_id)
    template = rows.filter(Q(owner=actor) | Q(shared=True)).first()
    if template is None:
        raise Absent("absent", _("This template no longer exists. Reload the page."))
    if template.owner_id != actor.pk and not actor.is_superuser:
        raise Refused("not-owner", _("Only its owner can change a shared template. Ask them, or a superuser."))
    if version not in ("", template.version):
        raise Conflict(
            "changed-since",
            _("This template has changed since you opened it. Reload the page to see it, or save again to replace it."),
        )
    return template
