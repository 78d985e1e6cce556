"""How far the log that proves itself has come, and the proof of one line as a file."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest
from admin_dashboards.links import AUDIT_LOG
from apps.access import note_use, require
from apps.audit.actions import Action
from apps.audit.log import read_key
from apps.audit.log_tables import log_tables
from apps.audit.services import record
from apps.errors import Absent, DomainError
from apps.transparency import checkpoints
from apps.transparency.models import Publication, Verification
from apps.transparency.proofs import proof_of
from apps.transparency.verifying import waiting
from apps.upkeep.models import LastSuccess, Rehearsal

STATE = "transparency.verify_log"
PROOF = "transparency.export_proof"


def may_see_state(request: StaffRequest) -> bool:
    return bool(request.console.may(STATE))


def may_prove(request: StaffRequest) -> bool:
    return bool(request.console.may(PROOF))


def state_page(desk: Any, request: StaffRequest) -> HttpResponse:
    """The last checkpoint, what waits for the next, where the log is written to, the last verification; backups."""
    note_use(STATE)
    context = {
        "checkpoint": checkpoints.latest(),
        "waiting": waiting(),
        "places": Publication.objects.order_by("place"),
        "verification": Verification.objects.first(),
        "backup": LastSuccess.objects.filter(name="backup").first(),
        "rehearsal": Rehearsal.objects.first(),
        "opens_desk": desk.may_open(request),
    }
    response: HttpResponse = desk.page(request, "access/audit_state.html", context, title=_("Proof of the log"))
    return response


def audit_proof(request: StaffRequest) -> HttpResponse:
    """The proof of a line as a file, with the row as it is stored; recorded before it leaves."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user: Any = request.user
    require(user, PROOF)
    try:
        if (key := read_key(request.POST.get("line", ""))) is None:
            raise Absent("not-found", _("There is no such line."))
        label = log_tables()[key.source].model._meta.label_lower
        proof = proof_of(label, key.row)
    except DomainError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse(AUDIT_LOG))
    record(user, Action.EXPORTED, table=label, rows=1, about=f"proof of {key.row}")
    response = HttpResponse(proof.write(), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="proof-{label}-{key.row}.json"'
    return response
