"""Verifies the whole log against the rows, the tree, what was signed, and what is kept outside the database.

One pass in the order of the log, a batch at a time: memory does not grow with the log.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.core.files.storage import Storage
from django.db import connection
from django.db.models import Max, Sum
from psycopg import sql

from apps.errors import DomainError, Invalid
from apps.transparency.keys import is_signed, trusted_keys
from apps.transparency.models import Checkpoint, Leaf, Purge, Shape, Source, Tile, Verification
from apps.transparency.publishing import published, stores
from apps.transparency.sequencing import size
from apps.transparency.sources import Row, Table, as_stored, row_bytes, tables
from infloo_verify import HASH, TILE, Key, NotValid, Tree, Unreadable, commitment, leaf_hash
from infloo_verify import Checkpoint as Note

BATCH = 16 * TILE
"""Leaves that are read at a time; whole tiles."""


class Broken(Exception):
    """The first thing that is wrong."""


@dataclass(frozen=True, slots=True)
class Line:
    """A leaf and where its row is."""

    index: int
    row: int
    shape: int
    salt: bytes
    commitment: bytes


@dataclass
class Run:
    """One verification: how far it has come."""

    keys: Sequence[Key]
    purges: Mapping[str, list[tuple[int, int]]]
    """The rows that were purged with a reason, by the label of their table."""
    until: int = 0
    """The size of the log when all that was signed had been read."""
    last_signed: int = 0
    """The size of the largest checkpoint of the database."""
    tree: Tree = field(default_factory=Tree)
    purged: Counter[str] = field(default_factory=Counter)
    shapes: Mapping[int, tuple[Table, list[str]]] = field(default_factory=dict)
    outside: dict[int, list[tuple[str, Note]]] = field(default_factory=lambda: defaultdict(list))
    """The checkpoints at other places, by their size, each with where it is."""


def verify(
    keys: Sequence[Key] | None = None, outside: Iterable[tuple[str, str]] = (), as_of: datetime | None = None
) -> Verification:
    """Verify the log and keep the result, which names the first thing that is wrong.

    Args:
        keys: the public keys to trust; those of the settings if None.
        outside: further checkpoints, each with a name for where it was kept.
        as_of: the time that the database was restored to: what was written to the folder and the bucket later is ahead
            of it, and not compared.

    Raises `Invalid` where there is no key to trust.
    """
    began = time.monotonic()
    trusted = trusted_keys() if keys is None else list(keys)
    if not trusted:
        raise Invalid("log-key", "No key to verify with: set LOG_VERIFIER_KEYS, or name one.")
    run = Run(trusted, _purges())
    finding = ""
    try:
        _gather(run, outside, as_of)
        run.last_signed = Checkpoint.objects.aggregate(most=Max("size"))["most"] or 0
        run.until = size()  # last, so that what is added meanwhile is not missed at the end
        _verify_lines(run)
        _verify_ends(run)
    except Broken as error:
        finding = str(error)
    seconds = time.monotonic() - began
    return Verification.objects.create(size=run.tree.size, seconds=seconds, waiting=waiting(), finding=finding)


def waiting() -> int:
    """The rows that are committed and not in the log yet."""
    sources = _sources()
    return sum(_without_leaf(table, ">", sources)[0] for table in tables().values())


# --- Line by line ---------------------------------------------------------------------------------------------------


def _verify_lines(run: Run) -> None:
    _verify_signed(run, _signed(run, 0, 0))
    for start in range(0, run.until, BATCH):
        end = min(start + BATCH, run.until)
        signed = _signed(run, start + 1, end)
        lines, hashes = _lines(start, end), _hashes(start, end)
        with as_stored():
            rows = _rows(run, lines)
        for index, line in zip(range(start, end), lines, strict=False):
            if line.index != index:
                break
            leaf = leaf_hash(line.commitment)
            if leaf != hashes.get(index):
                raise Broken(_out_of_place(line, leaf, hashes))
            _verify_row(run, line, rows, lines)
            run.tree.add(leaf)
            _verify_signed(run, signed)
        if run.tree.size < end:
            raise Broken(f"line {run.tree.size} of the log is missing")


def _lines(start: int, end: int) -> list[Line]:
    found = Leaf.objects.filter(index__gte=start, index__lt=end).order_by("index")
    values = found.values_list("index", "row", "shape_id", "salt", "commitment")
    return [Line(index, row, shape, bytes(salt), bytes(entry)) for index, row, shape, salt, entry in values]


def _hashes(start: int, end: int) -> dict[int, bytes]:
    """The hashes that the tree has of leaves, by their index."""
    tiles = Tile.objects.filter(level=0, number__gte=start // TILE, number__lte=(end - 1) // TILE)
    return {
        number * TILE + at // HASH: bytes(hashes[at : at + HASH])
        for number, hashes in tiles.values_list("number", "hashes")
        for at in range(0, len(hashes), HASH)
    }


def _rows(run: Run, lines: Sequence[Line]) -> dict[tuple[int, int], Row]:
    wanted = defaultdict(list)
    for line in lines:
        wanted[line.shape].append(line.row)
    if wanted.keys() - run.shapes.keys():
        known = tables()
        shapes = Shape.objects.select_related("source")
        run.shapes = {
            shape.pk: (known[shape.source.label], shape.columns) for shape in shapes if shape.source.label in known
        }
    found: dict[tuple[int, int], Row] = {}
    for shape, numbers in wanted.items():
        if shape not in run.shapes:
            raise Broken(f"lines from {lines[0].index} on are of a table that the platform does not have")
        table, columns = run.shapes[shape]
        found |= {(shape, number): row for number, row in table.by_number(columns, numbers).items()}
    return found


def _verify_row(run: Run, line: Line, rows: Mapping[tuple[int, int], Row], lines: Sequence[Line]) -> None:
    table, columns = run.shapes[line.shape]
    named = f"row {line.row} of {table.label} (line {line.index})"
    row = rows.get((line.shape, line.row))
    if row is None:
        if not any(first <= line.row <= last for first, last in run.purges[table.label]):
            raise Broken(f"{named} is missing")
        run.purged[table.label] += 1
    elif not _is_of(line, table, columns, row):
        for other in lines:
            held = rows.get((line.shape, other.row)) if other.shape == line.shape else None
            if held is not None and _is_of(line, table, columns, [str(line.row), *held[1:]]):
                raise Broken(f"{named} is reordered: row {other.row} holds what it held")
        raise Broken(f"{named} was changed")


def _is_of(line: Line, table: Table, columns: Sequence[str], row: Row) -> bool:
    return commitment(line.salt, row_bytes(table.label, columns, row)) == line.commitment


def _out_of_place(line: Line, leaf: bytes, hashes: Mapping[int, bytes]) -> str:
    place = next((index for index, each in hashes.items() if each == leaf), None)
    if place is not None:
        return f"line {line.index} of the log is reordered: it was line {place}"
    return f"line {line.index} of the log was changed"


def _purges() -> Mapping[str, list[tuple[int, int]]]:
    """What overlaps is one: years of nightly purges are few."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for label, first, last in Purge.objects.order_by("first_row").values_list("label", "first_row", "last_row"):
        merged = found[label]
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return found


