"""Delete what the lock-out of the release before has written down: whatever was typed at a failed sign-in, and a row for
each sign-in. Nothing reads either any more. A lock that is in force ends; the next ten wrong passwords make a new one."""

from django.db import migrations


def forget(apps, schema_editor):
    for name in ("AccessAttempt", "AccessLog"):
        apps.get_model("axes", name).objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0020_look_alike_names"),
        ("axes", "0010_accessattemptexpiration"),
    ]

    operations = [migrations.RunPython(forget, migrations.RunPython.noop, elidable=True)]
