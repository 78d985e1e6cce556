"""How the console shows reported content: one class for each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.template.defaultfilters import linebreaksbr
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from admin_dashboards.context import StaffRequest, asking
from admin_dashboards.links import link_to
from admin_dashboards.moderation.field_texts import field_texts
from admin_dashboards.moderation.story_files import media_of, veiled
from admin_dashboards.registry import table_for
from admin_dashboards.reveals import masked_field
from admin_dashboards.states import account_state, verification_state
from apps.access import may
from apps.audit.services import note_shown
from apps.chat.models import Message
from apps.moderation.content import content_of, target_of
from apps.moderation.context import REVEAL, around, texts_open_to
from apps.moderation.models import Case, Report
from apps.stories.models import Story
from apps.users.models import User


@dataclass(frozen=True, slots=True)
class ContextMessage:
    """A message of the context."""

    message: Message
    text: str | None
    """None while masked."""
    reported: bool


class ReportedContent:
    """One kind of reported content on the pages of cases and reports."""

    def title(self, case: Case) -> str:
        return _("%(kind)s %(number)d by %(name)s") % {
            "kind": case.get_kind_display(),
            "number": case.target_id,
            "name": case.author.username,
        }

    def link(self, report: Report) -> str:
        """Links to the record of the content, where the viewer may open it."""
        return link_to(self._record(report), f"{report.get_kind_display()} {report.target_id}")

    def note_shown(self, user: User, case: Case) -> None:
        """Record that an image which was fetched ahead is shown to `user` now."""

    # --- On the page of a case --------------------------------------------------------------------------------------

    def evidence(self, request: StaffRequest, case: Case) -> dict[str, Any]:
        """What the page of a case shows of the content, for viewers who may see it.

        Of deleted content the text is left, for viewers who may see content of that kind.
        """
        target = target_of(case.kind, case.target_id)
        table = table_for(content_of(case.kind).model)
        may_see = target is not None and table is not None and table.has_view_permission(request, target)
        may_see_kind = target is None and table is not None and table.has_view_permission(request)
        return {
            "target": target if may_see else None,
            "gone": target is None,
            "state": self._state(target) if may_see else "",
            "link": link_to(target, _("Open record")) if may_see else "",
            "texts": field_texts(case, target) if may_see or may_see_kind else [],
            "media": self._media(target) if may_see else "",
        }

    # --- On the page of a report ------------------------------------------------------------------------------------

    def summary(self, report: Report) -> str:
        """The content as it is now, for viewers who may see it, with the text that was reported where it differs."""
        table: Any = table_for(content_of(report.kind).model)
        rows = table.get_queryset(asking()) if table is not None else None
        row = rows.filter(pk=report.target_id).first() if rows is not None else None
        if row is None:
            return format_html("<p>{}</p>", _("Deleted, or you have no permission to see it."))
        return self._summary(report, row)

    def _summary(self, report: Report, row: Any) -> str:
        """The content of a row that the viewer may see: at least what it said when it was reported."""
        return self._as_reported(report, row)

    def _as_reported(self, report: Report, row: Any) -> SafeString:
        if report.case is None:
            return SafeString("")
        changed = ((line.name, text) for line in field_texts(report.case, row) for _at, text in line.reported)
        return format_html_join("", f"<p><span>{_('As reported')} · {{}}:</span> {{}}</p>", changed)

    def _record(self, report: Report) -> Model:
        return content_of(report.kind).model(pk=report.target_id)

    def _media(self, target: Any) -> SafeString | str:
        return ""

    def _state(self, target: Any) -> SafeString | str:
        table: Any = table_for(type(target))
        return table.state(target)


class ReportedStory(ReportedContent):
    def note_shown(self, user: User, case: Case) -> None:
        note_shown(user, Story(pk=case.target_id))

    def _media(self, target: Any) -> SafeString | str:
        return media_of(target)

    def _summary(self, report: Report, row: Any) -> str:
        was = self._as_reported(report, row)
        return format_html("{}<p>{}</p><p>{}</p>{}", media_of(row), row.caption, self._state(row), was)


class ReportedEvent(ReportedContent):
    def _summary(self, report: Report, row: Any) -> str:
        description, was = linebreaksbr(row.description), self._as_reported(report, row)
        return format_html("<h2>{}</h2><p>{}</p><p>{}</p>{}", row.title, self._state(row), description, was)


class ReportedMessage(ReportedContent):
    """Masked: staff read a message and those around it only after they have given a reason."""

    def evidence(self, request: StaffRequest, case: Case) -> dict[str, Any]:
        message = target_of(case.kind, case.target_id)
        if message is None:
            return super().evidence(request, case) | {"texts": []}
        near = around(message)
        texts = texts_open_to(request.user, near)
        return {
            "target": message,
            "gone": False,
            "state": self._state(message),
            "link": link_to(message, _("Open record")),
            "messages": [ContextMessage(each, texts.get(each.pk), each.pk == message.pk) for each in near],
            "may_reveal": bool(may(request.user, REVEAL, message)),
            "all_revealed": len(texts) == len(near),
        }

    def _summary(self, report: Report, row: Any) -> str:
        return format_html("<p>{}</p><p>{}</p>", masked_field(asking(), row, "text"), self._state(row))


class ReportedUser(ReportedContent):
    """The profile of the author, whom every moderator may see."""

    def title(self, case: Case) -> str:
        return _("User %(name)s") % {"name": case.author.username}

    def note_shown(self, user: User, case: Case) -> None:
        note_shown(user, case, page="picture")

    def evidence(self, request: StaffRequest, case: Case) -> dict[str, Any]:
        address, alt = reverse("admin:desk_moderation_item_picture", args=[case.pk]), _("The profile picture")
        image = format_html('<img src="{}" class="story-media" alt="{}">', address, alt)
        return {
            "target": case.author,
            "gone": False,
            "state": self._state(case.author),
            "link": "",
            "texts": field_texts(case, case.author),
            "media": veiled(image) if case.author.profile.image else "",
        }

    def summary(self, report: Report) -> str:
        return format_html("<h2>{}</h2>", link_to(report.author))

    def _record(self, report: Report) -> Model:
        return report.author

    def _state(self, target: Any) -> SafeString | str:
        return account_state(target) if target.is_suspended else verification_state(target)


_contents: dict[str, ReportedContent] = {
    Report.Kind.STORY: ReportedStory(),
    Report.Kind.EVENT: ReportedEvent(),
    Report.Kind.MESSAGE: ReportedMessage(),
    Report.Kind.USER: ReportedUser(),
}


def reported_content(kind: str) -> ReportedContent:
    """How the console shows that kind of content."""
    return _contents[kind]
