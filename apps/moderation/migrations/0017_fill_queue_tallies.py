"""Counts what was there before the triggers. A migration of its own, so that writers go on while it reads the table."""

from django.db import migrations

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('tallies'))"
FILL_CASES = """
        INSERT INTO tallies_tally AS tally (kind, bucket, slot, n) SELECT kind, CASE WHEN bucket < now() - CASE WHEN starts_with(kind, 'queue_') THEN interval '60 days' ELSE interval '1 day' END AND right(kind, 5) <> '.open' THEN 'epoch' ELSE bucket END, 0, sum(n) FROM (
            SELECT kind, bucket, 1 AS n FROM (SELECT NULL::bigint AS owner, 'queue_cases.came' AS kind, date_bin('15 minutes', opened_at, 'epoch') AS bucket FROM moderation_case WHERE true UNION ALL SELECT NULL::bigint AS owner, 'queue_cases.open' AS kind, date_bin('15 minutes', opened_at, 'epoch') AS bucket FROM moderation_case WHERE status = 'open' UNION ALL SELECT NULL::bigint AS owner, 'queue_cases.went.' || coalesce(closed_by_id::text, '') AS kind, date_bin('15 minutes', closed_at, 'epoch') AS bucket FROM moderation_case WHERE closed_at IS NOT NULL UNION ALL SELECT NULL::bigint AS owner, 'queue_cases.took.' || greatest(0, least(9999, ceil(extract(epoch FROM closed_at - opened_at) / 3600)))::int AS kind, date_bin('15 minutes', closed_at, 'epoch') AS bucket FROM moderation_case WHERE closed_at IS NOT NULL) AS counted
            UNION ALL
            SELECT kind, bucket, -n FROM tallies_tally WHERE split_part(kind, '.', 1) = 'queue_cases'
        ) AS every GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2 ON CONFLICT (kind, bucket, slot) DO UPDATE SET n = tally.n + excluded.n
"""
FILL_APPEALS = """
        INSERT INTO tallies_tally AS tally (kind, bucket, slot, n) SELECT kind, CASE WHEN bucket < now() - CASE WHEN starts_with(kind, 'queue_') THEN interval '60 days' ELSE interval '1 day' END AND right(kind, 5) <> '.open' THEN 'epoch' ELSE bucket END, 0, sum(n) FROM (
            SELECT kind, bucket, 1 AS n FROM (SELECT NULL::bigint AS owner, 'queue_appeals.came' AS kind, date_bin('15 minutes', created_at, 'epoch') AS bucket FROM moderation_appeal WHERE true UNION ALL SELECT NULL::bigint AS owner, 'queue_appeals.open' AS kind, date_bin('15 minutes', created_at, 'epoch') AS bucket FROM moderation_appeal WHERE status = 'open' UNION ALL SELECT NULL::bigint AS owner, 'queue_appeals.went.' || coalesce(ruled_by_id::text, '') AS kind, date_bin('15 minutes', ruled_at, 'epoch') AS bucket FROM moderation_appeal WHERE ruled_at IS NOT NULL UNION ALL SELECT NULL::bigint AS owner, 'queue_appeals.took.' || greatest(0, least(9999, ceil(extract(epoch FROM ruled_at - created_at) / 3600)))::int AS kind, date_bin('15 minutes', ruled_at, 'epoch') AS bucket FROM moderation_appeal WHERE ruled_at IS NOT NULL) AS counted
            UNION ALL
            SELECT kind, bucket, -n FROM tallies_tally WHERE split_part(kind, '.', 1) = 'queue_appeals'
        ) AS every GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2 ON CONFLICT (kind, bucket, slot) DO UPDATE SET n = tally.n + excluded.n
"""
EMPTY = "DELETE FROM tallies_tally WHERE split_part(kind, '.', 1) = '%s'"


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0016_queue_tallies'),
    ]

    operations = [
        migrations.RunSQL([ONE_AT_A_TIME, FILL_CASES], EMPTY % "queue_cases"),
        migrations.RunSQL([ONE_AT_A_TIME, FILL_APPEALS], EMPTY % "queue_appeals"),
    ]
