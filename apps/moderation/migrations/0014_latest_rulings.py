from django.db import migrations, models

from apps.infra.index_operations import ChangeIndexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("moderation", "0013_field_names")]

    operations = [
        ChangeIndexes(
            add={
                "appeal": [
                    models.Index(
                        condition=models.Q(("ruled_at__isnull", False)),
                        fields=["-ruled_at", "-id"],
                        name="appeal_latest_ruled",
                    ),
                ],
            },
        ),
    ]
