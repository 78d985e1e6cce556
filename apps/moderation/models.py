from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.access import TimeBoxed
from apps.audit.history import History
from apps.errors import Conflict
from apps.moderation import overturning
from apps.moderation.actions.registry import label_of
from apps.review.conflicts import ConflictOfInterest
from apps.review.decisions.models import HOLD
from apps.review.models import ReviewItem

if TYPE_CHECKING:
    from apps.users.models import User

APPEAL_WITHIN = timedelta(days=20)


class ReportQuerySet(models.QuerySet["Report"]):
    def open(self) -> ReportQuerySet:
        return self.filter(status=Report.Status.OPEN)

    def newest_first(self) -> ReportQuerySet:
        return self.order_by("-created_at", "-id")


KIND_MODELS = {"story": "stories.Story", "event": "events.Event", "message": "chat.Message", "user": "users.User"}
REMOVE_PERMISSIONS = {
    "story": "stories.delete_story",
    "event": "events.delete_event",
    "message": "chat.delete_message",
}
EDIT_PERMISSIONS = {"event": "events.change_event"}


class Report(models.Model):
    """What somebody told us about a story, an event, a message or a person."""

    class Kind(models.TextChoices):
        STORY = "story", _("Story")
        EVENT = "event", _("Event")
        MESSAGE = "message", _("Message")
        USER = "user", _("User")

        @property
        def model(self) -> type[models.Model]:
            """Of what is reported."""
            return apps.get_model(KIND_MODELS[self])

        @property
        def remove_permission(self) -> str | None:
            """To remove such content; None where it is not removed."""
            return REMOVE_PERMISSIONS.get(self)

        @property
        def edit_permission(self) -> str | None:
            """To edit the text of such content; None where it is not edited."""
            return EDIT_PERMISSIONS.get(self)

    class Reason(models.TextChoices):
        SPAM = "spam", _("Spam")
        HARASSMENT = "harassment", _("Harassment")
        NUDITY = "nudity", _("Nudity")
        VIOLENCE = "violence", _("Violence")
        FRAUD = "fraud", _("Fraud")
        OTHER = "other", _("Other")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    class Outcome(models.TextChoices):
        KEPT = "kept", _("Kept")
        REMOVED = "removed", _("Removed")
        EDITED = "edited", _("Edited")
        WARNED = "warned", _("Author warned")
        SUSPENDED = "suspended", _("Author suspended")

    reporter = models.ForeignKey(
        "users.User", on_delete=models.CASCADE, related_name="reports_made", verbose_name=_("reporter")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    target_id = models.BigIntegerField(_("object ID"))
    author = models.ForeignKey(
        "users.User", on_delete=models.CASCADE, related_name="reports_received", verbose_name=_("reported user")
    )
    """Whose content it is, or the person reported."""
    reason = models.CharField(_("reason"), max_length=16, choices=Reason)
    note = models.TextField(_("note"), blank=True, max_length=2000)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.OPEN, editable=False)
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome, null=True, blank=True)
    created_at = models.DateTimeField(_("reported"), default=timezone.now, editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, editable=False)
    closed_by = models.ForeignKey(
        "users.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("closed by"),
    )
    case = models.ForeignKey(
        "Case",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        db_index=False,  # report_of_case, made without holding up writers
        related_name="reports",
        verbose_name=_("case"),
    )
    """Empty only for what the code of before has made; settling such a report opens its case."""

    history = History()
    objects = ReportQuerySet.as_manager()

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints = [
            models.UniqueConstraint(
                fields=["reporter", "kind", "target_id"], condition=Q(status="open"), name="report_once_while_open"
            ),
            models.CheckConstraint(condition=~Q(reporter=F("author")), name="report_not_oneself"),
            models.CheckConstraint(
                condition=Q(status="open", outcome__isnull=True, closed_at__isnull=True)
                | Q(status="closed", outcome__isnull=False, closed_at__isnull=False),
                name="report_closed_with_outcome",
            ),
            models.CheckConstraint(condition=~Q(reason="other") | ~Q(note=""), name="report_other_says_what"),
        ]
        indexes = [
            models.Index(fields=["status", "-created_at", "-id"], name="report_queue"),
            models.Index(fields=["kind", "target_id"], name="report_of_target"),
            models.Index(fields=["reporter", "-created_at"], name="report_of_reporter"),
            models.Index(fields=["-created_at", "-id"], name="report_newest"),
            models.Index(fields=["case", "-id"], name="report_of_case"),
        ]
        permissions = [
            ("settle_report", _("Can settle report")),
            ("export_report", _("Can export reports")),
        ]

    def __str__(self) -> str:
        return _("Report %(id)s") % {"id": self.pk}

    def settle(self, outcome: str, by: object, at: datetime | None = None) -> None:
        """Leave open for closed, with `outcome`."""
        if self.status != self.Status.OPEN:
            raise Conflict("already-decided", _("This report has already been closed."))
        self.status, self.outcome = self.Status.CLOSED, outcome
        self.closed_by, self.closed_at = by, at or timezone.now()  # type: ignore[assignment]

    def reopen(self) -> None:
        self.status, self.outcome = self.Status.OPEN, None
        self.closed_by = self.closed_at = None


