from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "apps.review"
    label = "desk"  # of its tables and permissions
