"""Changes to many events by a file: the rows that an export gave, edited."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from admin_dashboards.import_export import TableResource
from apps.errors import Absent
from apps.events.models import Event
from apps.events.services import edit_event


class EventRows(TableResource):
    """Each row changes the event of its `id`, as far as its columns go. Nothing is made or removed."""

    class Meta(TableResource.Meta):
        model = Event
        fields = ("id", "title", "description", "date", "ends_at", "location", "capacity")

    def get_or_init_instance(self, instance_loader: Any, row: dict[str, Any]) -> tuple[Event, bool]:
        event = self.get_instance(instance_loader, row)
        if event is None:
            raise Absent("no-such-event", _("There is no event with this number."))
        return event, False

    def save_instance(self, instance: Event, is_create: bool, row: dict[str, Any], **options: Any) -> None:
        given = {field.attribute: getattr(instance, field.attribute) for field in self.get_import_fields()}
        changes = {name: value for name, value in given.items() if name != "id" and name in row}
        edit_event(options["user"], instance.pk, **changes)
