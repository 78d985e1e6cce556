import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0011_action_of_versions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PersonKey',
            fields=[
                ('person', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='person_key', serialize=False, to=settings.AUTH_USER_MODEL, verbose_name='user')),
                ('key', models.BinaryField(max_length=32, null=True, verbose_name='key')),
            ],
            options={
                'verbose_name': 'key of a person',
                'default_permissions': (),
            },
        ),
        # The column stays for the release before; what is encrypted is in one of its own.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField('entry', 'address', 'plain_address'),
                migrations.AlterField('entry', 'plain_address', models.GenericIPAddressField(db_column='address', null=True)),
            ],
        ),
        migrations.AddField(
            model_name='entry',
            name='address',
            field=models.TextField(db_column='encrypted_address', null=True, verbose_name='address'),
        ),
        migrations.AddField(
            model_name='entry',
            name='private',
            field=models.JSONField(null=True, verbose_name='private detail'),
        ),
    ]
