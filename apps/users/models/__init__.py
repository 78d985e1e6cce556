"""The models of accounts, by subject."""

from apps.users.models.accounts import PAGE_SIZES, Staff, User, unknown_user, unshown
from apps.users.models.document_checks import (
    CHECKS,
    Check,
    DocumentDetails,
    DocumentFingerprint,
    DocumentKey,
    DuplicateMatch,
)
from apps.users.models.documents import (
    DOCUMENT_NAME_LENGTH,
    DocType,
    Document,
    DocumentGroupObjectPermission,
    DocumentUserObjectPermission,
    Reason,
)
from apps.users.models.memberships import GroupMembership
from apps.users.models.mfa_resets import MFA_RESET_LIFETIME, MfaReset
from apps.users.models.passkeys import Passkey
from apps.users.models.profiles import Profile, Theme
from apps.users.models.relationships import Block, Follow
from apps.users.models.review_policy import RULED_KINDS, RULED_ROLES, BlindCheck, QualityShare, ReviewRule
from apps.users.models.roles import CLIENT_ROLES, Role
from apps.users.models.second_factors import Authenticator, BackupCode, BackupCodes
from apps.users.models.sessions import RESET_CODE_LIFETIME, RESET_CODE_TRIES, ResetCode, Session
from apps.users.models.suspensions import Suspension
from apps.users.models.user_queries import UserManager, phone_digits, phone_digits_reversed

__all__ = [
    "CHECKS",
    "CLIENT_ROLES",
    "DOCUMENT_NAME_LENGTH",
    "MFA_RESET_LIFETIME",
    "PAGE_SIZES",
    "RESET_CODE_LIFETIME",
    "RESET_CODE_TRIES",
    "RULED_KINDS",
    "RULED_ROLES",
    "Authenticator",
    "BackupCode",
    "BackupCodes",
    "BlindCheck",
    "Block",
    "Check",
    "DocType",
    "Document",
    "DocumentDetails",
    "DocumentFingerprint",
    "DocumentGroupObjectPermission",
    "DocumentKey",
    "DocumentUserObjectPermission",
    "DuplicateMatch",
    "Follow",
    "GroupMembership",
    "MfaReset",
    "Passkey",
    "Profile",
    "QualityShare",
    "Reason",
    "ResetCode",
    "ReviewRule",
    "Role",
    "Session",
    "Staff",
    "Suspension",
    "Theme",
    "User",
    "UserManager",
    "phone_digits",
    "phone_digits_reversed",
    "unknown_user",
    "unshown",
]
