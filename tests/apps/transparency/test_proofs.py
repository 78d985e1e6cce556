"""Proofs for people outside: what `python -m infloo_verify` says of them, wherever they were tampered with."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from apps.audit.actions import Action
from apps.audit.history import history_of
from apps.audit.models import Entry
from apps.audit.services import record
from apps.review.decisions.models import Decision
from apps.transparency import sequencing, tree
from apps.transparency.checkpoints import signed
from apps.transparency.jobs import checkpoint
from apps.transparency.keys import SigningKey
from apps.transparency.proofs import proof_of
from apps.users.models import Document
from apps.users.verification.review import review_document
from devtools.paths import CHECKOUT
from infloo_verify import (
    Checkpoint,
    Key,
    NotValid,
    Tree,
    Unreadable,
    is_signed,
    main,
    root_of_path,
    tile_path,
)
from tests import people
from tests.apps.transparency.sessions import attacker
from tests.factories import make_document

OURS = SigningKey.new("infloo.example/log")


@pytest.fixture(autouse=True)
def _key(settings: LazySettings) -> None:
    settings.LOG_SIGNING_KEY = str(OURS)
    settings.STORAGES = {name: each for name, each in settings.STORAGES.items() if not name.startswith("log_")}


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """Of the third of five entries, the first lines of the log."""
    for number in range(5):
        record(None, Action.VIEWED, reason=f"Grüße, {number} “x” \u2028")
    checkpoint()
    third = Entry.objects.order_by("pk")[2]
    file = tmp_path / "proof.json"
    call_command("audit", "prove", "audit.entry", str(third.pk), "--out", str(file))
    return file


def checked(file: Path, key: object = OURS.public) -> int:
    return main([str(file), "--key", str(key)])


# --- Against the specifications -------------------------------------------------------------------------------------


def test_hashes_are_those_of_rfc_6962() -> None:
    """Worked out by hand: leaves are hashed after 00, nodes after 01, and the left part is the largest power of two."""
    leaves = [sha256(b"\0" + bytes([number])).digest() for number in range(5)]

    def node(left: bytes, right: bytes) -> bytes:
        return sha256(b"\1" + left + right).digest()

    a, b, c, d, e = leaves
    roots = [sha256().digest(), a, node(a, b), node(node(a, b), c), node(node(a, b), node(c, d))]
    roots.append(node(roots[4], e))
    grown = Tree()
    for size, root in enumerate(roots):
        assert grown.root() == root
        if size < 5:
            grown.add(leaves[size])
    assert root_of_path(c, 2, 5, [d, node(a, b), e]) == roots[5]
    assert root_of_path(e, 4, 5, [roots[4]]) == roots[5]
    assert root_of_path(c, 2, 3, [node(a, b)]) == roots[3]
    # The hash of the empty tree, and of the empty leaf, as the literature has them.
    assert roots[0].hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256(b"\0").hexdigest() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 66_000])
def test_tiles_give_the_roots_and_paths_of_the_tree(size: int) -> None:
    leaves = [sha256(number.to_bytes(4, "big")).digest() for number in range(size)]
    tiles: tree.Tiles = {}

    def read(level: int, number: int) -> bytes:
        return tiles.get((level, number), b"")

    plain, done = Tree(), 0
    for step in (1, 3, 255, 256, 20_000, size):
        tiles |= tree.grown(done, leaves[done : done + step], read)
        done = min(size, done + step)
    for leaf in leaves:
        plain.add(leaf)
    assert tree.root(size, read) == plain.root()
    for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
        path = tree.path(index, size, read)
        assert root_of_path(leaves[index], index, size, path) == plain.root()
        with pytest.raises(NotValid):
            root_of_path(leaves[index], index, size, [*path, leaves[0]])


def test_paths_of_tiles_are_in_groups_of_three_digits() -> None:
    assert tile_path(0, 0) == "tile/0/000"
    assert tile_path(1, 1_234_067) == "tile/1/x001/x234/067"
    assert tile_path("entries", 1000, 5) == "tile/entries/x001/000.p/5"


def test_signatures_are_those_of_rfc_8032() -> None:
    # The third test of its section 7.1.
    public = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
    signature = bytes.fromhex(
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )
    assert is_signed(public, b"\xaf\x82", signature)
    assert not is_signed(public, b"\xaf\x83", signature)
    for length in range(4):
        private = Ed25519PrivateKey.generate()
        public, signature = private.public_key().public_bytes_raw(), private.sign(bytes(length))
        assert is_signed(public, bytes(length), signature)
        for at in (0, 31, 32, 63):
            wrong = bytearray(signature)
            wrong[at] ^= 1
            assert not is_signed(public, bytes(length), bytes(wrong))


def test_keys_are_named_as_signed_notes_have_them() -> None:
    public = OURS.private.public_key().public_bytes_raw()
    number = sha256(b"infloo.example/log\n\x01" + public).digest()[:4]
    assert str(OURS.public) == f"infloo.example/log+{number.hex()}+{base64.b64encode(b'\x01' + public).decode()}"
    assert SigningKey.read(str(OURS)).public == OURS.public
    assert str(OURS).removeprefix("PRIVATE+KEY+") not in repr(OURS)
    note = signed(OURS, 3, bytes(32))
    assert note.startswith(
        "infloo.example/log\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— infloo.example/log "
    )
    assert Checkpoint.read(note).require_signed([OURS.public]) == OURS.public


# --- A proof --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_proof_is_valid_for_one_file_alone(proof: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "infloo_verify.py").write_bytes((CHECKOUT / "infloo_verify.py").read_bytes())
    command = [sys.executable, "-I", "-S", str(alone / "infloo_verify.py"), str(proof), "--key", str(OURS.public)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"valid: line 2 of {sequencing.size()} in infloo.example/log, table audit.entry")


def flipped(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[0] ^= 1
    return base64.b64encode(data).decode()


def sized(note: str, before: str, after: str = "") -> str:
    origin, size, rest = note.split("\n", 2)
    return f"{origin}\n{before}{size}{after}\n{rest}"


TAMPERING: dict[str, tuple[Callable[[dict[str, Any]], Any], int]] = {
    "format": (lambda p: p.update(format="infloo-proof/2"), 2),
    "no format": (lambda p: p.pop("format"), 2),
    "more": (lambda p: p.update(more=1), 2),
    "table": (lambda p: p.update(table="audit.use"), 1),
    "row": (lambda p: p["columns"][0].__setitem__(1, "99"), 1),
    "name of a column": (lambda p: p["columns"][1].__setitem__(0, "other"), 1),
    "a column to null": (lambda p: p["columns"][-1].__setitem__(1, None), 1),
    "a column gone": (lambda p: p["columns"].pop(), 1),
    "a number as column": (lambda p: p["columns"][0].__setitem__(1, 3), 2),
    "a lone surrogate": (lambda p: p["columns"][0].__setitem__(1, "\ud800"), 2),
    "salt": (lambda p: p.update(salt=flipped(p["salt"])), 1),
    "short salt": (lambda p: p.update(salt="AAAA"), 2),
    "index": (lambda p: p.update(index=3), 1),
    "index beyond": (lambda p: p.update(index=10**6), 1),
    "index below": (lambda p: p.update(index=-1), 1),
    "index as truth": (lambda p: p.update(index=True), 2),
    "path": (lambda p: p["path"].__setitem__(0, flipped(p["path"][0])), 1),
    "shorter path": (lambda p: p["path"].pop(), 1),
    "longer path": (lambda p: p["path"].append(p["path"][0]), 1),
    "endless path": (lambda p: p.update(path=p["path"] * 64), 2),
    "origin": (lambda p: p.update(checkpoint=p["checkpoint"].replace("infloo.example", "other.example")), 1),
    "size": (lambda p: p.update(checkpoint=sized(p["checkpoint"], "", "0")), 1),
    "size with zeros": (lambda p: p.update(checkpoint=sized(p["checkpoint"], "0")), 2),
    "root": (lambda p: p.update(checkpoint=signed(OURS, sequencing.size(), bytes(32))), 1),
    "signature": (lambda p: p.update(checkpoint=p["checkpoint"][:-9] + "AAAAAAA=\n"), 1),
    "no signature": (lambda p: p.update(checkpoint=p["checkpoint"].partition("\n\n")[0] + "\n"), 2),
    "nothing": (lambda p: p.clear(), 2),
}


@pytest.mark.django_db
def test_tampered_proofs_are_not_valid(proof: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(proof) == 0
    original = proof.read_text()
    for what, (tamper, code) in TAMPERING.items():
        tamper(given := json.loads(original))
        proof.write_text(json.dumps(given))
        assert checked(proof) == code, what
    for text in ("", "[]", "3", "{", "[" * 100_000, "\0"):
        proof.write_text(text)
        assert checked(proof) == 2
    proof.write_text(original)
    other = SigningKey.new("infloo.example/log").public
    assert checked(proof, other) == 1
    assert "signed with another key" in capsys.readouterr().out
    assert checked(proof, Key("other.example/log", OURS.public.public)) == 1
    assert checked(proof, "infloo.example/log+00000000+AAAA") == 2
    assert checked(proof.with_name("none")) == 2
    with pytest.raises(Unreadable):
        Key.read(str(OURS.public).replace("infloo", "other"))


@pytest.mark.django_db(transaction=True)
def test_a_proof_outlives_columns_that_became_unreadable(tmp_path: Path) -> None:
    """Personal columns are ciphertext in the table; without the key they stay there as they were stored."""
    with attacker() as session:
        session.execute("INSERT INTO audit_entry (verb, target_type, target_id, reason, detail, request_id, created_at)"
                        " VALUES ('viewed', '', '', 'gAAAAB-ciphertext', '{}', '', now())")  # fmt: skip
    checkpoint()
    row = Entry.objects.get()
    earlier, later = tmp_path / "earlier", tmp_path / "later"
    earlier.write_text(proof_of("audit.entry", row.pk).write())
    record(None, Action.VIEWED)
    checkpoint()
    later.write_text(proof_of("audit.entry", row.pk).write())
    assert (checked(earlier), checked(later)) == (0, 0)
    assert "gAAAAB-ciphertext" in earlier.read_text()


@pytest.mark.django_db
def test_a_decision_is_proved_and_still_is_once_undone(tmp_path: Path) -> None:
    vera = people.compliance()
    document = make_document(people.newton())
    review_document(vera, document.pk, verdict="approved")
    decision = Decision.objects.about(document).get()
    checkpoint()
    file = tmp_path / "decision"
    file.write_text(proof_of("decisions.decision", decision.pk).write())
    assert checked(file) == 0
    assert ["verb", "document.approved"] in json.loads(file.read_text())["columns"]
    Decision.objects.filter(pk=decision.pk).update(told_at=decision.made_at)
    file.write_text(proof_of("decisions.decision", decision.pk).write())
    assert checked(file) == 0
    version = history_of(Document).filter(id=document.pk).latest("history_id")
    file.write_text(proof_of("users.historicaldocument", version.pk).write())
    assert checked(file) == 0


@pytest.mark.django_db
def test_rows_that_cannot_be_proved_yet_are_refused_kindly() -> None:
    entry = record(None, Action.VIEWED)
    for table, row, said in (
        ("audit.entry", entry.pk, "Try again in a minute"),
        ("audit.entry", 0, "no such row"),
        ("audit.nothing", 1, "no table of this name"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("audit", "prove", table, str(row))


def test_new_keys_are_printed_in_both_forms() -> None:
    said = StringIO()
    call_command("audit", "key", "--new", "infloo.example/log", stdout=said)
    private, _comment, public = said.getvalue().splitlines()
    assert str(SigningKey.read(private.removeprefix("LOG_SIGNING_KEY=")).public) == public
    with pytest.raises(CommandError):
        call_command("audit", "key", "--new", "with spaces", stdout=said)
