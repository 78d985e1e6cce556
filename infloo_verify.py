"""Check a proof of Infloo's audit log without Infloo: no database, no network, Python's standard library alone.

    python -m infloo_verify PROOF --key VKEY        one line is in the log that the owner of the key signed
    python -m infloo_verify --log FOLDER --key VKEY  every published checkpoint is of one log that only grew

Exit codes: 0 valid, 1 not valid (and why), 2 what was given cannot be read.

Formats: hashes of RFC 6962 (section 2.1), signatures of RFC 8032, C2SP signed-note, tlog-checkpoint and tlog-tiles.
`docs/transparency.md` says what a proof proves. This file is also where the platform itself takes these rules from.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

FORMAT = "infloo-proof/1"
ED25519 = 1
"""The kind of key of a signed note."""
TILE = 256
"""Hashes in a full tile."""
HASH = 32
"""Bytes of a hash."""
SALT = 16
LARGEST = 2**63
MOST_BYTES = 16 * 1024 * 1024
"""Of a proof."""


class Unreadable(Exception):
    """What was given has not the form that it should have."""


class NotValid(Exception):
    """A well-formed proof or log that proves nothing, and why."""


# --- The tree -------------------------------------------------------------------------------------------------------


def canonical(table: str, columns: Iterable[Sequence[str | None]]) -> bytes:
    """A row as bytes: the name of its table, then the name and the stored text of each column, null for NULL."""
    return json.dumps([table, [list(pair) for pair in columns]], ensure_ascii=False, separators=(",", ":")).encode()


def commitment(salt: bytes, row: bytes) -> bytes:
    """What the log has of a row, which tells nothing about it to anyone without the salt."""
    return sha256(salt + row).digest()


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that leaves are added to, of which only the roots of its full parts are kept: one for each bit of size."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        level = 0
        while self._parts and self._parts[-1][0] == level:
            leaf = node_hash(self._parts.pop()[1], leaf)
            level += 1
        self._parts.append((level, leaf))
        self.size += 1

    def root(self) -> bytes:
        if not self._parts:
            return sha256().digest()
        result = self._parts[-1][1]
        for _level, part in reversed(self._parts[:-1]):
            result = node_hash(part, result)
        return result


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root to which an inclusion path leads (RFC 9162, 2.1.3.2). Raises `NotValid` where its length cannot be."""
    if not 0 <= index < size:
        raise NotValid(f"line {index} is not among the {size} of the checkpoint")
    node, last, result = index, size - 1, leaf
    for each in path:
        if last == 0:
            raise NotValid("the path is too long")
        if node & 1 or node == last:
            result = node_hash(each, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, each)
        node, last = node >> 1, last >> 1
    if last:
        raise NotValid("the path is too short")
    return result


def tile_path(level: int | str, number: int, width: int = TILE) -> str:
    """Of C2SP tlog-tiles: tile/0/x001/x234/067, and for a partial tile of 5 hashes tile/0/x001/x234/067.p/5."""
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < TILE else "")


# --- Signatures (RFC 8032) ------------------------------------------------------------------------------------------

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
type _Point = tuple[int, int, int, int]


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: _Point) -> _Point:
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = _add(result, point)
        point, number = _add(point, point), number >> 1
    return result


def _point(data: bytes) -> _Point | None:
    """The point that 32 bytes name; None for bytes that name none."""
    y, sign = int.from_bytes(data, "little") & (2**255 - 1), data[31] >> 7
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE = _point(b"\x58" + b"\x66" * 31)


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature is that of this key over these bytes."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, nonce, scalar = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or _BASE is None or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % _ORDER
    left, right = _times(scalar, _BASE), _add(nonce, _times(challenge, key))
    return not any((left[i] * right[2] - right[i] * left[2]) % _P for i in (0, 1))