class ReportUserObjectPermission(UserObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Report, on_delete=models.CASCADE)


class ReportGroupObjectPermission(GroupObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Report, on_delete=models.CASCADE)


class CaseQuerySet(models.QuerySet["Case"]):
    def open(self) -> CaseQuerySet:
        return self.filter(status=Case.Status.OPEN)


class Case(ReviewItem):
    """All that is reported about one thing, until it is settled. What is reported afterwards opens the next one."""

    WORK_PERMISSION = "moderation.settle_report"
    OPEN = Q(status="open")
    DECIDED_AT, DECIDED_BY = "closed_at", "closed_by"
    CONFLICTS = (
        ConflictOfInterest(
            "own-report",
            _("This report concerns you. A colleague has to decide it."),
            applies=lambda case, user: (
                case.author_id == user.pk or case.reports.open().filter(reporter=user.pk).exists()
            ),
            rows=lambda user: (
                Q(author=user.pk)
                | Q(pk__in=Report.objects.open().filter(reporter=user.pk, case__isnull=False).values("case"))
            ),
        ),
    )

    Kind, Status, Outcome = Report.Kind, Report.Status, Report.Outcome

    kind = models.CharField(_("kind"), max_length=16, choices=Report.Kind)
    target_id = models.BigIntegerField(_("object ID"))
    author = models.ForeignKey(
        "users.User", on_delete=models.CASCADE, related_name="cases", verbose_name=_("reported user")
    )
    status = models.CharField(
        _("status"), max_length=16, choices=Report.Status, default=Report.Status.OPEN, editable=False
    )
    outcomes = ArrayField(
        models.CharField(max_length=16, choices=Report.Outcome), verbose_name=_("outcomes"), default=list, blank=True
    )
    weight = models.PositiveIntegerField(_("priority"), default=0, editable=False)
    """What `weights.lines_of` adds up to: the queue is ordered by it."""
    opened_at = models.DateTimeField(_("opened"), default=timezone.now, editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, editable=False)
    closed_by = models.ForeignKey(
        "users.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("closed by"),
    )

    history = History(excluded_fields=[*ReviewItem.WORK_FIELDS, "weight"])
    objects = CaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "target_id"], condition=Q(status="open"), name="case_one_open_a_target"
            ),
            models.CheckConstraint(
                condition=Q(status="open", outcomes=[], closed_at__isnull=True, closed_by__isnull=True)
                | Q(status="closed", outcomes__len__gt=0, closed_at__isnull=False),
                name="case_closed_with_outcomes",
            ),
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True) | ~Q(closed_by=F("author")), name="case_not_ones_own"
            ),
        ]
        indexes = [
            models.Index(fields=["-weight", "opened_at", "id"], condition=Q(status="open"), name="case_queue"),
            models.Index(fields=["kind", "target_id", "-id"], name="case_of_target"),
            models.Index(fields=["-closed_at"], name="case_latest_closed"),
            models.Index(fields=["-opened_at"], name="case_latest_opened"),
        ]

    def __str__(self) -> str:
        return _("Case %(id)s") % {"id": self.pk}

    @property
    def decided_as(self) -> str:
        return label_of(self.outcomes)

    def settle(self, outcomes: list[str], by: User) -> None:
        """Leave open for closed."""
        self.status, self.outcomes = self.Status.CLOSED, outcomes
        self.closed_by, self.closed_at = by, timezone.now()
        self.version += 1
        self.release()

    def reopen(self) -> None:
        self.status, self.outcomes = self.Status.OPEN, []
        self.closed_by = self.closed_at = None
        self.version += 1


