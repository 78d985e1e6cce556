"""Forms that carry files."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.errors import Invalid


def only(request: HttpRequest, *names: str) -> None:
    """Refuse parts of the form other than these, and files in place of text, so that a mistake is seen."""
    for name in [*request.POST, *request.FILES]:
        if name not in names:
            raise Invalid("extra-forbidden", _("This call knows no such field."), field=name)
