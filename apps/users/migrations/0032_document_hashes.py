"""Documents are found by hashes of features, and compared. What the release before noted counts for nothing: the
left-over job makes it anew."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('users', '0031_find_by_end_of_phone'),
    ]

    operations = [
        migrations.AddField(
            model_name='documentprint',
            name='version',
            field=models.PositiveSmallIntegerField(db_default=0, db_index=True, default=0),
        ),
        migrations.AddField(
            model_name='documentprint',
            name='hashes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True),
        ),
        migrations.AddField(
            model_name='documentprint',
            name='features',
            field=models.BinaryField(max_length=10800, null=True),
        ),
        migrations.AddField(
            model_name='documenttwin',
            name='score',
            field=models.FloatField(null=True),
        ),
        migrations.AlterField(
            model_name='documentprint',
            name='bands',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True, size=4),
        ),
        migrations.AlterField(
            model_name='documentprint',
            name='bits',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='documentprint',
            name='sketch',
            field=models.BinaryField(max_length=1024, null=True),
        ),
        AddIndexConcurrently(
            model_name='documentprint',
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['hashes'], name='document_print_hashes'),
        ),
    ]
