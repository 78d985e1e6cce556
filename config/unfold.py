"""How the console looks and what stands in its menu."""

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

UNFOLD = {
    "SITE_TITLE": _("Infloo console"),
    "SITE_HEADER": "Infloo",
    "SITE_URL": reverse_lazy("admin:index"),
    "SITE_SYMBOL": "hub",
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {"show_search": False, "navigation": "admin_dashboards.navigation.menu"},
}
