"""Counts what was there before the triggers. A migration of its own, so that writers go on while it reads the table."""

from django.db import migrations

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('tallies'))"
FILL = """
    INSERT INTO tallies_tally AS tally (kind, bucket, slot, n) SELECT kind, CASE WHEN bucket < now() - interval '1 day' THEN 'epoch' ELSE bucket END, 0, sum(n) FROM (
        SELECT kind, bucket, 1 AS n FROM (SELECT NULL::bigint AS owner, 'users.' || role || CASE WHEN is_verified THEN '.verified' ELSE '' END AS kind, 'epoch'::timestamptz AS bucket FROM users_user WHERE NOT is_staff AND is_active) AS counted
        UNION ALL
        SELECT kind, bucket, -n FROM tallies_tally WHERE split_part(kind, '.', 1) = 'users'
    ) AS every GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2 ON CONFLICT (kind, bucket, slot) DO UPDATE SET n = tally.n + excluded.n
"""
EMPTY = "DELETE FROM tallies_tally WHERE split_part(kind, '.', 1) = 'users'"


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0036_tallies'),
    ]

    operations = [
        migrations.RunSQL([ONE_AT_A_TIME, FILL], EMPTY),
    ]
