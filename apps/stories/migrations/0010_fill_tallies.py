"""Counts what was there before the triggers. A migration of its own, so that writers go on while it reads the table."""

from django.db import migrations

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('tallies'))"
FILL = """
    INSERT INTO tallies_tally AS tally (kind, bucket, slot, n) SELECT kind, CASE WHEN bucket < now() - interval '1 day' THEN 'epoch' ELSE bucket END, 0, sum(n) FROM (
        SELECT kind, bucket, 1 AS n FROM (SELECT author_id AS owner, 'stories.public' AS kind, date_bin('5 minutes', expires_at, 'epoch') AS bucket FROM stories_story WHERE audience = 'public' AND deleted_at IS NULL AND removed_at IS NULL) AS counted JOIN users_user ON users_user.id = owner AND users_user.is_active
        UNION ALL
        SELECT kind, bucket, -n FROM tallies_tally WHERE split_part(kind, '.', 1) = 'stories'
    ) AS every GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2 ON CONFLICT (kind, bucket, slot) DO UPDATE SET n = tally.n + excluded.n
"""
EMPTY = "DELETE FROM tallies_tally WHERE split_part(kind, '.', 1) = 'stories'"


class Migration(migrations.Migration):

    dependencies = [
        ('stories', '0009_counted_by_index'),
    ]

    operations = [
        migrations.RunSQL([ONE_AT_A_TIME, FILL], EMPTY),
    ]
