"""The log that proves itself, from the command line: see docs/transparency.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.errors import DomainError
from apps.infra.instants import instant
from apps.transparency import checkpoints, publishing
from apps.transparency.keys import SigningKey, signing_key, trusted_keys
from apps.transparency.proofs import proof_of
from apps.transparency.sequencing import sequence
from apps.transparency.verifying import verify
from infloo_verify import Key, Unreadable


class Command(BaseCommand):
    help = "Verify the log of all that was done, sign a checkpoint, prove a line, or show the key."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True)
        part = parts.add_parser("verify", help="name the first row that is changed, missing or reordered, if any")
        part.add_argument("--key", action="append", help="trust this public key alone; several after a change of it")
        part.add_argument("--against", action="append", type=Path, default=[], help="a checkpoint kept elsewhere")
        part.add_argument("--as-of", type=instant, help="of a restored database: compare nothing written outside later")
        parts.add_parser("checkpoint", help="bring the log up to date, sign it, and write it outside the database")
        part = parts.add_parser("prove", help="write the proof of one row")
        part.add_argument("table", help='such as "audit.entry", "users.historicaldocument" or "decisions.decision"')
        part.add_argument("row", type=int)
        part.add_argument("--out", type=Path, help="the file to write; standard output if left out")
        part = parts.add_parser("key", help="show the public keys")
        part.add_argument("--new", metavar="NAME", help="instead, make a key pair for a log of this name")

    def handle(self, *args: Any, part: str, **options: Any) -> None:
        try:
            getattr(self, part)(options)
        except DomainError as error:
            raise CommandError(str(error)) from None

    def verify(self, options: dict[str, Any]) -> None:
        try:
            keys = [Key.read(text) for text in options["key"]] if options["key"] else None
            outside = [(str(file), file.read_text("utf-8")) for file in options["against"]]
        except (Unreadable, OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot be read: {error}") from None
        found = verify(keys, outside, options["as_of"])
        pace = round(found.size / found.seconds) if found.seconds else 0
        self.stdout.write(f"{found.size} lines in {found.seconds:.1f} s ({pace} a second)")
        self.stdout.write(f"{found.waiting} rows are not in the log yet")
        if found.finding:
            self.stderr.write(f"NOT in order: {found.finding}")
            sys.exit(1)
        self.stdout.write("in order")

    def checkpoint(self, options: dict[str, Any]) -> None:
        added = sequence()
        made = checkpoints.make()
        self.stdout.write(f"{added} rows added")
        self.stdout.write(made.note)
        failed = [place for place in publishing.publish(made) if place.error]
        for place in failed:
            self.stderr.write(f"Not written to the {place.place}: {place.error}")
        if failed:
            sys.exit(1)

    def prove(self, options: dict[str, Any]) -> None:
        text = proof_of(options["table"], options["row"]).write()
        if options["out"]:
            options["out"].write_text(text, "utf-8")
        else:
            self.stdout.write(text)

    def key(self, options: dict[str, Any]) -> None:
        if options["new"]:
            made = SigningKey.new(options["new"])
            self.stdout.write(f"LOG_SIGNING_KEY={made}\n# Public, for auditors:\n{made.public}")
            return
        for key in trusted_keys() or [signing_key().public]:
            self.stdout.write(str(key))
