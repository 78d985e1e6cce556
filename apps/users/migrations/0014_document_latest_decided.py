from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # as making an index without holding up writers needs

    dependencies = [("users", "0013_time_boxed")]

    operations = [
        AddIndexConcurrently(
            model_name="document",
            index=models.Index(
                fields=["-decided_at"], condition=models.Q(decided_at__isnull=False), name="document_latest_decided"
            ),
        ),
    ]
