"""The code of every action, for versions of rows, decisions and audit log entries alike.

A label stands between who did it and the object: "vera *approved* Document #7". Codes are stored: they never change.
"""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Action(TextChoices):
    # --- Of any object, without a change of it -----------------------------------------------------------------------
    VIEWED = "viewed", _("viewed")
    REVEALED = "revealed", _("revealed")
    EXPORTED = "exported", _("exported")
    IMPORTED = "imported", _("imported")
    REFUSED = "refused", _("was denied")
    IMPERSONATED = "impersonated", _("viewed as user")
    GRANTED = "granted", _("granted")
    REVOKED = "revoked", _("revoked")
    ALERTED = "alerted", _("raised an alert")
    RECORDED = "recorded", _("recorded as it was")

    # --- Work on a queue ---------------------------------------------------------------------------------------------
    CLAIMED = "claimed", _("claimed")
    RELEASED = "released", _("released")
    ESCALATED = "escalated", _("escalated")
    GOAL_SET = "goal.set", _("set")
    TEMPLATE_SAVED = "template.saved", _("saved")
    TEMPLATE_DELETED = "template.deleted", _("deleted")

    # --- Accounts ----------------------------------------------------------------------------------------------------
    ACCOUNT_REGISTERED = "account.registered", _("registered")
    ACCOUNT_CHANGED = "account.changed", _("changed")
    ACCOUNT_LANGUAGE_SET = "account.language_set", _("set the language of")
    PROFILE_CHANGED = "profile.changed", _("changed")
    PICTURE_CHANGED = "profile.picture_changed", _("changed the picture of")
    PICTURE_REMOVED = "profile.picture_removed", _("removed the picture of")
    FOLLOWED = "follow.created", _("followed")
    UNFOLLOWED = "follow.deleted", _("unfollowed")
    BLOCKED = "block.created", _("blocked")
    UNBLOCKED = "block.deleted", _("unblocked")
    SUSPENDED = "suspension.given", _("suspended")
    SUSPENSION_LIFTED = "suspension.lifted", _("lifted")
    BADGE_CHANGED = "account.badge_changed", _("changed the badge of")

    # --- Signing in --------------------------------------------------------------------------------------------------
    SIGNED_IN = "signed_in", _("signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("failed to sign in")
    SIGNED_OUT = "signed_out", _("signed out")
    SESSION_ENDED = "session_ended", _("ended a session")
    REFRESH_TOKEN_REUSED = "refresh_token.reused", _("used an old refresh token again")
    PASSWORD_SET = "password_set", _("set a password")
    PASSWORD_CHANGED = "password.changed", _("changed the password of")
    PASSWORD_RESET = "password.reset", _("reset the password of")
    MFA_ENABLED = "mfa_enabled", _("set up a second factor")
    MFA_DISABLED = "mfa_disabled", _("removed a second factor")
    PASSKEY_ADDED = "passkey.added", _("added a passkey")
    PASSKEY_REMOVED = "passkey.removed", _("removed a passkey")
    MFA_RESET = "mfa_reset", _("reset a second factor")
    MFA_RESET_REQUESTED = "mfa_reset.requested", _("requested")
    MFA_RESET_CONFIRMED = "mfa_reset.confirmed", _("confirmed")

    # --- Personal data -----------------------------------------------------------------------------------------------
    ERASURE_REQUESTED = "erasure.requested", _("requested")
    ERASURE_CANCELLED = "erasure.cancelled", _("cancelled")
    ERASED = "erasure.done", _("erased")
    DATA_EXPORT_REQUESTED = "data_export.requested", _("requested a copy of the data of")
    HOLD_PLACED = "hold.placed", _("placed")
    HOLD_RELEASED = "hold.released", _("released")
    RETENTION_SET = "retention.set", _("set")
    PURGED = "retention.purged", _("purged")

    # --- Staff -------------------------------------------------------------------------------------------------------
    STAFF_ADDED = "staff.added", _("added")
    STAFF_CHANGED = "staff.changed", _("changed")
    STAFF_DEACTIVATED = "staff.deactivated", _("deactivated")
    GROUP_SAVED = "group.saved", _("saved")
    GROUP_DELETED = "group.deleted", _("deleted")
    ROLES_SET_UP = "group.set_up", _("set up")

    # --- Verification ------------------------------------------------------------------------------------------------
    DOCUMENT_SUBMITTED = "document.submitted", _("submitted")
    DOCUMENT_APPROVED = "document.approved", _("approved")
    DOCUMENT_APPROVED_UNDONE = "document.approved.undone", _("undid the approval of")
    DOCUMENT_REJECTED = "document.rejected", _("rejected")
    DOCUMENT_REJECTED_UNDONE = "document.rejected.undone", _("undid the rejection of")
    DOCUMENT_REVOKED = "document.revoked", _("revoked the approval of")
    DOCUMENT_REVOKED_UNDONE = "document.revoked.undone", _("undid the revocation of")
    DOCUMENT_FIRST_APPROVED = "document.held", _("recorded the first approval of")
    DOCUMENT_FIRST_APPROVED_UNDONE = "document.held.undone", _("undid the first approval of")
    SECOND_REQUESTED = "document.second_asked", _("requested a second approval of")
    SECOND_REQUESTED_UNDONE = "document.second_asked.undone", _("withdrew the request for a second approval of")
    DETAILS_RECORDED = "details_recorded", _("recorded document details")
    RULE_CREATED = "rule.created", _("created")
    RULE_CHANGED = "rule.changed", _("changed")
    RULE_DELETED = "rule.deleted", _("deleted")
    QUALITY_SHARE_SET = "quality.share_set", _("set")

    # --- Content -----------------------------------------------------------------------------------------------------
    STORY_POSTED = "story.posted", _("posted")
    STORY_CHANGED = "story.changed", _("changed")
    STORY_DELETED = "story.deleted", _("deleted")
    STORY_EXPIRED = "story.expired", _("purged")
    STORY_HELD = "story.held", _("placed a legal hold on")
    STORY_HOLD_RELEASED = "story.hold_released", _("released the legal hold on")
    STORY_REMOVED = "story.removed", _("removed")
    STORY_REMOVED_UNDONE = "story.removed.undone", _("undid the removal of")
    STORY_RESTORED = "story.restored", _("restored")
    STORY_RESTORED_UNDONE = "story.restored.undone", _("undid the restoration of")
    EVENT_CREATED = "event.created", _("created")
    EVENT_CHANGED = "event.changed", _("changed")
    EVENT_CANCELLED = "event.cancelled", _("cancelled")
    EVENT_DELETED = "event.deleted", _("deleted")
    EVENT_EDITED = "event.edited", _("edited")
    EVENT_EDITED_UNDONE = "event.edited.undone", _("undid the edit of")
    EVENT_REMOVED = "event.removed", _("removed")
    EVENT_REMOVED_UNDONE = "event.removed.undone", _("undid the removal of")
    EVENT_RESTORED = "event.restored", _("restored")
    EVENT_RESTORED_UNDONE = "event.restored.undone", _("undid the restoration of")
    GUEST_INVITED = "participation.invited", _("invited")
    GUEST_GOING = "participation.going", _("joined")
    GUEST_INTERESTED = "participation.interested", _("showed interest in")
    GUEST_WITHDREW = "participation.withdrawn", _("withdrew from")
    CONNECTION_REQUESTED = "connection.requested", _("requested")
    CONNECTION_ACCEPTED = "connection.accepted", _("accepted")
    CONNECTION_REJECTED = "connection.rejected", _("rejected")
    CONNECTION_DELETED = "connection.deleted", _("deleted")
    ROOM_OPENED = "room.opened", _("opened")
    MESSAGE_SENT = "message.sent", _("sent")
    MESSAGE_REMOVED = "message.removed", _("removed")
    MESSAGE_REMOVED_UNDONE = "message.removed.undone", _("undid the removal of")
    MESSAGE_RESTORED = "message.restored", _("restored")
    MESSAGE_RESTORED_UNDONE = "message.restored.undone", _("undid the restoration of")

    # --- Moderation --------------------------------------------------------------------------------------------------
    REPORTED = "report.made", _("made")
    CASE_OPENED = "case.opened", _("opened")
    CASE_GROUPED = "case.grouped", _("grouped")
    CASE_RESOLVED = "case.settled", _("decided")
    CASE_RESOLVED_UNDONE = "case.settled.undone", _("undid the decision on")
    STRIKE_GIVEN = "strike.given", _("gave")
    STRIKE_LIFTED = "strike.lifted", _("lifted")
    APPEALED = "appeal.made", _("made")
    APPEAL_UPHELD = "appeal.upheld", _("upheld on appeal")
    APPEAL_UPHELD_UNDONE = "appeal.upheld.undone", _("undid the ruling on")
    APPEAL_OVERTURNED = "appeal.overturned", _("overturned on appeal")
    APPEAL_OVERTURNED_UNDONE = "appeal.overturned.undone", _("undid the ruling on")

    @property
    def undone(self) -> Action:
        """The action of undoing this one."""
        return Action(f"{self}.undone")


def label_of(code: str) -> str:
    """The label of a stored code; the code itself where a later release wrote one that is not known here."""
    return str(Action(code).label) if code in Action.values else code
