"""The kinds of decision about messages, and how each is undone."""

from __future__ import annotations

from apps.chat.models import Message
from apps.review.decisions.removal import removal_kinds

KINDS = removal_kinds(Message, "chat.delete_message")
