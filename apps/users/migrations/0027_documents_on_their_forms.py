"""Documents are laid onto the form that they share and compared there. What the release before noted counts for nothing:
the left-over job makes it anew."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


def constraint(table, column, to, action):
    """Kept by the database itself: the release before, which serves meanwhile, deletes documents without these."""
    name = f"{table}_{column}_kept"
    return migrations.RunSQL(
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY ("{column}") REFERENCES "{to}" (id) '
        f"ON DELETE {action} DEFERRABLE INITIALLY DEFERRED",
        f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"',
    )


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0026_redraw_pending_forms'),
    ]

    operations = [
        migrations.AddField(
            model_name='documentprint',
            name='hull',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), null=True),
        ),
        migrations.AddField(
            model_name='documentprint',
            name='placed',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), null=True, size=9),
        ),
        migrations.AddField(
            model_name='documentprint',
            name='version',
            field=models.PositiveSmallIntegerField(db_default=0, db_index=True, default=0),
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
        migrations.CreateModel(
            name='DocumentBand',
            fields=[
                ('pk', models.CompositePrimaryKey('band', 'document', blank=True, editable=False, primary_key=True, serialize=False)),
                ('band', models.BigIntegerField()),
                ('document', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.document')),
            ],
            options={
                'verbose_name': 'hash band',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='DocumentForm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('width', models.PositiveSmallIntegerField()),
                ('height', models.PositiveSmallIntegerField()),
                ('features', models.BinaryField()),
                ('found', models.BinaryField()),
                ('documents', models.PositiveIntegerField(default=1)),
                ('document', models.ForeignKey(null=True, db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='users.document')),
            ],
            options={
                'verbose_name': 'form',
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='documentprint',
            name='form',
            field=models.ForeignKey(null=True, db_constraint=False, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='users.documentform'),
        ),
        migrations.CreateModel(
            name='DocumentFormBand',
            fields=[
                ('pk', models.CompositePrimaryKey('band', 'form', blank=True, editable=False, primary_key=True, serialize=False)),
                ('band', models.IntegerField()),
                ('form', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='bands', to='users.documentform')),
            ],
            options={
                'verbose_name': 'hash band of a form',
                'default_permissions': (),
            },
        ),
        constraint('users_documentband', 'document_id', 'users_document', 'CASCADE'),
        constraint('users_documentform', 'document_id', 'users_document', 'CASCADE'),
        constraint('users_documentformband', 'form_id', 'users_documentform', 'CASCADE'),
        constraint('users_documentprint', 'form_id', 'users_documentform', 'SET NULL'),
    ]
