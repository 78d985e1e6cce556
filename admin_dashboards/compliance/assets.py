"""The styles and scripts of the verification desk."""

from collections.abc import Sequence

from django.forms import Media

STYLES: dict[str, Sequence[str]] = {"all": ["admin_dashboards/compliance.css"]}
MEDIA = Media(css=STYLES, js=["admin_dashboards/compliance.js"])
