"""Names of fields that services set, and no client."""

SET_BY_SERVICES = [
    "id", "pk", "user", "owner", "host", "author", "sender", "reporter", "person", "actor", "verb", "role", "status",
    "is_staff", "is_superuser", "is_active", "is_verified", "identity_verified", "groups", "user_permissions",
    "password", "token_version", "suspended_until", "last_login", "date_joined", "created_at", "updated_at",
    "decided_at", "decided_by", "removed_at", "removed_by", "deleted_at", "expires_at", "resolved_at", "sent_at",
    "seq", "last_seq", "size", "sha256", "media_type", "priority", "points", "outcome", "kind", "text", "language",
]  # fmt: skip
