"""The styles and scripts of the desks of cases and appeals, which the tables of reported content share."""

from collections.abc import Sequence

from django.forms import Media

STYLES: dict[str, Sequence[str]] = {"all": ["admin_dashboards/moderation.css"]}
SCRIPTS = ["admin_dashboards/moderation.js"]
MEDIA = Media(css=STYLES, js=SCRIPTS)
