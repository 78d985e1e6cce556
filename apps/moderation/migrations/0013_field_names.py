"""New names in the code for the same table and columns: nothing is changed in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0012_action_of_versions'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterModelTable(name='exhibit', table='moderation_exhibit'),
                migrations.RenameModel(old_name='Exhibit', new_name='ContentSnapshot'),
                migrations.AlterModelOptions(
                    name='contentsnapshot',
                    options={'default_permissions': (), 'verbose_name': 'content snapshot', 'verbose_name_plural': 'content snapshots'},
                ),
                migrations.RenameField(model_name='contentsnapshot', old_name='words', new_name='text'),
                migrations.AlterField(
                    model_name='contentsnapshot',
                    name='text',
                    field=models.JSONField(db_column='words', verbose_name='text'),
                ),
                migrations.AlterField(
                    model_name='contentsnapshot',
                    name='case',
                    field=models.ForeignKey(db_index=False, on_delete=models.deletion.CASCADE, related_name='snapshots', to='moderation.case', verbose_name='case'),
                ),
                migrations.RemoveIndex(model_name='case', name='case_queue'),
                migrations.RenameField(model_name='case', old_name='weight', new_name='priority_score'),
                migrations.AlterField(
                    model_name='case',
                    name='priority_score',
                    field=models.PositiveIntegerField(db_column='weight', default=0, editable=False, verbose_name='priority'),
                ),
                migrations.AddIndex(
                    model_name='case',
                    index=models.Index(condition=models.Q(('status', 'open')), fields=['-priority_score', 'opened_at', 'id'], name='case_queue'),
                ),
                migrations.RemoveConstraint(model_name='strike', name='strike_weighs_something'),
                migrations.RenameField(model_name='strike', old_name='weight', new_name='points'),
                migrations.AlterField(
                    model_name='strike',
                    name='points',
                    field=models.PositiveSmallIntegerField(db_column='weight', verbose_name='points'),
                ),
                migrations.AddConstraint(
                    model_name='strike',
                    constraint=models.CheckConstraint(condition=models.Q(('points__gte', 1)), name='strike_weighs_something'),
                ),
                migrations.RenameField(model_name='historicalstrike', old_name='weight', new_name='points'),
                migrations.AlterField(
                    model_name='historicalstrike',
                    name='points',
                    field=models.PositiveSmallIntegerField(db_column='weight', verbose_name='points'),
                ),
            ],
        ),
    ]
