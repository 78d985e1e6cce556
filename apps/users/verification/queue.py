"""The queue of verification."""

from apps.review.queue import ReviewQueue
from apps.users.models import Document

DOCUMENTS = ReviewQueue(slug="documents", model=Document, arrived="created_at", order=("created_at", "id"))
