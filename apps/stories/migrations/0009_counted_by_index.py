from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('stories', '0008_tallies'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='story',
            index=models.Index(condition=models.Q(('deleted_at__isnull', True), ('removed_at__isnull', True)), fields=['author', 'expires_at'], include=('audience',), name='story_kept_of_author'),
        ),
        AddIndexConcurrently(
            model_name='story',
            index=models.Index(condition=models.Q(('audience', 'public'), ('deleted_at__isnull', True), ('removed_at__isnull', True)), fields=['expires_at'], include=('author',), name='story_public_by_expiry'),
        ),
    ]
