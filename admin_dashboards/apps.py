from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class AdminDashboardsConfig(AppConfig):
    name = "admin_dashboards"

    def ready(self) -> None:
        from admin_dashboards.sign_in import reauth  # noqa: F401 - connects sign-in signals once models are loaded

        # As the menu calls it.
        apps.get_app_config("auth").verbose_name = _("Authentication")


class InflooAdminConfig(AdminConfig):
    """Django's admin, on the site of our own."""

    default_site = "admin_dashboards.site.InflooAdminSite"
