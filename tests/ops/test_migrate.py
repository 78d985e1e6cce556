"""The command that migrates, beside others who use the tables."""

from __future__ import annotations

from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from ops.management.commands import migrate
from tests.migrating import forget
from tests.settings import servers

MIGRATION = ("users", "0044_attempt_ids_begin_again")


@pytest.mark.django_db(transaction=True)
def test_migrate_steps_back_from_a_table_in_use_and_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "WAITS", (0,))
    forget(*MIGRATION)
    with psycopg.connect(servers.owner_database_url(connection.settings_dict["NAME"])) as other:
        other.execute("ALTER SEQUENCE axes_accessattempt_id_seq NO CYCLE")  # and its lock, until the transaction ends

        class Said(StringIO):
            def write(self, text: str) -> int:
                other.rollback()
                return super().write(text)

        said = Said()
        call_command("migrate", *MIGRATION, verbosity=0, stderr=said)
    assert "A table is in use for more than 500 ms; trying again" in said.getvalue()
    call_command("migrate", check_unapplied=True, verbosity=0)
