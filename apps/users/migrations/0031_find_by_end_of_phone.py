import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations, models

from apps.infra.index_operations import ChangeIndexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("users", "0030_document_details")]

    operations = [
        ChangeIndexes(
            add={
                "user": [
                    models.Index(
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Reverse(
                                models.Func(
                                    models.F("phone"),
                                    models.Value("\\D"),
                                    models.Value(""),
                                    models.Value("g"),
                                    function="regexp_replace",
                                    output_field=models.TextField(),
                                ),
                                output_field=models.TextField(),
                            ),
                            name="text_pattern_ops",
                        ),
                        condition=models.Q(("phone", ""), _negated=True),
                        name="user_by_phone_end",
                    ),
                ],
            },
        ),
    ]
