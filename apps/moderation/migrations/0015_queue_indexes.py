from django.db import migrations, models

from apps.infra.index_operations import ChangeIndexes

BY_PRIORITY = ["-priority_score", "opened_at", "id"]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("moderation", "0014_latest_rulings")]

    operations = [
        ChangeIndexes(
            add={
                "case": [
                    models.Index(fields=["opened_at"], condition=models.Q(("status", "open")), name="case_oldest"),
                    models.Index(
                        condition=models.Q(("escalated_at__isnull", False), ("status", "open")),
                        fields=BY_PRIORITY,
                        name="case_escalated",
                    ),
                    models.Index(
                        condition=models.Q(("snoozed_until__isnull", False), ("status", "open")),
                        fields=BY_PRIORITY,
                        name="case_snoozed",
                    ),
                ],
            },
        ),
    ]
