"""The page of a desk's rules: a section for each setting, open to users who may change it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from admin_dashboards.context import StaffRequest
from admin_dashboards.errors import with_status
from admin_dashboards.sign_in.reauth import recently_confirmed
from admin_dashboards.timeline import changes_in
from apps.access import may
from apps.errors import DomainError, Refused
from apps.infra.ids import parse_id
from apps.review.models import Goal
from apps.review.settings import LONGEST_GOAL, set_goal, version_of
from apps.users.models import User

if TYPE_CHECKING:
    from admin_dashboards.review.desk import WorkDesk


class Setting(ABC):
    """A rule of a desk."""

    code: ClassVar[str]
    title: ClassVar[str | Promise]
    permission: ClassVar[str]
    """With which a user sees and changes it."""
    template: ClassVar[str]

    @abstractmethod
    def shown(self, desk: WorkDesk) -> dict[str, Any]:
        """The setting as it is now, for the template."""

    @abstractmethod
    def change(self, actor: User, desk: WorkDesk, sent: QueryDict) -> str:
        """Change it by its service; returns the sentence that says what was done. Raises `DomainError`."""

    @abstractmethod
    def history(self, desk: WorkDesk) -> QuerySet[Any]:
        """The history of the setting."""


class GoalSetting(Setting):
    """Within how many hours an item of the desk's queue ought to be decided."""

    code = "goal"
    title: ClassVar[str | Promise] = gettext_lazy("SLA")
    permission = "desk.change_goal"
    template = "desk/settings_goal.html"

    def shown(self, desk: WorkDesk) -> dict[str, Any]:
        goal = Goal.objects.filter(queue=desk.queue.slug).first() or Goal()
        return {"hours": goal.hours, "version": version_of(goal), "most": LONGEST_GOAL}

    def change(self, actor: User, desk: WorkDesk, sent: QueryDict) -> str:
        goal = set_goal(
            actor, desk.queue.slug, hours=number_sent(sent, "hours"), version=parse_id(sent.get("version", ""))
        )
        said = ngettext("From now on the goal is %(n)d hour.", "From now on the goal is %(n)d hours.", goal.hours)
        return said % {"n": goal.hours}

    def history(self, desk: WorkDesk) -> QuerySet[Any]:
        return Goal.history.filter(queue=desk.queue.slug)


def number_sent(sent: QueryDict, name: str) -> int:
    """The whole number in a field; -1, which no setting takes, for all else."""
    text = sent.get(name, "").strip()
    return 0 if text == "0" else parse_id(text) or -1


def settings_open(desk: WorkDesk, request: StaffRequest) -> list[Setting]:
    """The settings of the desk that the viewer may change."""
    return [each for each in desk.settings if request.console.may(each.permission)]


def settings_view(desk: WorkDesk, request: StaffRequest) -> HttpResponse:
    if request.method == "POST":
        return recently_confirmed(partial(_change, desk))(request)
    return _page(desk, request)


def _change(desk: WorkDesk, request: StaffRequest) -> HttpResponse:
    code = request.POST.get("setting", "")
    setting = next((each for each in desk.settings if each.code == code), None)
    if setting is None:
        messages.error(request, _("There is no such setting."))
        return HttpResponseRedirect(request.path)
    if not (decision := may(request.user, setting.permission)):
        raise PermissionDenied(decision.sentence)
    try:
        said = setting.change(request.user, desk, request.POST)
    except Refused:
        raise
    except DomainError as error:
        return _page(desk, request, failed=setting, error=error)
    messages.success(request, said)
    return HttpResponseRedirect(request.path)


def _page(
    desk: WorkDesk, request: StaffRequest, *, failed: Setting | None = None, error: DomainError | None = None
) -> HttpResponse:
    theirs = settings_open(desk, request)
    context = {
        "sections": [
            {
                "setting": each,
                "shown": each.shown(desk),
                "error": error if each is failed else None,
                "posted": request.POST if each is failed else {},
            }
            for each in theirs
        ],
        "timeline": changes_in([each.history(desk) for each in theirs]),
        "opens_desk": desk.may_open(request),
    }
    title = _("%(desk)s: rules and SLA") % {"desk": desk.title}
    return with_status(desk.page(request, "desk/settings.html", context, title=title), error)
