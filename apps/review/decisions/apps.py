from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    name = "apps.review.decisions"
    label = "decisions"