# --- What was signed ------------------------------------------------------------------------------------------------


def _gather(run: Run, given: Iterable[tuple[str, str]], as_of: datetime | None) -> None:
    """Read the checkpoints that are outside the database."""
    for name, store in stores().items():
        for file in _names(store, as_of):
            try:
                note = published(store, file)
            except (Unreadable, DomainError) as error:
                raise Broken(f"{file} in the {name}: {error}") from None
            if note is not None:
                run.outside[note.size].append((f"in the {name}", note))
    for where, text in given:
        try:
            note = Note.read(text)
        except Unreadable as error:
            raise Broken(f"{where}: {error}") from None
        run.outside[note.size].append((where, note))


def _names(store: Storage, as_of: datetime | None) -> Iterator[str]:
    if as_of is None:
        yield "checkpoint"
    try:
        _folders, files = store.listdir("checkpoints")
    except (DomainError, FileNotFoundError):  # a bucket's key may not list what is there
        return
    names = (f"checkpoints/{name}" for name in files if name.isdecimal())
    yield from (name for name in names if as_of is None or store.get_modified_time(name) <= as_of)


def _signed(run: Run, first: int, last: int) -> Mapping[int, list[tuple[str, Note]]]:
    """The checkpoints of sizes from `first` to `last`, of the database and from outside."""
    found = defaultdict(list, {each: list(run.outside[each]) for each in run.outside if first <= each <= last})
    for text in Checkpoint.objects.filter(size__gte=first, size__lte=last).values_list("note", flat=True).iterator():
        try:
            note = Note.read(text)
        except Unreadable as error:
            raise Broken(f"a checkpoint of the database: {error}") from None
        found[note.size].append(("of the database", note))
    return found


def _verify_signed(run: Run, signed: Mapping[int, list[tuple[str, Note]]]) -> None:
    for where, note in signed.get(run.tree.size, ()):
        named = f"the checkpoint of {note.size} lines {where}"
        _require_signed(run, named, note)
        if note.root != run.tree.root():
            raise Broken(f"{named} is not of this log: lines before it were rewritten")


def _require_signed(run: Run, named: str, note: Note) -> None:
    try:
        note.require_signed(run.keys, is_signed)
    except NotValid as error:
        raise Broken(f"{named}: {error}") from None


# --- What is not in the log -----------------------------------------------------------------------------------------


def _verify_ends(run: Run) -> None:
    """That nothing was cut off, no row is there without a leaf, and no more rows are gone than were purged."""
    for many, notes in sorted(run.outside.items()):
        for where, note in notes:
            if many > run.until:
                named = f"the checkpoint of {many} lines {where}"
                _require_signed(run, named, note)
                raise Broken(f"{named}: the log has {run.until}, its end was cut off")
    if (last := run.last_signed) > run.until:
        raise Broken(f"a checkpoint of the database has {last} lines, the log {run.until}: its end was cut off")
    for label, gone in run.purged.items():
        if gone > (most := Purge.objects.filter(label=label).aggregate(most=Sum("count"))["most"]):
            raise Broken(f"{gone} rows of {label} are gone, of which {most} were purged")
    sources = _sources()
    for table in tables().values():
        many, number = _without_leaf(table, "<=", sources)
        if many:
            raise Broken(f"row {number} of {table.label} is not in the log: it was not written by the platform")


def _sources() -> Mapping[str, Source]:
    return {source.label: source for source in Source.objects.all()}


def _without_leaf(table: Table, sign: str, sources: Mapping[str, Source]) -> tuple[int, int]:
    """How many rows have no leaf among those that are final ("<=") or may still wait (">"), and the first of them."""
    query = sql.SQL(
        "SELECT count(*), min(stored.{key}) FROM {table} AS stored WHERE stored.{key} {sign} %(done)s AND NOT EXISTS"
        " (SELECT FROM transparency_leaf AS leaf WHERE leaf.source_id = %(source)s AND leaf.row = stored.{key})"
    ).format(key=sql.Identifier(table.key), table=sql.Identifier(table.name), sign=sql.SQL(sign))
    source = sources.get(table.label)
    with connection.cursor() as cursor:
        cursor.execute(query, {"done": source.done if source else 0, "source": source.pk if source else 0})
        many, number = cursor.fetchone()
    return many, number
