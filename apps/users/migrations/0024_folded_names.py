"""The folded form of each user name and mail address, by which accounts are found and kept apart.

Safe while the code of before serves: it does not name the columns, which are null in its new rows and, by a trigger,
wherever it changes what they are made of; such rows are found by their own spelling. Nothing waits long: the columns
have no default, the indexes are made beside the writers, rows are filled in batches. A run that was broken off goes on
where it was. Of accounts whose names or addresses are the same once folded, all but the oldest stay as they are, without
a key, and are named at the end.
"""

import sys

import django.contrib.postgres.indexes
import pgtrigger.compiler
import pgtrigger.migrations
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

import apps.users.names
from apps.users.name_fields import MAIL, NAME
from apps.users.name_keys import give_keys, report

USERNAME = {
    "error_messages": {"unique": "This user name is taken."},
    "max_length": 150,
    "validators": [apps.users.names.validate_username, apps.users.names.validate_script],
    "verbose_name": "user name",
}
CHANGED = "WHEN (NEW.username <> OLD.username OR NEW.email <> OLD.email)"


def make_unique(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for key in (NAME, MAIL):
            name = f"{key.column}_unique"
            cursor.execute(
                "SELECT FROM pg_constraint WHERE conrelid = 'users_user'::regclass AND conname = %s", [name]
            )
            if cursor.fetchone() is not None:
                continue
            # One that was broken off would stay, and not count.
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            cursor.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON users_user ({key.column})")
            cursor.execute(f"ALTER TABLE users_user ADD CONSTRAINT {name} UNIQUE USING INDEX {name}")


def fill(apps, schema_editor):
    users = apps.get_model("users", "User").objects.using(schema_editor.connection.alias)
    for key in (NAME, MAIL):
        for line in report(give_keys(users.all(), key), key):
            sys.stdout.write(f"\n{line}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("users", "0023_document_letters_missing"),
    ]

    operations = [
        migrations.RunSQL(
            [
                "ALTER TABLE users_user ADD COLUMN IF NOT EXISTS username_key varchar",
                "ALTER TABLE users_user ADD COLUMN IF NOT EXISTS email_key varchar",
            ],
            [
                "ALTER TABLE users_user DROP COLUMN IF EXISTS email_key",
                "ALTER TABLE users_user DROP COLUMN IF EXISTS username_key",
            ],
            state_operations=[
                migrations.AddField("user", "username_key", models.CharField(blank=True, editable=False, null=True)),
                migrations.AddField("user", "email_key", models.CharField(blank=True, editable=False, null=True)),
                migrations.AddConstraint(
                    "user",
                    models.UniqueConstraint(
                        fields=("username_key",),
                        name="username_key_unique",
                        violation_error_message="This user name is taken.",
                    ),
                ),
                migrations.AddConstraint(
                    "user",
                    models.UniqueConstraint(
                        fields=("email_key",),
                        name="email_key_unique",
                        violation_error_message="This mail address is taken.",
                    ),
                ),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="user",
            trigger=pgtrigger.compiler.Trigger(
                name="key_1_given",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition=CHANGED,
                    func="IF NEW.username <> OLD.username THEN NEW.username_key = NEW.username_key || E'\\n'; END IF;\n"
                    "IF NEW.email <> OLD.email THEN NEW.email_key = NEW.email_key || E'\\n'; END IF;\n"
                    "RETURN NEW;",
                    hash="a748a6ce9e5b3d5fe51f9a62eab1a6445e90ee68",
                    operation='UPDATE OF "username_key", "email_key"',
                    pgid="pgtrigger_key_1_given_138e5",
                    table="users_user",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="user",
            trigger=pgtrigger.compiler.Trigger(
                name="key_2_kept",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition=CHANGED,
                    func="IF NEW.username <> OLD.username THEN NEW.username_key = CASE WHEN NEW.username_key ="
                    " OLD.username_key THEN NULL ELSE rtrim(NEW.username_key, E'\\n') END; END IF;\n"
                    "IF NEW.email <> OLD.email THEN NEW.email_key = CASE WHEN NEW.email_key ="
                    " OLD.email_key THEN NULL ELSE rtrim(NEW.email_key, E'\\n') END; END IF;\n"
                    "RETURN NEW;",
                    hash="65ebebd24336a844608f5e82345d12dc4e69315b",
                    operation="UPDATE",
                    pgid="pgtrigger_key_2_kept_9a8d1",
                    table="users_user",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.RunPython(make_unique, migrations.RunPython.noop),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        # As above; taking an index away does not mind that it is gone.
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS user_name_search", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "user",
            django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(models.F("username_key"), name="gin_trgm_ops"),
                name="user_name_search",
            ),
        ),
        RemoveIndexConcurrently("user", "user_username_search"),
        migrations.AlterField("historicaluser", "username", models.CharField(db_index=True, **USERNAME)),
        migrations.AlterField("user", "username", models.CharField(unique=True, **USERNAME)),
    ]
