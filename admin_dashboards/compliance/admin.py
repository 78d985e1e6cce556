"""The tables of the compliance desk."""

from admin_dashboards.compliance import documents, users

__all__ = ["documents", "users"]
