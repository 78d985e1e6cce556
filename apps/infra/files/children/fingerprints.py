"""Fingerprints: hashes by which a page is found again, and the features that they are of."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np

from apps.infra.files.children.pictures import SIDE, Array

FAINT = 0.03
"""Features that stand out less are none (SIFT)."""
STRONGEST, MOST_HASHED, FEWEST_HASHED = 500, 300, 40
"""Features that are hashed, of so many that stand out most; a page with fewer shows too little to find it again."""
CELLS = 8
"""They are of all parts of the page, cut into so many rows and columns."""
SUPPORT = 3
"""A feature is hashed with so many times of what is around it, so that one letter becomes the word about it."""
TABLES, HASH_BITS = 3, 24
"""Each is hashed so many times, as one bit that comes out otherwise makes another hash."""
SUBPIXELS = 64
"""Features are kept with their places in such parts of a pixel."""
FEATURE = np.dtype([("x", "<u2"), ("y", "<u2"), ("descriptors", np.uint8, 32)])
"""A hashed feature as it is kept."""


def fingerprint(grey: Array) -> tuple[list[int], bytes]:
    """Hashes of what stands out of a page, each below 2 ** 26, and the features. Empty where it shows too little."""
    sift = cv2.SIFT.create(nfeatures=STRONGEST, contrastThreshold=FAINT)
    found = sorted(sift.detect(grey, None), key=lambda one: -one.response)[:STRONGEST]
    if len(found) < FEWEST_HASHED:
        return [], b""
    found = [found[number] for number in spread(np.array([one.pt for one in found]))]
    for one in found:
        one.size *= SUPPORT
    descriptors = sift.compute(grey, found)[1]
    rooted = np.sqrt(descriptors / np.maximum(descriptors.sum(1, keepdims=True), 1))
    bits = projected(rooted, TABLES * HASH_BITS, seed=7).reshape(-1, TABLES, HASH_BITS)
    numbers = bits @ (1 << np.arange(HASH_BITS)) + (np.arange(TABLES) << HASH_BITS)
    features = np.zeros(len(found), FEATURE)
    features["x"], features["y"] = (np.array([one.pt for one in found]).clip(0, SIDE) * SUBPIXELS).T
    features["descriptors"] = np.packbits(projected(rooted, 256, seed=8), axis=1)
    return sorted(set(numbers.ravel().tolist())), features.tobytes()


def projected(rooted: Array, bits: int, seed: int) -> Array:
    """So many bits of each descriptor, of which similar ones have most in common."""
    signs = np.random.Generator(np.random.PCG64(seed)).integers(0, 2, (128, bits)) * 2.0 - 1
    shown: Array = rooted @ (signs - signs.mean(0)) > 0
    return shown


def spread(at: Array) -> list[int]:
    """The first of each cell of the page, then the second ones, and so on; `MOST_HASHED` at most."""
    low, high = at.min(0), at.max(0) + 1
    cells = ((at - low) / (high - low) * CELLS).astype(int) @ (1, CELLS)
    seen: Counter[int] = Counter()
    ranks = []
    for cell in cells.tolist():
        ranks.append(seen[cell])
        seen[cell] += 1
    return np.argsort(ranks, kind="stable")[:MOST_HASHED].tolist()
