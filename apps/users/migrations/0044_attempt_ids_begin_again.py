"""The ids of failed sign-ins begin again after the last of 32 bits: the rows themselves go after a day."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('axes', '0010_accessattemptexpiration'),
        ('users', '0043_wide_history_keys'),
    ]

    operations = [
        migrations.RunSQL(
            'ALTER SEQUENCE axes_accessattempt_id_seq CYCLE', 'ALTER SEQUENCE axes_accessattempt_id_seq NO CYCLE'
        ),
    ]
