"""Personal data on a page: masked until the viewer reveals it for a reason, for ten minutes; its owner is notified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.context import StaffRequest, way_back
from admin_dashboards.masking import mask_mail, mask_phone, mask_text
from apps.access import may
from apps.chat.models import Message
from apps.errors import Absent, DomainError, Invalid, Refused
from apps.infra.ids import parse_id
from apps.review.reveals import is_revealed, reveal
from apps.users.accounts.access_log import DISCLOSED_REASONS
from apps.users.models import User


@dataclass(frozen=True, slots=True)
class Masked:
    """One field that is shown masked."""

    model: type[Model]
    rows: Callable[[], QuerySet[Any]]
    """Those that can be revealed."""
    field: str
    name: Any
    mask: Callable[[str], str]
    subject: Callable[[Any], User]
    """The user whose data it is, who is notified of a reveal."""

    @property
    def permission(self) -> str:
        return f"{self.model._meta.app_label}.reveal_{self.model._meta.model_name}"


MASKED = {
    (masked.model._meta.label_lower, masked.field): masked
    for masked in (
        Masked(User, User.objects.clients, "email", gettext_lazy("email address"), mask_mail, lambda user: user),
        Masked(User, User.objects.clients, "phone", gettext_lazy("phone"), mask_phone, lambda user: user),
        Masked(
            Message,
            Message.objects.with_names,
            "text",
            gettext_lazy("text of the message"),
            mask_text,
            lambda message: message.sender,
        ),
    )
}


def masked_field(request: StaffRequest, target: Model, field: str) -> SafeString | str:
    """The field as `request.user` may see it: masked, with a way to reveal it, or, while it is revealed, in clear."""
    masked = MASKED[target._meta.label_lower, field]
    value = str(getattr(target, field))
    if not value:
        return "–"
    user: User = request.user
    may_reveal = bool(may(user, masked.permission, target))
    revealed = may_reveal and is_revealed(user, target, field)
    context = {
        "value": value if revealed else masked.mask(value),
        "revealed": revealed,
        "may_reveal": may_reveal and not revealed,
        "type": target._meta.label_lower,
        "id": target.pk,
        "field": field,
        "name": masked.name,
        "reason_is_shown": target._meta.label_lower in DISCLOSED_REASONS,
        "next": request.get_full_path(),
    }
    return render_to_string("desk/masked.html", context, request)


def may_reveal_some(request: StaffRequest, masked: Masked) -> bool:
    """Whether the viewer may reveal this field of any row; the service checks the row."""
    return bool(request.console.may(masked.permission)) or masked.permission in request.console.rows_held


def reveal_view(request: StaffRequest) -> HttpResponse:
    """Reveal one field, and go back to its page."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    masked = MASKED.get((request.POST.get("type", ""), request.POST.get("field", "")))
    user: User = request.user
    if masked is None:
        if not any(may_reveal_some(request, known) for known in MASKED.values()):
            raise Refused("permission-missing", may(user, next(iter(MASKED.values())).permission).sentence)
        raise Invalid("unknown", _("There is no such field."), field="field")
    if not may_reveal_some(request, masked):
        raise Refused("permission-missing", may(user, masked.permission).sentence)
    target = masked.rows().filter(pk=parse_id(request.POST.get("id", ""))).first()
    if target is None:
        raise Absent("not-found", _("This object does not exist. Reload the page."))
    try:
        reveal(user, target, masked.field, subject=masked.subject(target), reason=request.POST.get("reason", ""))
    except (Absent, Refused):
        raise
    except DomainError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(way_back(request))
