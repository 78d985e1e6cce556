"""The queues of moderation."""

from apps.moderation.models import Appeal, Case
from apps.review.queue import ReviewQueue

CASES = ReviewQueue(slug="cases", model=Case, arrived="opened_at", order=("-priority_score", "opened_at", "id"))
APPEALS = ReviewQueue(slug="appeals", model=Appeal, arrived="created_at", order=("created_at", "id"))
