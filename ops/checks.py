"""What `manage.py check --deploy` says of this platform beside Django's own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Info, Tags, register
from django.db import DatabaseError, connection

NO_PROXY = Info(
    "Plain HTTP is sent to HTTPS (SSL_REDIRECT), and no proxy is trusted (TRUSTED_PROXIES).",
    hint="Where a proxy ends TLS, name it in TRUSTED_PROXIES: until then every request is redirected without end.",
    id="infloo.I001",
)
ONE_ROLE = checks.Warning(
    "The database role that serves (DATABASE_URL) owns tables or is a superuser.",
    hint="An intruder in a process could rewrite history. Let DATABASE_URL name a role that owns nothing, and for"
    " `migrate` alone OWNER_DATABASE_URL the owner; see “Two roles” in deploy/runbook.md.",
    id="infloo.W001",
)
OWNS = """
    SELECT rolsuper OR EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid) FROM pg_roles
    WHERE rolname = current_user
"""


@register(Tags.security, deploy=True)
def serves_by_a_role_that_owns_nothing(**options: Any) -> list[CheckMessage]:
    """Asks the database: processes that serve do not know the owner. Says nothing where it does not answer."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(OWNS)
            return [ONE_ROLE] if cursor.fetchone() == (True,) else []
    except DatabaseError:
        return []


@register(Tags.security, deploy=True)
def trusts_its_proxy(**options: Any) -> list[CheckMessage]:
    """Only a hint: a server may end TLS itself."""
    return [NO_PROXY] if settings.SECURE_SSL_REDIRECT and not settings.TRUSTED_PROXIES else []


NO_LOG_KEY = Info(
    "The log that proves itself is not signed (LOG_SIGNING_KEY), or written nowhere outside the database.",
    hint="Give the worker a key and one of LOG_FOLDER, LOG_BUCKET and LOG_WEBHOOK; .env.example says how.",
    id="infloo.I002",
)


@register(Tags.security, deploy=True)
def signs_its_log(**options: Any) -> list[CheckMessage]:
    """Only a hint: of the processes, the worker alone needs the key."""
    is_written = any((settings.LOG_FOLDER, settings.LOG_BUCKET, settings.LOG_WEBHOOK))
    return [] if settings.LOG_SIGNING_KEY and is_written else [NO_LOG_KEY]
