from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0022_account_changes_end_sessions")]

    operations = [
        migrations.AddField(
            model_name="document",
            name="letters_missing",
            field=models.BooleanField(db_default=False, default=False, editable=False, verbose_name="letters missing"),
        ),
    ]