class ExhibitQuerySet(models.QuerySet["Exhibit"]):
    def not_needed(self) -> ExhibitQuerySet:
        """Those of cases that are over: closed, told, neither appealed nor to be appealed any more."""
        now = timezone.now()
        return self.filter(
            ~Exists(Appeal.objects.open().filter(case=OuterRef("case"))),
            ~Exists(Strike.objects.appealable().filter(case=OuterRef("case"))),
            case__status=Report.Status.CLOSED,
            case__closed_at__lte=now - HOLD,
        )


class Exhibit(models.Model):
    """The words of a thing as they stood when somebody reported it, whatever became of them since."""

    case = models.ForeignKey(
        Case, on_delete=models.CASCADE, related_name="exhibits", db_index=False, verbose_name=_("case")
    )
    words = models.JSONField(_("words"))
    """By the names of the fields, as `targets.words_of` tells them."""
    taken_at = models.DateTimeField(_("taken"), default=timezone.now, editable=False)

    objects = ExhibitQuerySet.as_manager()

    class Meta:
        verbose_name = _("exhibit")
        verbose_name_plural = _("exhibits")
        default_permissions = ()
        indexes = [models.Index(fields=["case", "-id"], name="exhibit_of_case")]

    def __str__(self) -> str:
        return _("Exhibit %(id)s") % {"id": self.pk}


def known_to_author() -> Q:
    """Of rows with a `decision`: it has been told, or stood for as long as messages wait."""
    stood = Q(decision__undone_at__isnull=True, decision__made_at__lte=timezone.now() - HOLD)
    return Q(decision__told_at__isnull=False) | stood


class StrikeQuerySet(models.QuerySet["Strike"]):
    def standing(self) -> StrikeQuerySet:
        """Those that count: neither lifted nor expired."""
        return self.filter(lifted_at__isnull=True, expires_at__gt=timezone.now())

    def appealable(self) -> StrikeQuerySet:
        """Those whose decision stands, has not been appealed, and still may be."""
        return self.filter(
            decision__made_at__gt=timezone.now() - APPEAL_WITHIN,
            decision__undone_at__isnull=True,
            decision__appeal__isnull=True,
        )


class Strike(models.Model):
    """That somebody broke the rules, as one decision found. It weighs for a while, and does nothing by itself."""

    person = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="strikes", verbose_name=_("person"))
    decision = models.OneToOneField(
        "decisions.Decision", on_delete=models.CASCADE, related_name="strike", verbose_name=_("decision")
    )
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="strikes", verbose_name=_("case"))
    outcomes = ArrayField(models.CharField(max_length=16, choices=Report.Outcome), verbose_name=_("outcomes"))
    weight = models.PositiveSmallIntegerField(_("points"))
    given_at = models.DateTimeField(_("given"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True, editable=False)

    history = History()
    objects = StrikeQuerySet.as_manager()

    class Meta:
        verbose_name = _("strike")
        verbose_name_plural = _("strikes")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(weight__gte=1), name="strike_weighs_something"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("given_at")), name="strike_expires_later"),
        ]
        indexes = [models.Index(fields=["person", "-given_at"], name="strike_of_person")]

    def __str__(self) -> str:
        return _("Strike %(id)s") % {"id": self.pk}


