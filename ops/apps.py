from django.apps import AppConfig


class OpsConfig(AppConfig):
    """The commands that run the platform: servers and worker."""

    name = "ops"
    label = "ops"

    def ready(self) -> None:
        from ops import checks  # noqa: F401
