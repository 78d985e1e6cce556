"""The page of a desk's message templates: the viewer's own and the shared ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from admin_dashboards.errors import with_status
from apps.errors import Absent, DomainError, Refused
from apps.infra.ids import parse_id
from apps.review.message_templates import (
    LONGEST_TEXT,
    LONGEST_TITLE,
    delete_template,
    save_template,
    templates_for,
)

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk


def templates_view(desk: WorkDesk, request: StaffRequest) -> HttpResponse:
    """List them; posted to, store or delete one. What cannot be taken is shown with all that was typed."""
    viewer: Any = request.user
    error = None
    if request.method == "POST":
        try:
            said = _posted(desk, request)
        except (Refused, Absent):
            raise
        except DomainError as refusal:
            error = refusal
        else:
            messages.success(request, said)
            return HttpResponseRedirect(request.path)
    lines = [
        {
            "template": template,
            "mine": template.owner_id == viewer.pk,
            "editable": viewer.is_superuser or template.owner_id == viewer.pk,
            "fields": _fields(template.texts),
        }
        for template in templates_for(viewer, desk.queue.slug)
    ]
    typed = {code: request.POST.get(f"text_{code}", "") for code, _name in settings.LANGUAGES}
    context = {
        "lines": lines,
        "error": error,
        "posted": request.POST if error else {},
        "failed": parse_id(request.POST.get("template", "")) if error else None,
        "new_fields": _fields(typed if error else {}),
        "longest_title": LONGEST_TITLE,
        "longest_text": LONGEST_TEXT,
    }
    page = desk.page(request, "desk/message_templates.html", context, title=_("Message templates"))
    return with_status(page, error)


def _posted(desk: WorkDesk, request: StaffRequest) -> str:
    """Carry out what was posted; the sentence that says what was done."""
    actor: Any = request.user
    version = request.POST.get("version", "")
    if number := parse_id(request.POST.get("delete", "")):
        delete_template(actor, desk.queue.slug, number, version=version)
        return _("Template deleted.")
    kept = save_template(
        actor,
        desk.queue.slug,
        desk.permission,
        title=request.POST.get("title", ""),
        texts={code: request.POST.get(f"text_{code}", "").replace("\r\n", "\n") for code, _name in settings.LANGUAGES},
        shared=bool(request.POST.get("shared")),
        template_id=parse_id(request.POST.get("template", "")) or None,
        version=version,
    )
    return _("Template “%(title)s” saved.") % {"title": kept.title}


def _fields(texts: dict[str, str]) -> list[tuple[str, Any, str]]:
    """Code, name and text for each language that users read."""
    return [(code, name, texts.get(code, "")) for code, name in settings.LANGUAGES]
