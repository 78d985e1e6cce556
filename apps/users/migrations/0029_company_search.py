import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations

from apps.infra.index_operations import ChangeIndexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("users", "0028_labels")]

    operations = [
        ChangeIndexes(
            add={
                "profile": [
                    django.contrib.postgres.indexes.GinIndex(
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("company_name"), name="gin_trgm_ops"
                        ),
                        name="profile_company_search",
                    ),
                ],
            },
        ),
    ]
