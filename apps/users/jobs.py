"""The background jobs of all packages, imported here for the worker, which loads each app's `jobs`."""

from apps.users.accounts import mails
from apps.users.authentication import jobs as authentication
from apps.users.verification import jobs as verification

__all__ = ["authentication", "mails", "verification"]
