"""What each user name looks like, so that none is given that looks like another.

Safe while the code of before serves: it does not name the column, which is null for it. Nothing waits long: the column
has no default, the index is made beside the writers, rows are filled in batches. A run that was broken off goes on
where it was. Accounts whose names look alike stay as they are; all but the oldest are named at the end.
"""

import re
import sys

import django.core.validators
from django.db import migrations, models

import apps.users.names
from apps.users.name_keys import give_keys, report

USERNAME = {
    "error_messages": {"unique": "This user name is taken."},
    "max_length": 150,
    "validators": [
        django.core.validators.RegexValidator(
            re.compile("\\A[\\w](?:[\\w.+-]*[\\w+-])?\\Z"),
            "Use letters, digits and . + - _ only, beginning with a letter or digit and not ending with a dot.",
        ),
        apps.users.names.validate_script,
    ],
    "verbose_name": "user name",
}


def make_unique(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_constraint WHERE conrelid = 'users_user'::regclass AND conname = 'username_look_unique'"
        )
        if cursor.fetchone() is not None:
            return
        # One that was broken off would stay, and not count.
        cursor.execute("DROP INDEX CONCURRENTLY IF EXISTS username_look_unique")
        cursor.execute("CREATE UNIQUE INDEX CONCURRENTLY username_look_unique ON users_user (username_skeleton)")
        cursor.execute(
            "ALTER TABLE users_user ADD CONSTRAINT username_look_unique UNIQUE USING INDEX username_look_unique"
        )


def fill(apps, schema_editor):
    users = apps.get_model("users", "User").objects.using(schema_editor.connection.alias)
    for line in report(give_keys(users.all())):
        sys.stdout.write(f"\n{line}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("users", "0019_devices"),
    ]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE users_user ADD COLUMN IF NOT EXISTS username_skeleton varchar(32)",
            "ALTER TABLE users_user DROP COLUMN IF EXISTS username_skeleton",
            state_operations=[
                migrations.AddField(
                    model_name="user",
                    name="username_skeleton",
                    field=models.CharField(blank=True, editable=False, max_length=32, null=True),
                ),
                migrations.AddConstraint(
                    model_name="user",
                    constraint=models.UniqueConstraint(
                        fields=("username_skeleton",),
                        name="username_look_unique",
                        violation_error_message="This user name looks like one that is taken.",
                    ),
                ),
            ],
        ),
        migrations.RunPython(make_unique, migrations.RunPython.noop),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        migrations.AlterField("historicaluser", "username", models.CharField(db_index=True, **USERNAME)),
        migrations.AlterField("user", "username", models.CharField(unique=True, **USERNAME)),
    ]
