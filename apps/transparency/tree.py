"""The tree of the log in tiles of 256 hashes: adding leaves, roots and inclusion paths (RFC 6962, section 2.1).

A tile of level L has the roots of full subtrees of 256**L leaves. What a root or a path costs grows with the height of
the tree alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from infloo_verify import HASH, TILE, Tree, node_hash

BITS = 8
"""Levels of the tree in one tile."""

type ReadTile = Callable[[int, int], bytes]
"""The hashes of a tile by level and number, as many as there are; empty where there is none yet."""
type Tiles = dict[tuple[int, int], bytes]


def grown(size: int, leaves: Iterable[bytes], read: ReadTile) -> Tiles:
    """The tiles that change where leaf hashes are added to a tree of `size`, as they are then."""
    changed: dict[tuple[int, int], bytearray] = {}

    def put(level: int, index: int, value: bytes) -> None:
        number, place = divmod(index, TILE)
        tile = changed.get((level, number))
        if tile is None:
            tile = changed[level, number] = bytearray(read(level, number) if place else b"")
            del tile[place * HASH :]
        tile += value
        if place == TILE - 1:
            put(level + 1, number, _full(bytes(tile)))

    for index, leaf in enumerate(leaves, start=size):
        put(0, index, leaf)
    return {where: bytes(tile) for where, tile in changed.items()}


def _full(hashes: bytes) -> bytes:
    """The root of a full subtree, from its hashes, a power of two of them."""
    nodes = [hashes[at : at + HASH] for at in range(0, len(hashes), HASH)]
    while len(nodes) > 1:
        nodes = [node_hash(left, right) for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
    return nodes[0]


def _full_parts(low: int, high: int) -> list[tuple[int, int]]:
    """The full subtrees that leaves `low` to `high` fall into, by height and start; `low` is a start of the largest."""
    parts = []
    while low < high:
        height = (high - low).bit_length() - 1
        parts.append((height, low))
        low += 1 << height
    return parts


def _subtree(height: int, start: int, read: ReadTile) -> bytes:
    level, rest = divmod(height, BITS)
    number, place = divmod(start >> (level * BITS), TILE)
    hashes = read(level, number)[place * HASH : (place + (1 << rest)) * HASH]
    if len(hashes) != HASH << rest:
        raise LookupError(f"tile {level}/{number} has not the hashes that it should")
    return _full(hashes)


def root(size: int, read: ReadTile, low: int = 0) -> bytes:
    """The root of the tree of `size` leaves, or of the part of it from leaf `low` on.

    Raises `LookupError` where a tile is missing.
    """
    parts = [_subtree(height, start, read) for height, start in _full_parts(low, size)]
    if not parts:
        return Tree().root()
    result = parts[-1]
    for part in reversed(parts[:-1]):
        result = node_hash(part, result)
    return result


def path(index: int, size: int, read: ReadTile) -> Sequence[bytes]:
    """The inclusion path of a leaf. Raises `LookupError` where a tile is missing."""
    found, low, high = [], 0, size
    while high - low > 1:
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        if index < middle:
            found.append(root(high, read, middle))
            high = middle
        else:
            found.append(root(middle, read, low))
            low = middle
    return found[::-1]
