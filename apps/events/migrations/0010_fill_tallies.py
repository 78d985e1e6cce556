"""Counts what was there before the triggers. A migration of its own, so that writers go on while it reads the table."""

from django.db import migrations

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('tallies'))"
FILL = """
    INSERT INTO tallies_tally AS tally (kind, bucket, slot, n) SELECT kind, CASE WHEN bucket < now() - interval '1 day' THEN 'epoch' ELSE bucket END, 0, sum(n) FROM (
        SELECT kind, bucket, 1 AS n FROM (SELECT host_id AS owner, 'events.all' AS kind, 'epoch'::timestamptz AS bucket FROM events_event WHERE removed_at IS NULL UNION ALL SELECT host_id AS owner, 'events.begin' AS kind, date_bin('240 minutes', date, 'epoch') AS bucket FROM events_event WHERE removed_at IS NULL UNION ALL SELECT host_id AS owner, 'events.end' AS kind, date_bin('240 minutes', ends_at, 'epoch') AS bucket FROM events_event WHERE removed_at IS NULL) AS counted JOIN users_user ON users_user.id = owner AND users_user.is_active
        UNION ALL
        SELECT kind, bucket, -n FROM tallies_tally WHERE split_part(kind, '.', 1) = 'events'
    ) AS every GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2 ON CONFLICT (kind, bucket, slot) DO UPDATE SET n = tally.n + excluded.n
"""
EMPTY = "DELETE FROM tallies_tally WHERE split_part(kind, '.', 1) = 'events'"


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0009_tallies'),
    ]

    operations = [
        migrations.RunSQL([ONE_AT_A_TIME, FILL], EMPTY),
    ]
