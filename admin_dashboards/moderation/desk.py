"""The moderation desk: cases by weight, the late ones in front; each decided by one or two keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, override

from admin_dashboards.context import PART, StaffRequest, is_ahead, refuse_other_sites
from admin_dashboards.languages import in_language
from admin_dashboards.moderation.author import sections
from admin_dashboards.moderation.case_page import evidence, facts, main_reason
from admin_dashboards.moderation.story_files import send_picture
from admin_dashboards.review.work import BulkAction, Filter, Row, WorkDesk
from admin_dashboards.states import label
from apps.audit.actions import Action
from apps.audit.services import fetched_ahead, note_shown, record
from apps.chat.models import Message
from apps.errors import Absent, Conflict, DomainError, Invalid, Refused
from apps.events.models import Event
from apps.infra.ids import parse_id, searched_number
from apps.moderation.actions.checks import check_outcomes, possible_outcomes, require_outcomes
from apps.moderation.actions.edit import Edit
from apps.moderation.actions.keep import Keep
from apps.moderation.actions.registry import extras, label_of, most_severe
from apps.moderation.cases import settle_case
from apps.moderation.content import target_of
from apps.moderation.context import reveal_around
from apps.moderation.deciding import cases_either_way, why_not_removable
from apps.moderation.models import Appeal, Case, Report
from apps.moderation.notices import Notice, ends_at, to_author, to_reporter
from apps.moderation.queues import CASES
from apps.moderation.strikes import recommend
from apps.review.claims import check_workable
from apps.review.decisions.models import Decision
from apps.stories.models import Story
from apps.users.models import User

DAYS = (1, 3, 7, 14, 30, 90)


class CaseDesk(WorkDesk):
    """What both queues of the desk share."""

    permission = "moderation.settle_report"

    def held_on_rows(self, request: StaffRequest) -> bool:
        """Cases gather what many have reported; they are not granted one by one."""
        return False

    def case_of(self, item: Any) -> Case:
        """The case that an item of the queue is, or is about."""
        return item

    def _item_page(self, request: StaffRequest, item: Any, error: DomainError | None = None) -> HttpResponse:
        """A picture that was fetched ahead for it is written down as looked at."""
        case = self.case_of(item)
        if not is_ahead(request):
            if case.kind == Report.Kind.STORY:
                note_shown(request.user, Story(pk=case.target_id))
            elif case.kind == Report.Kind.USER:
                note_shown(request.user, case, page="picture")
        return super()._item_page(request, item, error)


class ModerationDesk(CaseDesk):
    slug = "moderation"
    title: ClassVar[str | Promise] = gettext_lazy("Moderation")
    icon = "gavel"
    queue = CASES
    templates = {
        "evidence": "moderation/desk/evidence.html",
        "facts": "moderation/desk/facts.html",
        "decision": "moderation/desk/decision.html",
        "decided": "moderation/desk/decided.html",
    }
    filters = (Filter("kind", gettext_lazy("Kind"), dict(Report.Kind.choices), "kind"),)
    search_people = ("author",)
    bulk_actions = (
        BulkAction("kept", gettext_lazy("Keep"), key="a"),
        BulkAction("removed", gettext_lazy("Remove"), template="moderation/desk/bulk_text.html", key="r"),
        BulkAction("warned", gettext_lazy("Warn"), template="moderation/desk/bulk_text.html", key="w"),
    )

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<int:item_id>/preview/", self.view(self.preview), name=f"{self.name}_item_preview"),
            path("<int:item_id>/author/", self.view(self.author), name=f"{self.name}_item_author"),
            path("<int:item_id>/picture/", self.view(self.picture), name=f"{self.name}_item_picture"),
            path("<int:item_id>/reveal/", self.view(self.reveal, posts=True), name=f"{self.name}_item_reveal"),
            *super().get_urls(),
        ]

    # --- The queue --------------------------------------------------------------------------------------------------

    def narrowed(self, request: StaffRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        reasons = Report.objects.filter(case=OuterRef("pk")).order_by("id").values("reason")
        rows = super().narrowed(request, rows).select_related("author__profile", "closed_by")
        return rows.annotate(reasons=ArraySubquery(reasons))

    def found_by(self, term: str) -> Q:
        # By the number of the thing, too: it is what its table and its address show.
        number = searched_number(term, str(Case._meta.verbose_name))
        return super().found_by(term) | Q(target_id=number) if number else super().found_by(term)

    def row(self, request: StaffRequest, item: Case) -> Row:
        reasons: list[str] = item.reasons  # type: ignore[attr-defined]
        counted = Counter(str(Report.Reason(reason).label) for reason in reasons)
        told = ", ".join(f"{reason} ×{n}" if n > 1 else reason for reason, n in counted.most_common())
        weight = _("priority %(weight)d") % {"weight": item.weight}
        reports = ngettext("%(n)d report", "%(n)d reports", len(reasons)) % {"n": len(reasons)}
        # What it weighed says in which order it is worked on, which a decided one is not any more.
        shown = [label("balance", weight), reports, told] if self.is_open(item) else [reports, told]
        return Row(item, self.title_of(item), shown)

    def title_of(self, item: Case) -> str:
        if item.kind == Report.Kind.USER:
            return _("User %(name)s") % {"name": item.author.username}
        return _("%(kind)s %(number)d by %(name)s") % {
            "kind": item.get_kind_display(),
            "number": item.target_id,
            "name": item.author.username,
        }

    def recipient_of(self, item: Case) -> User:
        return item.author

    def offered(self, request: StaffRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return cases_either_way(request.user, super().offered(request, rows))

    def sentence_of(self, decision: Decision, item: Case) -> str:
        return f"{label_of(decision.after['outcomes'])}: {self.title_of(item)}"

    def index_context(self, request: StaffRequest) -> dict[str, Any]:
        appeals = Appeal.objects.open().count()
        return {
            "tab_links": [
                {"address": reverse("admin:desk_moderation_appeals"), "title": _("Appeals"), "count": appeals}
            ]
        }

    # --- One case ---------------------------------------------------------------------------------------------------

    def item_context(self, request: StaffRequest, item: Case, *, deciding: bool) -> dict[str, Any]:
        context = {
            "evidence": evidence(request, item),
            "facts": facts(item),
            "author_address": self.within(request, "item_author", item.pk),
            "reveal_address": self.within(request, "item_reveal", item.pk),
            "standing_decision": None if self.is_open(item) else Decision.objects.about(item).standing().last(),
        }
        return context | self._decision(request, item) if deciding else context

    def _decision(self, request: StaffRequest, case: Case) -> dict[str, Any]:
        """What the panel offers. After a refusal, with what had been chosen and typed."""
        posted = request.POST if "outcome" in request.POST else None
        step = recommend(case.author_id)
        days = posted.get("days", "") if posted else str(step.lasts.days or 7)
        possible = {action.code for action in possible_outcomes(request.user, case)}
        chosen = posted.getlist("outcome") if posted else []
        event = target_of(case.kind, case.target_id) if case.kind == Report.Kind.EVENT else None
        return {
            "possible": possible,
            "cannot": why_not_removable(request.user, case),
            "extras": [
                {"value": each.code, "label": each.choice, "key": key, "ticked": each.code in chosen}
                for key, each in enumerate(extras(), 1)
                if each.code in possible
            ],
            "days": [(str(each), ngettext("%d day", "%d days", each) % each) for each in DAYS],
            "chosen_days": days,
            "reasons": Report.Reason.choices,
            "chosen_reason": posted.get("reason", "") if posted else main_reason(case),
            "event": event,
            "typed": {name: posted.get(name, "") if posted else "" for name in ("text", "note")},
            "typed_title": _typed(event, "title", posted),
            "typed_description": _typed(event, "description", posted),
            "previews": self._previews(
                request,
                case,
                _selected(chosen),
                posted.get("text", "") if posted else "",
                days,
            ),
            "preview_address": self.at("item_preview", case.pk),
        }

    def preview(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """What everybody would read, word for word, were the case settled as it is ticked now."""
        case = self.one(request, item_id)
        selected = _selected(request.GET.getlist("outcome"))
        previews = self._previews(
            request, case, selected, request.GET.get("text", "")[:1000], request.GET.get("days", "")
        )
        return TemplateResponse(request, "moderation/desk/preview.html", {"previews": previews})

    def _previews(
        self, request: StaffRequest, case: Case, selected: Sequence[str], text: str, days: str
    ) -> list[dict[str, Any]]:
        target = target_of(case.kind, case.target_id)
        until = ends_at(case.author, (timezone.now() + timedelta(days=_days(days))).isoformat())
        languages = sorted(set(case.reports.open().values_list("reporter__language", flat=True)))

        def say(title: str, chosen: Sequence[str]) -> dict[str, Any]:
            to_them = to_author(case, target, chosen, text=text.strip(), until=until)
            return {
                "title": title,
                "author": [read_in(case.author.language, said) for said in to_them],
                "reporters": [read_in(language, to_reporter(most_severe(chosen))) for language in languages],
            }

        found = [
            say(str(action.choice), [action.code, *([] if action.is_exclusive else selected)])
            for action in possible_outcomes(request.user, case)
            if not action.is_extra
        ]
        if selected:
            found.append(say(_("Selected actions only"), selected))
        return found

    def decide(self, request: StaffRequest, item: Case) -> None:
        posted = request.POST
        chosen = posted.getlist("outcome")
        if Keep.code in chosen:
            chosen = [Keep.code]
        settle_case(
            request.user,
            item.pk,
            outcomes=chosen,
            reason=posted.get("reason", ""),
            text=posted.get("text", "").strip() if chosen != [Keep.code] else "",
            note=posted.get("note", "").strip()[:1000],
            until=timezone.now() + timedelta(days=_days(posted.get("days", ""))),
            edits=_edits(item, posted) if Edit.code in chosen else None,
            version=parse_id(posted.get("version", "")),
        )

    def author(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """About the author of a case, as a page, or as the part that the script of the case's page shows beside it."""
        case = self.one(request, item_id)
        context = {
            "author": case.author,
            "facts": facts(case),
            "sections": sections(request, case.author, but=case),
            "case_address": self.within(request, "item", case.pk),
        }
        if PART in request.headers:
            return TemplateResponse(request, "moderation/desk/author.html", context)
        title = _("About %(name)s") % {"name": case.author.username}
        return self.page(request, "moderation/desk/author_page.html", context, title=title)

    def reveal(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """Show the reported message and those around it to whoever says why."""
        case = self.one(request, item_id)
        if request.method == "POST":
            message = target_of(case.kind, case.target_id)
            if not isinstance(message, Message):
                raise Absent("not-found", _("This case has no masked message to reveal. Reload the page."))
            try:
                reveal_around(request.user, message, reason=request.POST.get("reason", ""))
            except DomainError as error:
                return self._item_page(request, self.one(request, item_id), error)
        return HttpResponseRedirect(self.within(request, "item", item_id))

    def picture(self, request: StaffRequest, item_id: int) -> HttpResponse:
        """The picture of a reported person, through the case, and written down."""
        refuse_other_sites(request)
        case = self.one(request, item_id)
        profile = User.objects.select_related("profile").get(pk=case.author_id).profile
        if case.kind != Report.Kind.USER or not profile.image:
            raise Http404
        response = send_picture(profile.image)
        record(request.user, Action.VIEWED, case, page="picture", **fetched_ahead(is_ahead(request)))  # type: ignore[arg-type]
        return response  # type: ignore[return-value]

    # --- Many at once -----------------------------------------------------------------------------------------------

    def bulk_preview(self, request: StaffRequest, action: BulkAction, item: Case) -> str:
        user: User = request.user
        target = target_of(item.kind, item.target_id)
        with _of_this_case():
            check_workable(user, item)
            require_outcomes(user, item, check_outcomes(item.kind, [action.code]), target)
        said = to_author(item, target, [action.code], text=request.POST.get("text", "").strip(), until="")
        if not said:
            return _("Content is kept; the reporters are notified.")
        read = {"name": item.author.username, **read_in(item.author.language, said[0])}
        if read["language"]:
            return _("Message to %(name)s, %(language)s: %(text)s") % read
        return _("Message to %(name)s: %(text)s") % read

    def bulk_do(self, request: StaffRequest, action: BulkAction, item: Case, batch: UUID) -> str:
        text = request.POST.get("text", "").strip() if action.code != Keep.code else ""
        with _of_this_case():
            settle_case(
                request.user,
                item.pk,
                outcomes=[action.code],
                text=text,
                version=item.version,
                batch=batch,
            )
        return label_of([action.code])


@contextmanager
def _of_this_case() -> Iterator[None]:
    """What one case does not allow skips that case, and is no mistake in what was typed for all."""
    try:
        yield
    except Invalid as error:
        if error.field != "outcome":
            raise
        raise Conflict(error.code, str(error)) from error
    except Refused as error:
        raise Conflict(error.code, str(error)) from error


def read_in(language: str, said: Notice) -> dict[str, str]:
    """The very words, in the language of whoever reads them, and that named beside."""
    with override(language):
        text = said.text
    return {"text": text, "code": language, "language": in_language(language)}


def _selected(codes: Sequence[str]) -> list[str]:
    """Those of the outcomes that the desk offers to select."""
    return [action.code for action in extras() if action.code in codes]


def _days(text: str) -> int:
    return int(text) if text in map(str, DAYS) else 7


def _typed(event: Any, name: str, posted: Any) -> str:
    """What was typed into a field of the event; what it says now where it was left as it was."""
    now = str(getattr(event, name, ""))
    typed = posted.get(name, now) if posted else now
    return now if posted and typed == posted.get(f"was_{name}") else typed


def _edits(case: Case, posted: Any) -> dict[str, str]:
    """The new words. Raises `Conflict` where the host has written others since the moderator read them."""
    event = target_of(case.kind, case.target_id)
    if not isinstance(event, Event):
        return {}
    sent = {name: posted[name].replace("\r\n", "\n") for name in ("title", "description") if name in posted}
    for name in sent:
        if posted.get(f"was_{name}", "").replace("\r\n", "\n") != getattr(event, name).replace("\r\n", "\n"):
            raise Conflict(
                "changed-since", _("The host has changed the text since you opened it. Read it again, then decide.")
            )
    return {name: words for name, words in sent.items() if words != getattr(event, name).replace("\r\n", "\n")}