# --- Signed notes and checkpoints -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """The public key of a log, by its name."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public).digest()[:4]

    def __str__(self) -> str:
        data = base64.b64encode(bytes([ED25519]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{data}"

    @classmethod
    def read(cls, text: str) -> Key:
        """Raises `Unreadable`."""
        name, _plus, rest = text.strip().partition("+")
        number, _plus, data = rest.partition("+")
        raw = _bytes(data, "the key")
        if not name or any(sign.isspace() for sign in name) or len(raw) != 33 or raw[0] != ED25519:
            raise Unreadable("the key has not the form name+id+base64 of an Ed25519 key")
        key = cls(name, raw[1:])
        if key.id.hex() != number:
            raise Unreadable("the key and its id do not belong together")
        return key


@dataclass(frozen=True)
class Checkpoint:
    """What was signed: how many leaves the log had, and the root of its tree."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...] = ()
    """The name of each key, its id, and the signature."""

    @classmethod
    def read(cls, note: str) -> Checkpoint:
        """Raises `Unreadable`."""
        text, blank, signed = note.rpartition("\n\n")
        lines = text.split("\n")
        if not blank or len(lines) < 3 or not signed.endswith("\n"):
            raise Unreadable("the checkpoint is no signed note")
        origin, size, root = lines[:3]
        if not (size.isascii() and size.isdecimal() and str(int(size[:20])) == size and int(size) < LARGEST):
            raise Unreadable("the checkpoint names no size")
        if not origin or len(data := _bytes(root, "the root of the checkpoint")) != HASH:
            raise Unreadable("the checkpoint names no origin or no root")
        return cls(origin, int(size), data, text + "\n", tuple(_signatures(signed)))

    def require_signed(self, keys: Iterable[Key], check: Callable[[bytes, bytes, bytes], bool] = is_signed) -> Key:
        """The key that signed it. Raises `NotValid` where none of `keys` did."""
        known = [key for key in keys if key.name == self.origin]
        if not known:
            raise NotValid(f"it is of the log “{self.origin}”, which the given key is not of")
        named = [(key, sig) for key in known for name, number, sig in self.signatures if (name, number) == _who(key)]
        if not named:
            raise NotValid("the checkpoint is signed with another key")
        for key, signature in named:
            if check(key.public, self.text.encode(), signature):
                return key
        raise NotValid("the signature of the checkpoint is wrong")


def _who(key: Key) -> tuple[str, bytes]:
    return key.name, key.id


def _signatures(text: str) -> Iterator[tuple[str, bytes, bytes]]:
    for line in text.removesuffix("\n").split("\n"):
        mark, _space, rest = line.partition(" ")
        name, _space, data = rest.partition(" ")
        raw = _bytes(data, "a signature")
        if mark != "—" or not name or len(raw) < 5:
            raise Unreadable("a signature of the checkpoint has not the form “— name base64”")
        yield name, raw[:4], raw[4:]


def _bytes(text: Any, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Unreadable(f"{what} is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Unreadable(f"{what} is not base64 as it is written")
    return data


# --- A proof --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proof:
    """That a row is a leaf of the log; the first of its columns is its number."""

    table: str
    columns: list[list[str | None]]
    salt: bytes
    index: int
    path: list[bytes]
    checkpoint: str

    def write(self) -> str:
        parts = {
            "format": FORMAT,
            "table": self.table,
            "columns": self.columns,
            "salt": base64.b64encode(self.salt).decode(),
            "index": self.index,
            "path": [base64.b64encode(each).decode() for each in self.path],
            "checkpoint": self.checkpoint,
        }
        return json.dumps(parts, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def read(cls, text: str) -> Proof:
        """Raises `Unreadable`."""
        try:
            given = json.loads(text)
            if given.pop("format") != FORMAT:
                raise Unreadable(f"the proof is not of the format {FORMAT}")
            proof = cls(**given)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise Unreadable("the file is no proof") from None
        texts = isinstance(proof.table, str) and isinstance(proof.checkpoint, str)
        if not texts or type(proof.index) is not int or not isinstance(proof.path, list) or len(proof.path) > 63:
            raise Unreadable("a part of the proof is not what it should be")
        if not isinstance(proof.columns, list) or not all(_is_column(each) for each in proof.columns):
            raise Unreadable("a column of the proof is not a name with a text or null")
        salt, path = _bytes(proof.salt, "the salt"), [_bytes(each, "a hash of the path") for each in proof.path]
        if len(salt) != SALT or any(len(each) != HASH for each in path):
            raise Unreadable("the salt or a hash of the path has not its length")
        return cls(proof.table, proof.columns, salt, proof.index, path, proof.checkpoint)

    def check(self, keys: Iterable[Key]) -> Checkpoint:
        """The checkpoint under which the row stands. Raises `NotValid` or `Unreadable`."""
        checkpoint = Checkpoint.read(self.checkpoint)
        checkpoint.require_signed(keys)
        try:
            row = canonical(self.table, self.columns)
        except UnicodeEncodeError:
            raise Unreadable("the row holds what is no text") from None
        leaf = leaf_hash(commitment(self.salt, row))
        if root_of_path(leaf, self.index, checkpoint.size, self.path) != checkpoint.root:
            raise NotValid("the row, its place or its path is not the one that was signed")
        return checkpoint


def _is_column(each: Any) -> bool:
    return (
        isinstance(each, list)
        and len(each) == 2
        and isinstance(each[0], str)
        and (each[1] is None or isinstance(each[1], str))
    )


# --- A published log ------------------------------------------------------------------------------------------------


def entries_of(folder: Path, size: int) -> Iterator[bytes]:
    """The first `size` entries of a published log. Raises `NotValid` where one is missing."""
    for number in range(-(-size // TILE)):
        width = min(TILE, size - number * TILE)
        places = [folder / tile_path("entries", number), folder / tile_path("entries", number, width)]
        data = next((place.read_bytes() for place in places if place.is_file()), None)
        if data is None:
            raise NotValid(f"{tile_path('entries', number, width)} is missing")
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            if len(data) < 2 + length:
                raise NotValid(f"{tile_path('entries', number, width)} is cut off")
            yield data[2 : 2 + length]
            data = data[2 + length :]


def check_log(folder: Path, keys: Sequence[Key]) -> int:
    """The size of a published log whose every checkpoint there holds. Raises `NotValid` or `Unreadable`."""
    latest = Checkpoint.read((folder / "checkpoint").read_text("utf-8"))
    names = sorted(int(file.name) for file in (folder / "checkpoints").glob("*") if file.name.isdecimal())
    if names and names[-1] > latest.size:
        raise NotValid(f"there was a checkpoint of {names[-1]} lines, and the latest has {latest.size}")
    tree, ahead = Tree(), iter([*names, None])
    wanted = next(ahead)
    for entry in _with_start(entries_of(folder, latest.size)):
        if entry is not None:
            tree.add(leaf_hash(entry))
        if wanted == tree.size:
            checkpoint = Checkpoint.read((folder / "checkpoints" / str(wanted)).read_text("utf-8"))
            _require_root(checkpoint, tree, keys)
            wanted = next(ahead)
    _require_root(latest, tree, keys)
    return latest.size


def _with_start(entries: Iterator[bytes]) -> Iterator[bytes | None]:
    yield None
    yield from entries


def _require_root(checkpoint: Checkpoint, tree: Tree, keys: Sequence[Key]) -> None:
    try:
        checkpoint.require_signed(keys)
    except NotValid as error:
        raise NotValid(f"the checkpoint of {checkpoint.size} lines: {error}") from None
    if checkpoint.size != tree.size or checkpoint.root != tree.root():
        raise NotValid(f"the checkpoint of {checkpoint.size} lines is not of the log that is published")


# --- The command ----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infloo_verify", description="Check a proof of the audit log.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("proof", nargs="?", type=Path, help="the file of a proof")
    what.add_argument("--log", type=Path, help="instead, the folder of a published log")
    parser.add_argument(
        "--key", action="append", required=True, help="the public key of the log; several after a change"
    )
    given = parser.parse_args(arguments)
    try:
        keys = [Key.read(text) for text in given.key]
        if given.log:
            print(f"valid: one log of {check_log(given.log, keys)} lines")
            return 0
        if given.proof.stat().st_size > MOST_BYTES:
            raise Unreadable("the file is too large for a proof")
        proof = Proof.read(given.proof.read_text("utf-8"))
        checkpoint = proof.check(keys)
    except NotValid as error:
        print(f"not valid: {error}")
        return 1
    except (Unreadable, OSError, UnicodeDecodeError) as error:
        print(f"cannot be read: {error}")
        return 2
    print(f"valid: line {proof.index} of {checkpoint.size} in {checkpoint.origin}, table {proof.table}")
    for name, value in proof.columns:
        print(f"  {name}: {json.dumps(value, ensure_ascii=False)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
