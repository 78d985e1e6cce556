"""Personal data masked: recognisable, not readable."""

from __future__ import annotations

from django.utils.translation import gettext as _


def mask_mail(address: str) -> str:
    """ "alice@example.com" as "a•••@example.com"."""
    name, at, domain = address.partition("@")
    return f"{name[:1]}•••{at}{domain}" if address else ""


def mask_phone(number: str) -> str:
    """ "+1 234 567 890" as "•••90"."""
    return f"•••{number[-2:]}" if number else ""


def mask_name(name: str) -> str:
    """ "Keiko Berger" as "K••• B•••"."""
    return " ".join(f"{part[0]}•••" for part in name.split())


def mask_text(text: str) -> str:
    """Only its length: the shape of a text reveals something of it."""
    return _("••• (%(length)d characters)") % {"length": len(text)} if text else ""
