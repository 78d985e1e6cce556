"""What is decided about stories, and how it is taken back."""

from __future__ import annotations

from apps.review.decisions.removal import removal_kinds
from apps.stories.models import Story

KINDS = removal_kinds(Story, "stories.delete_story")
