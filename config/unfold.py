"""How the console looks and what stands in its menu."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _assets(*names: str) -> list[Callable[[HttpRequest], str]]:
    """What every page of the console loads; a desk names its own (`Desk.media`)."""

    def address(name: str, _request: HttpRequest) -> str:
        return static(f"admin_dashboards/{name}")

    return [partial(address, name) for name in names]


def _icon(_request: HttpRequest) -> str:
    return static("admin_dashboards/icon.svg")


def _environment(_request: HttpRequest) -> list[str]:
    return list(settings.ENVIRONMENT)


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Infloo console"),
    "SITE_HEADER": "Infloo",
    "SITE_URL": None,
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": _environment,
    # Searches are not kept in the browser: they name people, and the next one at this desk would read them.
    "COMMAND": {"show_history": False},
    "SIDEBAR": {"show_search": True, "navigation": "admin_dashboards.navigation.menu"},
    "ACCOUNT": {
        "navigation": [
            {"title": _("Notifications"), "link": reverse_lazy("admin:notices")},
            {"title": _("Preferences"), "link": reverse_lazy("admin:preferences")},
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Second factor"), "link": reverse_lazy("admin:mfa")},
        ]
    },
    "STYLES": _assets("colors.css", "console.css", "desk.css"),
    "SCRIPTS": _assets("csp.js", "drafts.js", "console.js", "shortcuts.js"),
    # Colours stand in colors.css: Unfold would write them into each page, where the policy permits no style.
}
