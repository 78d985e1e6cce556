from django.db import migrations, models

from apps.infra.index_operations import ChangeIndexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("users", "0034_names_of_fingerprints")]

    operations = [
        ChangeIndexes(
            add={
                "document": [
                    models.Index(
                        condition=models.Q(("escalated_at__isnull", False), ("status", "pending")),
                        fields=["created_at", "id"],
                        name="document_escalated",
                    ),
                    models.Index(
                        condition=models.Q(("snoozed_until__isnull", False), ("status", "pending")),
                        fields=["created_at", "id"],
                        name="document_snoozed",
                    ),
                ],
            },
        ),
    ]
