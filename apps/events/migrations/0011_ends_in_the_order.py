from django.db import migrations, models

from apps.infra.index_operations import ChangeIndexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0010_fill_tallies")]

    operations = [
        ChangeIndexes(
            add={"event": [models.Index(fields=["-date", "-id", "ends_at"], name="event_latest_and_end")]},
            remove={"event": ["event_latest"]},
        ),
    ]
