"""What is decided about messages, and how it is taken back."""

from __future__ import annotations

from apps.chat.models import Message
from apps.review.decisions.removal import removal_kinds

KINDS = removal_kinds(Message, "chat.delete_message")
