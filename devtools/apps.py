from django.apps import AppConfig


class DevtoolsConfig(AppConfig):
    """What developers run: embedded servers, `make run`, the development server, lint. Not part of an installation."""

    name = "devtools"
