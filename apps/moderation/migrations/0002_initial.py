"""What it did, the first migration does. A migration that was applied keeps its name."""

from django.db import migrations


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('moderation', '0001_initial'),
    ]

    operations = []
