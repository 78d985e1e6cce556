from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Demo data, and amounts of data for load tests. Not part of an installation."""

    name = "demo"
