"""The tables of the access desk: groups, staff and sessions."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from admin_dashboards.access.filters import GroupFilter, SessionStateFilter
from admin_dashboards.access.forms import GroupForm, NewPasswordForm, NewStaffForm, StaffForm
from admin_dashboards.access.grants import grants_held, key_of
from admin_dashboards.access.objects import MOST, find_objects, kinds
from admin_dashboards.access.preview import PREVIEW, Preview, preview_answer, what_would_change
from admin_dashboards.context import PART, StaffRequest, way_back, with_filters
from admin_dashboards.devices import device_of
from admin_dashboards.links import link_to
from admin_dashboards.sign_in.reauth import recently_confirmed
from admin_dashboards.states import label
from admin_dashboards.tables.base import ModelAdmin
from admin_dashboards.tables.date_filters import DaysFilter
from admin_dashboards.tables.search import SearchableAdmin
from apps.access import may, unended, until_text
from apps.errors import DomainError, Invalid
from apps.users.accounts.guards import (
    is_protected_administrator,
    is_protected_superuser,
    refuse_access_administrator,
    refuse_superuser,
)
from apps.users.authentication import console_sessions
from apps.users.authentication.sessions import end_session, end_sessions_of, valid_sessions_of
from apps.users.models import GroupMembership, Session, Staff, User
from apps.users.names import tidy
from apps.users.staff.accounts import add_staff, change_staff, current_memberships, set_staff_password
from apps.users.staff.builtin_roles import is_built_in
from apps.users.staff.groups import delete_group, save_group

SIGNS_IN_WITH = ("username", "email")
SHOWN = 20
"""How many sessions of one person are named before all are ended."""


class AskingAgain(ModelAdmin):
    """A table in which rights are given: what is sent to it asks for the password or a code where that is long ago.

    Only of those who may send it; others are refused as everywhere.
    """

    def changeform_view(
        self,
        request: StaffRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        theirs = self.has_change_permission(request) if object_id else self.has_add_permission(request)
        view = super().changeform_view
        if PREVIEW in request.POST and theirs:
            return self._preview(request, object_id)
        return self._asked(view, theirs)(request, object_id, form_url, extra_context)

    def delete_view(
        self, request: StaffRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._asked(super().delete_view, self.has_delete_permission(request))(request, object_id, extra_context)

    def changelist_view(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return self._asked(super().changelist_view, self.has_delete_permission(request))(request, extra_context)

    def _preview(self, request: StaffRequest, object_id: str | None) -> HttpResponse:
        """What saving the form as it is filled in would change."""
        obj = self.get_object(request, unquote(object_id)) if object_id else None
        if obj is not None and not self.has_change_permission(request, obj):
            raise PermissionDenied
        try:
            form = self.get_form(request, obj, change=obj is not None)(request.POST, instance=obj)
            told = self._told(request, obj, form)
        except DomainError as error:
            told = Preview(refused=error)
        return preview_answer(request, told)

    def _told(self, request: StaffRequest, obj: Any, form: Any) -> Preview:
        if not form.is_valid():
            return Preview(
                errors=[
                    f"{form.fields[name].label}: {error}" if name in form.fields and form.fields[name].label else error
                    for name, errors in form.errors.items()
                    for error in errors
                ]
            )

        def save() -> Any:
            self.save_model(request, form.instance, form, change=obj is not None)
            return form.instance

        return what_would_change(save, lambda saved: self.concerned(saved or obj))

    def concerned(self, obj: Any) -> set[int]:
        """The ids of those whom a change of this row may concern."""
        raise NotImplementedError

    def _asked(self, view: Any, theirs: bool) -> Any:
        def answer(request: StaffRequest, *args: Any) -> HttpResponse:
            asks = theirs and request.method == "POST"
            return (recently_confirmed(view) if asks else view)(request, *args)

        return answer


@admin.register(Group)
class GroupAdmin(AskingAgain):
    adds: ClassVar[str | None] = "add"
    changes: ClassVar[str | None] = "change"
    deletes: ClassVar[str | None] = "delete"

    form = GroupForm
    list_display = ["name", "origin", "members", "allows"]
    ordering = ["name"]
    sortable_by = ["name"]
    search_fields = ["name"]
    fieldsets = [(None, {"fields": ["name", "permissions"]})]
    readonly_fields = ["people"]

    def rows(self) -> QuerySet[Any]:
        return (
            super()
            .rows()
            .annotate(
                member_count=Count("memberships", filter=unended("memberships__"), distinct=True),
                permission_count=Count("permissions", distinct=True),
            )
        )

    change_form_outer_after_template = "access/group_preview.html"

    def concerned(self, obj: Any) -> set[int]:
        if obj is None or obj.pk is None:
            return set()
        return set(obj.memberships.filter(unended()).values_list("user", flat=True))

    def get_deleted_objects(
        self, objs: Any, request: StaffRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        names, counts, lacking, protected = super().get_deleted_objects(objs, request)
        if request.POST.get("post"):
            return names, counts, lacking, protected
        told = [self._deletion(request, group) for group in objs]
        lines = [part for name, words in zip(names, told, strict=True) for part in (name, words)]
        return lines, counts, lacking, protected

    def _deletion(self, request: StaffRequest, group: Group) -> list[str]:
        """What deleting it would change, as lines under its name."""
        members = self.concerned(group)
        told = what_would_change(lambda: delete_group(request.user, group.pk), lambda _gone: members)
        return told.lines()

    def get_fieldsets(self, request: StaffRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fieldsets
        return [*self.fieldsets, (_("Members"), {"fields": ["people"]})]

    def get_form(self, request: StaffRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[Any]:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"actor": request.user})

    def has_delete_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        # Said by the service too; here it spares a button that cannot work.
        if request.method == "GET" and isinstance(obj, Group) and is_built_in(obj.name):
            return self.deny(request, _("“%(name)s” is built in and stays.") % {"name": obj.name})
        return super().has_delete_permission(request, obj)

    def save_model(self, request: StaffRequest, obj: Group, form: Any, change: bool) -> None:
        data = form.cleaned_data
        saved = save_group(
            request.user,
            obj.pk if change else None,
            name=data["name"],
            permissions=data["permissions"],
        )
        obj.pk, obj.name = saved.pk, saved.name

    def delete_model(self, request: StaffRequest, obj: Group) -> None:
        delete_group(request.user, obj.pk)

    @display(description=gettext_lazy("origin"))
    def origin(self, group: Group) -> SafeString:
        if is_built_in(group.name):
            return label("lock", _("Built in"))
        return label("group", _("Custom"))

    @display(description=gettext_lazy("members"))
    def members(self, group: Any) -> int:
        return group.member_count

    @display(description=gettext_lazy("permissions"))
    def allows(self, group: Any) -> int:
        return group.permission_count

    @display(description=gettext_lazy("members"))
    def people(self, group: Group) -> str:
        members = group.memberships.filter(unended()).select_related("user").order_by("user__username")[:100]
        names = ((_membership(link_to(member.user), member),) for member in members)
        return format_html_join(", ", "{}", names) or _("No members yet.")


@admin.register(Staff)
class StaffAdmin(AskingAgain, SearchableAdmin):
    adds: ClassVar[str | None] = "add"
    changes: ClassVar[str | None] = "change"

    form = StaffForm
    list_display = ["username", "email", "belongs_to", "account", "last_login"]
    list_filter = ["is_active", GroupFilter, ("last_login", DaysFilter)]
    ordering = ["username"]
    sortable_by = ["username", "last_login"]
    search_help_text = gettext_lazy("User name, email or ID")
    add_fieldsets = ((None, {"fields": ["username", "email", "password1", "password2", "groups"]}),)
    change_form_outer_after_template = "access/staff_grants.html"

    def get_urls(self) -> list[URLPattern]:
        def wrap(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        return [
            path("<int:staff_id>/password/", wrap(self.password_view), name="users_staff_password"),
            path("<int:staff_id>/grant/", wrap(self.grant_view), name="users_staff_grant"),
            *super().get_urls(),
        ]

    def get_search_fields(self, request: StaffRequest) -> list[str]:
        return ["username", "email"]

    def found_by(self, term: str) -> Q:
        staff = User.objects.staff()
        found = staff.with_name_part(term) | staff.with_address_part(term)
        return super().found_by(term) | Q(pk__in=found.values("pk"))

    def concerned(self, obj: Any) -> set[int]:
        return set() if obj is None or obj.pk is None else {obj.pk}

    def rows(self) -> QuerySet[Any]:
        return super().rows().filter(is_staff=True).prefetch_related(current_memberships())

    def has_change_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        if isinstance(obj, User) and is_protected_superuser(obj, request.user):
            return self.deny(
                request, _("%(name)s is a superuser. Only superusers can change this account.") % {"name": obj}
            )
        return super().has_change_permission(request, obj)

    def get_fieldsets(self, request: StaffRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        rights = ["own_groups"] if self._read_only_groups(request, obj) else ["groups"]
        return [
            (None, {"fields": ["username", "email", "is_active"]}),
            (_("Groups and permissions"), {"fields": [*rights, "superuser"]}),
            (_("Sign-in"), {"fields": ["last_login", "date_joined"]}),
        ]

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        fixed = ["own_groups", "superuser", "last_login", "date_joined"]
        if obj is None:
            return fixed
        if is_protected_administrator(request.user, obj):
            return [*fixed, *SIGNS_IN_WITH, "is_active"]
        return [*fixed, "is_active"] if obj.pk == request.user.pk else fixed

    def _read_only_groups(self, request: StaffRequest, obj: Any) -> bool:
        return obj.pk == request.user.pk or not self.has_change_permission(request, obj)

    def get_form(self, request: StaffRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[Any]:
        form = super().get_form(request, obj, change=change, form=StaffForm if change else NewStaffForm, **kwargs)
        return type(form.__name__, (form,), {"actor": request.user})

    def change_view(
        self, request: StaffRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        staff = self.get_object(request, unquote(object_id))
        sent = {name: request.POST[name] for name in SIGNS_IN_WITH if name in request.POST}
        if any(tidy(text) != tidy(getattr(staff, name)) for name, text in sent.items()):
            refuse_access_administrator(request.user, staff)
        may_grant = self.allowed_perm(request, "users.grant_permission")
        theirs = self.has_change_permission(request, staff) and staff.pk != request.user.pk
        may_set_password = theirs and not is_protected_administrator(request.user, staff)
        context = {
            "grants_held": grants_held(staff),
            "previews": theirs,
            "kinds": kinds() if may_grant and theirs else [],
            "end_all_address": end_all_address(request, staff),
            "password_address": self.within(request, "password", staff.pk) if may_set_password else "",
            "show_save_and_continue": False,
            "title": staff.username,
            "subtitle": None,
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def save_model(self, request: StaffRequest, obj: Staff, form: Any, change: bool) -> None:
        data = form.cleaned_data
        if change:
            given = {name: data[name] for name in ("username", "email", "is_active", "groups", "ends") if name in data}
            change_staff(request.user, obj.pk, **given)
            return
        saved = add_staff(
            request.user,
            username=data["username"],
            email=data["email"],
            password=data["password1"],
            groups=data["groups"],
            ends=data["ends"],
        )
        obj.pk, obj.username = saved.pk, saved.username

    def password_view(self, request: StaffRequest, staff_id: int) -> HttpResponse:
        staff = self.get_object(request, str(staff_id))
        if not self.has_change_permission(request, staff):
            raise PermissionDenied
        refuse_access_administrator(request.user, staff)
        return recently_confirmed(self._new_password)(request, staff)

    def _new_password(self, request: StaffRequest, staff: Staff) -> HttpResponse:
        form = NewPasswordForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                set_staff_password(request.user, staff.pk, form.cleaned_data["password1"])
            except Invalid as error:
                form.add_error("password1", str(error))
            else:
                said = _("New password set for %(name)s; their sessions have ended.") % {"name": staff}
                self.message_user(request, said, messages.SUCCESS)
                return HttpResponseRedirect(reverse(self.address("change"), args=[staff.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("New password"),
            "opts": self.opts,
            "original": staff,
            "form": form,
        }
        return TemplateResponse(request, "access/password.html", context)

    def grant_view(self, request: StaffRequest, staff_id: int) -> HttpResponse:
        """From a person and what an object is found by to the page of that object's permissions."""
        staff = self.get_object(request, str(staff_id))
        if not self.allowed_perm(request, "users.grant_permission"):
            raise PermissionDenied
        kind, term = request.GET.get("kind", ""), request.GET.get("q", "").strip()
        matches, holder = find_objects(request.user, kind, term), key_of(staff)
        by_script = PART in request.headers
        if len(matches) == 1 and not by_script:
            return HttpResponseRedirect(f"{matches[0].address}?holder={holder}")
        title = _("Grant permission to %(name)s") % {"name": staff}
        context = {
            "matches": matches,
            "full": len(matches) >= (MOST if kind else MOST // 4),
            "term": term,
            "holder": holder,
        }
        if by_script:
            return TemplateResponse(request, "access/objects.html", context, headers={PART: "1"})
        context |= {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": staff,
            "person": staff,
            "kinds": kinds(),
            "chosen": kind,
            "back": self.within(request, "change", staff.pk),
        }
        return TemplateResponse(request, "access/find_page.html", context)

    @display(description=gettext_lazy("groups"))
    def belongs_to(self, staff: Staff) -> str:
        return ", ".join(sorted(_membership(member.group.name, member) for member in staff.current)) or "–"  # type: ignore[attr-defined]

    @display(description=gettext_lazy("groups"))
    def own_groups(self, staff: Staff) -> str:
        return self.belongs_to(staff)

    @display(description=gettext_lazy("account"))
    def account(self, staff: Staff) -> SafeString:
        if not staff.is_active:
            return label("block", _("Deactivated"), "bad")
        if staff.is_superuser:
            return label("shield_person", _("Superuser"), "wait")
        return label("person", _("Active"))

    @display(description=gettext_lazy("superuser"))
    def superuser(self, staff: Staff) -> str:
        return _("Yes: may do everything") if staff.is_superuser else _("No")


@admin.register(Session)
class SessionAdmin(SearchableAdmin):
    also_seen_with: ClassVar[tuple[str, ...]] = ("end",)

    list_display = ["person", "state", "door", "address", "device", "created_at", "last_seen_at"]
    list_display_links = ["created_at"]
    list_filter = ["door", SessionStateFilter, ("last_seen_at", DaysFilter)]
    ordering = ["-last_seen_at", "-id"]
    sortable_by = ["last_seen_at"]
    search_people = ("user",)
    search_help_text = gettext_lazy("User name or ID")
    actions = ["end_selected"]
    change_form_outer_before_template = "access/session.html"
    fields = [
        "person", "state", "door", "address", "user_agent", "created_at", "last_seen_at", "expires_at",
        "ended_at", "ender", "why_ended",
    ]  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:session_id>/end/", view(self.end_view), name="users_session_end"),
            path("of/<int:person_id>/end/", view(self.end_all_view), name="users_session_end_all"),
            *super().get_urls(),
        ]

    def rows(self) -> QuerySet[Any]:
        return super().rows().select_related("user", "ended_by")

    def has_end_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return self.allowed(request, "end", obj)

    def change_view(
        self, request: StaffRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        session = self.get_object(request, unquote(object_id))
        endable = session.is_live and self.has_end_permission(request, session)
        context = {
            "end_address": self.within(request, "end", session.pk) if endable else "",
            "end_all_address": end_all_address(request, session.user),
            "is_this_one": str(session.key) == request.session.get(console_sessions.SESSION_KEY),
            "title": str(session),
            "subtitle": None,
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def end_view(self, request: StaffRequest, session_id: int) -> HttpResponse:
        session = self.get_object(request, str(session_id))
        if not self.has_end_permission(request, session):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return recently_confirmed(self._end)(request, session)

    @display(description=gettext_lazy("why it ended"))
    def why_ended(self, session: Session) -> str:
        return session.ended_because

    def _end(self, request: StaffRequest, session: Session) -> HttpResponse:
        end_session(request.user, session.pk, _reason(request))
        said = _("Session of %(name)s ended.") % {"name": session.user}
        self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(way_back(request, reverse(self.address("changelist"))))

    def end_all_view(self, request: StaffRequest, person_id: int) -> HttpResponse:
        """All sessions of one person: what they are, then, by POST, their end."""
        if not self.has_end_permission(request):
            raise PermissionDenied
        person = User.objects.filter(pk=person_id).first()
        if person is None:
            raise Http404
        refuse_superuser(request.user, person)
        if request.method == "POST":
            return recently_confirmed(self._end_all)(request, person)
        live = valid_sessions_of(person)
        context = {
            **self.admin_site.each_context(request),
            "title": _("End all sessions of %(name)s") % {"name": person},
            "opts": self.opts,
            "person": person,
            "back": way_back(request, self.within(request, "changelist")),
            "sessions": [(session, device_of(session.user_agent)) for session in live[:SHOWN]],
            "count": live.count(),
            "is_oneself": person.pk == request.user.pk,
        }
        return TemplateResponse(request, "access/end_all.html", context)

    def _end_all(self, request: StaffRequest, person: User) -> HttpResponse:
        ended = end_sessions_of(request.user, person.pk, _reason(request))
        said = ngettext("%(n)d session of %(name)s ended.", "%(n)d sessions of %(name)s ended.", ended)
        self.message_user(request, said % {"n": ended, "name": person}, messages.SUCCESS)
        return HttpResponseRedirect(way_back(request, reverse(self.address("changelist"))))

    def changelist_view(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        view = super().changelist_view
        asks = request.method == "POST" and self.has_end_permission(request)
        return (recently_confirmed(view) if asks else view)(request, extra_context)

    @admin.action(permissions=["end"], description=gettext_lazy("End selected sessions"))
    def end_selected(self, request: StaffRequest, queryset: QuerySet[Any]) -> None:
        ended = 0
        with transaction.atomic():  # One that is not theirs to end stops them all.
            for session in queryset.filter(ended_at__isnull=True)[:100]:
                end_session(request.user, session.pk, "")
                ended += 1
        said = ngettext("%d session ended.", "%d sessions ended.", ended) % ended
        self.message_user(request, said, messages.SUCCESS if ended else messages.WARNING)

    @display(description=gettext_lazy("user"))
    def person(self, session: Session) -> str:
        return link_to(session.user)

    @display(description=gettext_lazy("ended by"))
    def ender(self, session: Session) -> str:
        return link_to(session.ended_by)

    @display(description=gettext_lazy("state"))
    def state(self, session: Session) -> SafeString:
        if session.ended_at:
            return label("logout", _("Ended"))
        if not session.is_live:
            return label("schedule", _("Expired"))
        return label("sensors", _("Active"), "good")

    @display(description=gettext_lazy("device"))
    def device(self, session: Session) -> str:
        return device_of(session.user_agent)


def end_all_address(request: StaffRequest, person: User) -> str:
    """Where all sessions of `person` are ended, for those who may."""
    theirs = may(request.user, "users.end_session") and not is_protected_superuser(person, request.user)
    return with_filters(request, reverse("admin:users_session_end_all", args=[person.pk])) if theirs else ""


def _reason(request: StaffRequest) -> str:
    return request.POST.get("reason", "").strip()[:200]


def _membership(name: str, member: GroupMembership) -> str:
    """`name`, and until when, as it stands in a list."""
    return format_html("{} ({})", name, until_text(member.ends_at)) if member.ends_at else name
