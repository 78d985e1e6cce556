"""Counts what was there before the triggers. A migration of its own, so that writers go on while it reads the table."""

from django.db import migrations

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('tallies'))"
FILL_DOCUMENTS = """
        INSERT INTO tallies_tally AS tally (kind, bucket, slot, n) SELECT kind, CASE WHEN bucket < now() - CASE WHEN starts_with(kind, 'queue_') THEN interval '60 days' ELSE interval '1 day' END AND right(kind, 5) <> '.open' THEN 'epoch' ELSE bucket END, 0, sum(n) FROM (
            SELECT kind, bucket, 1 AS n FROM (SELECT NULL::bigint AS owner, 'queue_documents.came' AS kind, date_bin('15 minutes', created_at, 'epoch') AS bucket FROM users_document WHERE true UNION ALL SELECT NULL::bigint AS owner, 'queue_documents.open' AS kind, date_bin('15 minutes', created_at, 'epoch') AS bucket FROM users_document WHERE status = 'pending' UNION ALL SELECT NULL::bigint AS owner, 'queue_documents.went.' || coalesce(decided_by_id::text, '') AS kind, date_bin('15 minutes', decided_at, 'epoch') AS bucket FROM users_document WHERE decided_at IS NOT NULL UNION ALL SELECT NULL::bigint AS owner, 'queue_documents.took.' || greatest(0, least(9999, ceil(extract(epoch FROM decided_at - created_at) / 3600)))::int AS kind, date_bin('15 minutes', decided_at, 'epoch') AS bucket FROM users_document WHERE decided_at IS NOT NULL) AS counted
            UNION ALL
            SELECT kind, bucket, -n FROM tallies_tally WHERE split_part(kind, '.', 1) = 'queue_documents'
        ) AS every GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2 ON CONFLICT (kind, bucket, slot) DO UPDATE SET n = tally.n + excluded.n
"""
EMPTY = "DELETE FROM tallies_tally WHERE split_part(kind, '.', 1) = '%s'"


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0038_queue_tallies'),
    ]

    operations = [
        migrations.RunSQL([ONE_AT_A_TIME, FILL_DOCUMENTS], EMPTY % "queue_documents"),
    ]
