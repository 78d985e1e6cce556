"""Users as what can be reported: their profiles."""

from __future__ import annotations

from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q

from apps.review.reportable import ReportableContent, reportable_modules
from apps.users.models import Block, Follow, User
from apps.users.permissions import directory_entry


class UserContent(ReportableContent):
    """A user, by what the profile says."""

    model = User
    policy = staticmethod(directory_entry)
    author_field = "id"
    text_fields = ("username", "profile.bio", "profile.company_name", "profile.business_category")
    is_account = True

    def visible_before_block(self, viewer: User) -> Q:
        """Users whom `viewer` has met in any app."""
        met = [module.met_users(viewer) for module in reportable_modules() if hasattr(module, "met_users")]
        return reduce(or_, met)


CONTENT = UserContent()


def met_users(viewer: User) -> Q:
    """Those with whom `viewer` ever had a follow, in either direction."""
    follows = Follow.history.all()
    return Q(id__in=follows.filter(follower=viewer.pk).values("followed")) | Q(
        id__in=follows.filter(followed=viewer.pk).values("follower")
    )


def made_before_block(author_field: str, viewer: User) -> Q:
    """Content that was there, and in the lists, when its author, a foreign key, blocked `viewer`."""
    blocked_before = Q(blocker=OuterRef(author_field), blocked=viewer, created_at__lte=OuterRef("created_at"))
    return Q(~Exists(Block.objects.filter(blocked_before)))
