"""The code of every action, for versions of rows, decisions and audit log entries alike.

A label follows the name of who did it: "vera *approved the document*". Codes are stored: they never change.
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
    GOAL_SET = "goal.set", _("set the SLA")
    TEMPLATE_SAVED = "template.saved", _("saved the message template")
    TEMPLATE_DELETED = "template.deleted", _("deleted the message template")

    # --- Accounts ----------------------------------------------------------------------------------------------------
    ACCOUNT_REGISTERED = "account.registered", _("registered")
    ACCOUNT_CHANGED = "account.changed", _("changed the account")
    ACCOUNT_LANGUAGE_SET = "account.language_set", _("set the language")
    PROFILE_CHANGED = "profile.changed", _("changed the profile")
    PICTURE_CHANGED = "profile.picture_changed", _("changed the picture")
    PICTURE_REMOVED = "profile.picture_removed", _("removed the picture")
    FOLLOWED = "follow.created", _("followed")
    UNFOLLOWED = "follow.deleted", _("unfollowed")
    BLOCKED = "block.created", _("blocked")
    UNBLOCKED = "block.deleted", _("unblocked")
    SUSPENDED = "suspension.given", _("suspended")
    SUSPENSION_LIFTED = "suspension.lifted", _("lifted the suspension")
    BADGE_CHANGED = "account.badge_changed", _("changed the verified badge")

    # --- Signing in --------------------------------------------------------------------------------------------------
    SIGNED_IN = "signed_in", _("signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("failed to sign in")
    SIGNED_OUT = "signed_out", _("signed out")
    SESSION_ENDED = "session_ended", _("ended a session")
    PASSWORD_SET = "password_set", _("set a password")
    PASSWORD_CHANGED = "password.changed", _("changed the password")
    PASSWORD_RESET = "password.reset", _("reset the password by email")
    MFA_ENABLED = "mfa_enabled", _("set up a second factor")
    MFA_DISABLED = "mfa_disabled", _("removed a second factor")
    MFA_RESET = "mfa_reset", _("reset a second factor")
    MFA_RESET_REQUESTED = "mfa_reset.requested", _("requested the reset of a second factor")
    MFA_RESET_CONFIRMED = "mfa_reset.confirmed", _("confirmed the reset of a second factor")

    # --- Staff -------------------------------------------------------------------------------------------------------
    STAFF_ADDED = "staff.added", _("added the staff account")
    STAFF_CHANGED = "staff.changed", _("changed the staff account")
    STAFF_DEACTIVATED = "staff.deactivated", _("deactivated the account")
    GROUP_SAVED = "group.saved", _("saved the group")
    GROUP_DELETED = "group.deleted", _("deleted the group")
    ROLES_SET_UP = "group.set_up", _("set up the built-in groups")

    # --- Verification ------------------------------------------------------------------------------------------------
    DOCUMENT_SUBMITTED = "document.submitted", _("submitted the document")
    DOCUMENT_APPROVED = "document.approved", _("approved")
    DOCUMENT_APPROVED_UNDONE = "document.approved.undone", _("undid the approval")
    DOCUMENT_REJECTED = "document.rejected", _("rejected")
    DOCUMENT_REJECTED_UNDONE = "document.rejected.undone", _("undid the rejection")
    DOCUMENT_REVOKED = "document.revoked", _("revoked the approval of")
    DOCUMENT_REVOKED_UNDONE = "document.revoked.undone", _("undid the revocation")
    DOCUMENT_FIRST_APPROVED = "document.held", _("recorded the first approval of")
    DOCUMENT_FIRST_APPROVED_UNDONE = "document.held.undone", _("undid the first approval")
    SECOND_REQUESTED = "document.second_asked", _("requested a second approval of")
    SECOND_REQUESTED_UNDONE = "document.second_asked.undone", _("withdrew the request for a second approval")
    DETAILS_RECORDED = "details_recorded", _("recorded document details")
    RULE_CREATED = "rule.created", _("created the rule")
    RULE_CHANGED = "rule.changed", _("changed the rule")
    RULE_DELETED = "rule.deleted", _("deleted the rule")
    QUALITY_SHARE_SET = "quality.share_set", _("set the share of blind reviews")

    # --- Content -----------------------------------------------------------------------------------------------------
    STORY_POSTED = "story.posted", _("posted the story")
    STORY_CHANGED = "story.changed", _("changed the story")
    STORY_DELETED = "story.deleted", _("deleted the story")
    STORY_EXPIRED = "story.expired", _("purged the expired story")
    STORY_HELD = "story.held", _("placed a legal hold on the story")
    STORY_HOLD_RELEASED = "story.hold_released", _("released the legal hold on the story")
    STORY_REMOVED = "story.removed", _("removed")
    STORY_REMOVED_UNDONE = "story.removed.undone", _("undid the removal")
    STORY_RESTORED = "story.restored", _("restored")
    STORY_RESTORED_UNDONE = "story.restored.undone", _("undid the restoration")
    EVENT_CREATED = "event.created", _("created the event")
    EVENT_CHANGED = "event.changed", _("changed the event")
    EVENT_CANCELLED = "event.cancelled", _("cancelled the event")
    EVENT_DELETED = "event.deleted", _("deleted the event")
    EVENT_EDITED = "event.edited", _("edited")
    EVENT_EDITED_UNDONE = "event.edited.undone", _("undid the edit")
    EVENT_REMOVED = "event.removed", _("removed")
    EVENT_REMOVED_UNDONE = "event.removed.undone", _("undid the removal")
    EVENT_RESTORED = "event.restored", _("restored")
    EVENT_RESTORED_UNDONE = "event.restored.undone", _("undid the restoration")
    GUEST_INVITED = "participation.invited", _("invited")
    GUEST_GOING = "participation.going", _("is going")
    GUEST_INTERESTED = "participation.interested", _("is interested")
    GUEST_WITHDREW = "participation.withdrawn", _("withdrew")
    CONNECTION_REQUESTED = "connection.requested", _("requested the connection")
    CONNECTION_ACCEPTED = "connection.accepted", _("accepted the connection")
    CONNECTION_REJECTED = "connection.rejected", _("rejected the connection")
    CONNECTION_DELETED = "connection.deleted", _("deleted the connection")
    ROOM_OPENED = "room.opened", _("opened the room")
    MESSAGE_SENT = "message.sent", _("sent the message")
    MESSAGE_REMOVED = "message.removed", _("removed")
    MESSAGE_REMOVED_UNDONE = "message.removed.undone", _("undid the removal")
    MESSAGE_RESTORED = "message.restored", _("restored")
    MESSAGE_RESTORED_UNDONE = "message.restored.undone", _("undid the restoration")

    # --- Moderation --------------------------------------------------------------------------------------------------
    REPORTED = "report.made", _("reported")
    CASE_OPENED = "case.opened", _("opened the case")
    CASE_GROUPED = "case.grouped", _("grouped the reports in a case")
    CASE_RESOLVED = "case.settled", _("decided")
    CASE_RESOLVED_UNDONE = "case.settled.undone", _("undid the decision")
    STRIKE_GIVEN = "strike.given", _("gave a strike")
    STRIKE_LIFTED = "strike.lifted", _("lifted the strike")
    APPEALED = "appeal.made", _("appealed")
    APPEAL_UPHELD = "appeal.upheld", _("upheld on appeal")
    APPEAL_UPHELD_UNDONE = "appeal.upheld.undone", _("undid the ruling")
    APPEAL_OVERTURNED = "appeal.overturned", _("overturned on appeal")
    APPEAL_OVERTURNED_UNDONE = "appeal.overturned.undone", _("undid the ruling")

    @property
    def undone(self) -> Action:
        """The action of undoing this one."""
        return Action(f"{self}.undone")


def label_of(code: str) -> str:
    """The label of a stored code; the code itself where a later release wrote one that is not known here."""
    return str(Action(code).label) if code in Action.values else code
