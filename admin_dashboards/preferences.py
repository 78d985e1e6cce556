"""The page of the viewer's preferences: time zone, time away, how images are shown, shortcuts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from admin_dashboards.context import StaffRequest
from apps.errors import Invalid
from apps.review.preferences import prefer
from apps.review.shortcuts import GROUPS, KNOWN
from apps.review.time_zones import time_zones


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
    single_keys = forms.BooleanField(
        label=gettext_lazy("Use single-key shortcuts"),
        required=False,
        help_text=gettext_lazy("Turn them off if you use speech input. All actions have buttons."),
    )

    def __init__(self, *args: Any, keys: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for shortcut in KNOWN.values():
            self.fields[_key_name(shortcut.key)] = forms.CharField(
                label=str(shortcut.title),
                required=False,
                max_length=1,
                strip=True,
                initial=keys.get(shortcut.key, shortcut.key),
                widget=forms.TextInput(attrs={"size": 2, "autocomplete": "off", "spellcheck": "false"}),
            )

    def chosen_keys(self) -> dict[str, str]:
        """From each default key to the chosen one."""
        return {key: self.cleaned_data[_key_name(key)] for key in KNOWN}

    def own(self) -> list[forms.BoundField]:
        """The fields that are not about a single shortcut."""
        return [field for field in self if not field.name.startswith(KEY_PREFIX)]

    def groups(self) -> list[tuple[str | Promise, list[forms.BoundField]]]:
        """The fields of the shortcuts, under the headings of their groups."""
        return [(title, [self[_key_name(each.key)] for each in shortcuts]) for title, shortcuts in GROUPS.values()]


KEY_PREFIX = "key_"


def _key_name(key: str) -> str:
    """The name of the field that maps `key`."""
    return f"{KEY_PREFIX}{ord(key)}"


def preferences_view(request: StaffRequest) -> HttpResponse:
    """The preferences; saves them when they are posted."""
    user: Any = request.user
    preference = request.console.preference
    names = ("time_zone", "away_until", "blur_pictures", "grey_pictures", "single_keys")
    initial = {name: getattr(preference, name) for name in names}
    if not preference.is_away:
        initial["away_until"] = None
    form = PreferenceForm(request.POST or None, initial=initial, keys=preference.keys)
    if request.method == "POST" and form.is_valid():
        try:
            kept = prefer(user, keys=form.chosen_keys(), **{name: form.cleaned_data[name] for name in names})
        except Invalid as error:
            form.add_error(_key_name(error.field) if error.field in KNOWN else error.field, str(error))
        else:
            request.console.store(kept)
            messages.success(request, _("Preferences saved."))
            return HttpResponseRedirect(reverse("admin:preferences"))
    context = {
        **admin.site.each_context(request),
        "title": _("Preferences"),
        "form": form,
        "zones": sorted(time_zones()),
    }
    return TemplateResponse(request, "desk/preferences.html", context, status=422 if form.errors else 200)
