"""What `manage.py check --deploy` says of this platform beside Django's own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Info, Tags, register

NO_PROXY = Info(
    "Plain HTTP is sent to HTTPS (SSL_REDIRECT), and no proxy is trusted (TRUSTED_PROXIES).",
    hint="Where a proxy ends TLS, name it in TRUSTED_PROXIES: until then every request is redirected without end.",
    id="infloo.I001",
)


@register(Tags.security, deploy=True)
def trusts_its_proxy(**options: Any) -> list[CheckMessage]:
    """Only a hint: a server may end TLS itself."""
    return [NO_PROXY] if settings.SECURE_SSL_REDIRECT and not settings.TRUSTED_PROXIES else []
