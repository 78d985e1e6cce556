from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # an index that is made without holding up writers

    dependencies = [
        ("moderation", "0006_time_boxed_grants"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="case",
            index=models.Index(fields=["-opened_at"], name="case_latest_opened"),
        ),
    ]
