"""Encrypts what was kept in plain text. Reads and writes in batches, so that writers go on meanwhile."""

from django.db import migrations

from apps.audit.plain_text import PERSON_OF_ENTRY, PlainTable, move_private_details

TABLES = [
    ("chat_historicalmembership", "chat.HistoricalMembership", {"history_change_reason": "user_id"}),
    ("chat_historicalmessage", "chat.HistoricalMessage", {"history_change_reason": "sender_id", "removal_reason": "sender_id"}),
    ("connections_historicalconnection", "connections.HistoricalConnection", {"history_change_reason": "receiver_id"}),
    ("events_historicalevent", "events.HistoricalEvent", {"history_change_reason": "host_id", "title": "host_id", "description": "host_id", "location": "host_id", "removal_reason": "host_id"}),
    ("events_historicalparticipation", "events.HistoricalParticipation", {"history_change_reason": "user_id"}),
    ("moderation_historicalappeal", "moderation.HistoricalAppeal", {"history_change_reason": "author_id", "text": "author_id", "ruling": "author_id"}),
    ("moderation_historicalcase", "moderation.HistoricalCase", {"history_change_reason": "author_id"}),
    ("moderation_historicalreport", "moderation.HistoricalReport", {"history_change_reason": "author_id", "note": "reporter_id"}),
    ("moderation_historicalstrike", "moderation.HistoricalStrike", {"history_change_reason": "person_id"}),
    ("stories_historicalstory", "stories.HistoricalStory", {"history_change_reason": "author_id", "caption": "author_id", "sha256": "author_id", "removal_reason": "author_id"}),
    ("users_historicalblock", "users.HistoricalBlock", {"history_change_reason": "blocked_id"}),
    ("users_historicaldocument", "users.HistoricalDocument", {"history_change_reason": "owner_id", "comment": "owner_id", "sha256": "owner_id"}),
    ("users_historicalfollow", "users.HistoricalFollow", {"history_change_reason": "followed_id"}),
    ("users_historicalmfareset", "users.HistoricalMfaReset", {"history_change_reason": "user_id", "reason": "user_id"}),
    ("users_historicalprofile", "users.HistoricalProfile", {"history_change_reason": "user_id", "bio": "user_id", "social_links": "user_id", "company_name": "user_id", "business_category": "user_id"}),
    ("users_historicalsuspension", "users.HistoricalSuspension", {"history_change_reason": "person_id"}),
    ("users_historicaluser", "users.HistoricalUser", {"history_change_reason": "id", "username": "id", "email": "id", "phone": "id"}),
]
ENTRIES = {"reason": PERSON_OF_ENTRY, "private": PERSON_OF_ENTRY, "encrypted_address": f"COALESCE(actor_id, {PERSON_OF_ENTRY})"}


def encrypt(apps, schema_editor):
    for name, model, columns in TABLES:
        PlainTable(name, "history_id", model, columns, frozenset({"social_links"} & columns.keys())).encrypt()
    move_private_details(["by", "filters", "holder", "made", "one", "other", "path"])
    PlainTable("audit_entry", "id", "audit.Entry", ENTRIES, frozenset({"private"})).encrypt()


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('audit', '0012_encrypted_history'),
        ('chat', '0009_encrypted_history'),
        ('connections', '0005_action_of_versions'),
        ('events', '0012_encrypted_history'),
        ('moderation', '0018_encrypted_history'),
        ('stories', '0011_encrypted_history'),
        ('users', '0040_encrypted_history'),
    ]

    operations = [
        migrations.RunPython(encrypt, migrations.RunPython.noop),
    ]
