from django.apps import AppConfig


class OpsConfig(AppConfig):
    """The commands that run the platform: servers, worker, demo data."""

    name = "ops"
    label = "ops"
