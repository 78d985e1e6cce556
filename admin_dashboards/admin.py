"""The tables and desks of the console, for Django to find: each registers itself as its module is imported."""

from importlib import import_module

for module in (
    "compliance.admin",
    "compliance.desk",
    "moderation.admin",
    "moderation.desk",
    "moderation.appeal_desk",
    "access.group_admin",
    "access.staff_admin",
    "access.session_admin",
    "access.grants",
    "access.desk",
    "support.admin",
    "support.desk",
    "privacy.desk",
):
    import_module(f"admin_dashboards.{module}")