class AppealQuerySet(models.QuerySet["Appeal"]):
    def open(self) -> AppealQuerySet:
        return self.filter(status=Appeal.Status.OPEN)


class Appeal(ReviewItem):
    """What an author says against a decision about what is theirs. Somebody else than the decider rules on it."""

    WORK_PERMISSION = "moderation.settle_report"
    OPEN = Q(status="open")
    DECIDED_AT, DECIDED_BY = "ruled_at", "ruled_by"
    CONFLICTS = (
        ConflictOfInterest(
            "own-decision",
            _("You decided this case. A colleague has to decide the appeal."),
            applies=lambda appeal, user: user.pk in (appeal.decider_id, appeal.author_id),
            rows=lambda user: Q(decider=user.pk) | Q(author=user.pk),
        ),
        ConflictOfInterest(
            "cannot-overturn",
            lambda appeal, user: overturning.why_not(user, appeal),
            applies=lambda appeal, user: not overturning.can_overturn(user, appeal),
            rows=lambda user: overturning.out_of_reach(user, Report.Kind),
        ),
    )

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        UPHELD = "upheld", _("Decision upheld")
        OVERTURNED = "overturned", _("Decision overturned")

    decision = models.OneToOneField(
        "decisions.Decision", on_delete=models.CASCADE, related_name="appeal", verbose_name=_("decision")
    )
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="appeals", verbose_name=_("case"))
    author = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="appeals", verbose_name=_("author"))
    decider = models.ForeignKey(
        "users.User", on_delete=models.PROTECT, editable=False, related_name="+", verbose_name=_("decided by")
    )
    """The decision's actor, again, so that the database can tell them from who rules."""
    text = models.TextField(_("what the author says"), max_length=2000)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.OPEN, editable=False)
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    ruling = models.TextField(_("ruling"), blank=True, max_length=1000)
    """The text that the author reads."""
    ruled_at = models.DateTimeField(_("ruled"), null=True, blank=True, editable=False)
    ruled_by = models.ForeignKey(
        "users.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("ruled by"),
    )

    history = History(excluded_fields=list(ReviewItem.WORK_FIELDS))
    objects = AppealQuerySet.as_manager()

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(ruled_by__isnull=True) | ~Q(ruled_by=F("decider")) & ~Q(ruled_by=F("author")),
                name="appeal_ruled_by_another",
            ),
            models.CheckConstraint(
                condition=Q(status="open", ruled_by__isnull=True, ruled_at__isnull=True, ruling="")
                | Q(status__in=["upheld", "overturned"], ruled_by__isnull=False, ruled_at__isnull=False)
                & ~Q(ruling=""),
                name="appeal_ruled_with_a_text",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="appeal_says_something"),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], condition=Q(status="open"), name="appeal_queue"),
            models.Index(fields=["author", "-created_at"], name="appeal_of_author"),
        ]

    def __str__(self) -> str:
        return _("Appeal %(id)s") % {"id": self.pk}

    @property
    def is_told(self) -> bool:
        """Whether the author may know of the ruling: it has stood for as long as messages wait."""
        return self.ruled_at is not None and self.ruled_at <= timezone.now() - HOLD

    @property
    def decided_as(self) -> str:
        return self.get_status_display()

    def rule(self, status: str, by: User, ruling: str) -> None:
        self.status, self.ruling = status, ruling
        self.ruled_by, self.ruled_at = by, timezone.now()
        self.version += 1
        self.release()

    def reopen(self) -> None:
        self.status, self.ruling = self.Status.OPEN, ""
        self.ruled_by = self.ruled_at = None
        self.version += 1
