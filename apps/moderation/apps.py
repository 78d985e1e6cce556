from django.apps import AppConfig


class ModerationConfig(AppConfig):
    name = "apps.moderation"

    def ready(self) -> None:
        # Each registers its outcome.
        from apps.moderation.actions import edit, keep, remove, suspend, warn  # noqa: F401
