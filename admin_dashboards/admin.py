"""The tables of all desks, for Django to find."""

from importlib import import_module

for desk in ("compliance", "moderation", "access", "support"):
    import_module(f"admin_dashboards.{desk}.admin")
