"""The kinds of decisions about users, for the list that `apps.review.decisions` gathers from every app."""

from apps.users.verification.decisions import KINDS

__all__ = ["KINDS"]
