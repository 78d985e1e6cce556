"""How one member of staff works: time zone, time away, how pictures are shown."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.desk.services import prefer, preference_of
from apps.desk.time_zones import time_zone, time_zones
from apps.errors import Invalid

ZONE_KEY = "time_zone"
"""Where the session has the time zone, so that no page needs to ask the database for it."""


class PreferenceForm(forms.Form):
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=64,
        help_text=gettext_lazy("Dates and times in the console use this zone."),
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off", "spellcheck": "false"}),
    )
    away_until = forms.DateTimeField(
        label=gettext_lazy("Away until"),
        required=False,
        help_text=gettext_lazy(
            "Until then nothing is assigned to you, and items assigned to you are open to colleagues."
        ),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    blur_pictures = forms.BooleanField(label=gettext_lazy("Blur reported images until hovered"), required=False)
    grey_pictures = forms.BooleanField(label=gettext_lazy("Show reported images in greyscale"), required=False)


def preferences_view(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    preference = preference_of(user)
    names = ("time_zone", "away_until", "blur_pictures", "grey_pictures")
    initial = {name: getattr(preference, name) for name in names}
    if not preference.is_away:
        initial["away_until"] = None
    form = PreferenceForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            kept = prefer(user, **form.cleaned_data)
        except Invalid as error:
            form.add_error(error.field, str(error))
        else:
            request.session[ZONE_KEY] = kept.time_zone
            messages.success(request, _("Preferences saved."))
            return HttpResponseRedirect(reverse("admin:preferences"))
    context = {
        **admin.site.each_context(request),
        "title": _("Preferences"),
        "form": form,
        "zones": sorted(time_zones()),
    }
    return TemplateResponse(request, "desk/preferences.html", context, status=422 if form.errors else 200)


def zone_of(request: HttpRequest) -> ZoneInfo:
    """The time zone in which the person reads, asked of the database once a session."""
    if ZONE_KEY not in request.session:
        request.session[ZONE_KEY] = preference_of(request.user).time_zone  # type: ignore[arg-type]
    return time_zone(request.session[ZONE_KEY])
