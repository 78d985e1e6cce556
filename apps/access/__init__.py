"""Who may do what: the one place that answers it, for every entry point.

Django's permission names are the vocabulary ("stories.delete_story"). `may` and `require` answer for one permission,
`granted` and `visible` for the rows of a model.
"""

from apps.access.decide import PermissionDecision, may, require
from apps.access.explain import Source, permission_name
from apps.access.grants import (
    granted,
    granted_on_rows,
    has_row_grants,
    holders,
    holders_of,
    memberships,
    models_with_row_grants,
    opened,
    perms_for,
    row_grants,
    unended_row_grants,
    visible,
)
from apps.access.registry import Rule, Scope, rules, scopes
from apps.access.scoped import ScopedPermission, scoped_granted, scoped_permissions, with_scoped
from apps.access.timeboxed import TimeBoxed, check_end, unended, until_text
from apps.access.usage import note_use, noting_use

__all__ = [
    "PermissionDecision",
    "Rule",
    "Scope",
    "ScopedPermission",
    "Source",
    "TimeBoxed",
    "check_end",
    "granted",
    "granted_on_rows",
    "has_row_grants",
    "holders",
    "holders_of",
    "may",
    "memberships",
    "models_with_row_grants",
    "note_use",
    "noting_use",
    "opened",
    "permission_name",
    "perms_for",
    "require",
    "row_grants",
    "rules",
    "scoped_granted",
    "scoped_permissions",
    "scopes",
    "unended",
    "unended_row_grants",
    "until_text",
    "visible",
    "with_scoped",
]
