from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.access import TimeBoxed
from apps.audit.history import History
from apps.review.removable import Removable, RemovableQuerySet
from apps.tallies.buckets import ByTime
from apps.tallies.triggers import Tallied
from apps.users.models import User

LIFETIME = timedelta(hours=24)
BY_EXPIRY = ByTime("stories.public", "expires_at", minutes=5)
TALLIED = Tallied(
    "stories",
    "stories_story",
    "audience = 'public' AND deleted_at IS NULL AND removed_at IS NULL",
    owner="author_id",
    times=(BY_EXPIRY,),
)


def is_there(now: datetime | None = None) -> Q:
    """Visible to others: neither expired, nor removed, nor deleted."""
    return Q(deleted_at__isnull=True, removed_at__isnull=True, expires_at__gt=now or timezone.now())


class StoryQuerySet(RemovableQuerySet["Story"]):
    def active(self, now: datetime | None = None) -> StoryQuerySet:
        return self.filter(is_there(now))

    def newest_first(self) -> StoryQuerySet:
        return self.order_by("-created_at", "-id")

    def to_free(self) -> StoryQuerySet:
        """Expired stories whose file is not on legal hold."""
        return self.filter(expires_at__lte=timezone.now(), freed_at__isnull=True, held=False)


class Story(Removable):
    """An image or video that its author shows for 24 hours."""

    class Audience(models.TextChoices):
        PUBLIC = "public", _("Everyone")
        CONNECTIONS = "connections", _("Connections")

    author = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="stories", verbose_name=_("author"))
    content_file = models.FileField(_("file"), upload_to="stories", max_length=255)
    media_type = models.CharField(_("media type"), max_length=64, editable=False)
    size = models.PositiveIntegerField(_("size in bytes"), editable=False)
    sha256 = models.CharField(_("SHA-256"), max_length=64, editable=False)
    caption = models.CharField(_("caption"), max_length=500, blank=True)
    audience = models.CharField(_("audience"), max_length=16, choices=Audience, default=Audience.PUBLIC)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"), editable=False)
    freed_at = models.DateTimeField(_("file freed"), null=True, editable=False)
    """When the file was deleted; the row stays."""
    held = models.BooleanField(_("held as evidence"), default=False, editable=False)
    """On legal hold: the file is kept, though the author deletes it or it expires."""
    deleted_at = models.DateTimeField(_("deleted by its author"), null=True, editable=False)
    """Set only for stories on legal hold; others are deleted with their row."""

    history = History(person="author_id", personal=["caption", "sha256", "removal_reason"])
    objects = StoryQuerySet.as_manager()

    class Meta:
        verbose_name = _("story")
        verbose_name_plural = _("stories")
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="story_newest"),
            models.Index(fields=["author", "-created_at"], name="story_of_author"),
            models.Index(
                fields=["author", "expires_at"],
                include=["audience"],
                condition=Q(deleted_at__isnull=True, removed_at__isnull=True),
                name="story_kept_of_author",
            ),
            models.Index(
                fields=["expires_at"],
                include=["author"],
                condition=Q(audience="public", deleted_at__isnull=True, removed_at__isnull=True),
                name="story_public_by_expiry",
            ),
            models.Index(fields=["-created_at", "-id"], condition=Q(removed_at__isnull=False), name="story_removed"),
            models.Index(fields=["-created_at", "-id"], condition=Q(held=True), name="story_held"),
            models.Index(fields=["expires_at"], condition=Q(freed_at__isnull=True), name="story_to_free"),
        ]
        triggers = TALLIED.triggers()
        permissions = [("export_story", _("Can export stories"))]

    def __str__(self) -> str:
        return self.caption or _("Story %(id)s") % {"id": self.pk}

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.expires_at is None:
            self.expires_at = self.created_at + LIFETIME
        super().save(*args, **kwargs)


class Author(User):
    """Users, as far as their stories count while they are active."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = TALLIED.owner_triggers()


class StoryUserObjectPermission(UserObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Story, on_delete=models.CASCADE)


class StoryGroupObjectPermission(GroupObjectPermissionBase, TimeBoxed):
    content_object = models.ForeignKey(Story, on_delete=models.CASCADE)


class StoryView(models.Model):
    """The first time that a viewer saw a story."""

    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="views")
    viewer = models.ForeignKey("users.User", on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["story", "viewer"], name="story_view_once")]
        indexes = [models.Index(fields=["story", "-seen_at"], name="story_view_latest")]

    def __str__(self) -> str:
        return f"{self.viewer} · {self.story}"
