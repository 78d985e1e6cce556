"""The kinds of decision about stories, and how each is undone."""

from __future__ import annotations

from apps.review.decisions.removal import removal_kinds
from apps.stories.models import Story

KINDS = removal_kinds(Story, "stories.delete_story")
