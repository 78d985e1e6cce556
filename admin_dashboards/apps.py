from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AdminDashboardsConfig(AppConfig):
    name = "admin_dashboards"


class InflooAdminConfig(AdminConfig):
    """Django's admin, on the site of our own."""

    default_site = "admin_dashboards.site.InflooAdminSite"
