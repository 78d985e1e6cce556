"""New names in the code for fingerprints, duplicate matches and the encrypted key; tables and columns keep theirs."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0033_action_of_versions")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("DocumentPrint", "DocumentFingerprint"),
                migrations.AlterModelTable("documentfingerprint", "users_documentprint"),
                migrations.AlterField(
                    "documentfingerprint",
                    "document",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="fingerprint",
                        serialize=False,
                        to="users.document",
                    ),
                ),
                migrations.RenameModel("DocumentTwin", "DuplicateMatch"),
                migrations.AlterModelTable("duplicatematch", "users_documenttwin"),
                migrations.AlterModelOptions(
                    "duplicatematch", {"default_permissions": (), "verbose_name": "duplicate match"}
                ),
                migrations.AlterField(
                    "authenticator",
                    "sealed_key",
                    models.CharField(db_column="sealed_key", editable=False, max_length=255),
                ),
                migrations.RenameField("authenticator", "sealed_key", "encrypted_key"),
            ]
        )
    ]
