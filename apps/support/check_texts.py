"""The texts of each check, by its code: why it hides the target, and who can change the result."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from apps.visibility.policy import Text

WHY: dict[str, Text] = {
    "signed_in": gettext_lazy("their account cannot sign in"),
    "standing": gettext_lazy("they are suspended"),
    "verified": gettext_lazy("they are not verified"),
    "exists": gettext_lazy("it does not exist"),
    "direction": gettext_lazy("it is between two other users"),
    "unblocked": gettext_lazy("one of the two blocked the other"),
    "kept": gettext_lazy("staff removed it"),
    "kept_by_author": gettext_lazy("its author deleted it"),
    "lasting": gettext_lazy("its 24 hours are over"),
    "active": gettext_lazy("the account that it belongs to is deactivated"),
    "audience": gettext_lazy("only connections of its author see it"),
    "member": gettext_lazy("they are not in the room"),
    "recipient": gettext_lazy("it was sent to another user"),
    "client": gettext_lazy("it is a staff account"),
}
FIXABLE: dict[str, Text] = {
    "signed_in": gettext_lazy("Can be fixed by: %(who)s, by activating the account."),
    "standing": gettext_lazy("Can be fixed by: %(who)s, by ending the suspension."),
    "verified": gettext_lazy(
        "Can be fixed by: %(who)s, by approving an identity document. The user has to submit one first."
    ),
    "kept": gettext_lazy("Can be fixed by: %(who)s, by restoring it."),
    "active": gettext_lazy("Can be fixed by: %(who)s, by activating the account that it belongs to."),
    "unblocked": gettext_lazy("Can be fixed by: the user who blocked the other, by removing the block in the app."),
    "audience": gettext_lazy("Can be fixed by: the author, by making it public; or by both users, by connecting."),
    "delivered": gettext_lazy("Can be fixed by: the user, by opening their notifications in the app."),
    "direction": gettext_lazy("Cannot be fixed: only its sender and its receiver see a connection request."),
    "lasting": gettext_lazy("Cannot be fixed: a story lasts 24 hours. Its author can post it again."),
    "kept_by_author": gettext_lazy("Cannot be fixed: its author deleted it. Its author can post it again."),
    "member": gettext_lazy("Cannot be fixed: only its members see a chat."),
    "recipient": gettext_lazy("Cannot be fixed: only its recipient sees a notification."),
    "exists": gettext_lazy(
        "Cannot be fixed: there is nothing to restore. Check the ID, or ask for it to be made again."
    ),
    "client": gettext_lazy("Cannot be fixed: staff accounts have no profile in the app."),
    "notified": gettext_lazy(
        "Cannot be fixed: notifications are sent once, when it happens. Write to the user directly."
    ),
}
"""Who can change the result of a check and how, as a sentence. "who" are the groups of staff with the permission."""
