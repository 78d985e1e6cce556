"""Run by `comparing` as a process of its own: order in the first argument, pictures and what was kept of them
on stdin, answer on stdout.

Imports nothing of the project, and limits itself before it decodes a picture. Pictures come as `rendering_child`
drew them; no file as it was submitted comes here.
"""

from __future__ import annotations

import os

# One thread: the limits leave no room for more.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import resource
import sys
from collections import Counter
from io import BytesIO
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

type Array = NDArray[Any]

SIDE, ROUGH_SIDE = 800, 400
"""Pixels of the longer side of a page while it is looked at, and while the best candidates are chosen."""

# Hashes.
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

# The best candidates.
MOST_COMPARED = 8
"""Candidates that are compared at full size: those that agree most at `ROUGH_SIDE`."""
SUBPIXELS = 64
"""Features are kept with their places in such parts of a pixel."""
FEATURE = np.dtype([("x", "<u2"), ("y", "<u2"), ("looks", np.uint8, 32)])
"""A hashed feature as it is kept."""

# Where one page lies on the other.
MOST_FEATURES = 800
CLOSER = 0.8
"""A feature counts as found where the second best is this much farther (Lowe 2004)."""
FEWEST_FOUND = 25
"""So many features, in their places, show that a page lies on another."""
LARGEST_SHARE, LEAST_SHARE = 0.2, 0.1
"""What these features span of the picture where that is more, and of the other one: a sentence that two forms have in
common is no form, and a page may lie on a table."""
OFF = 3.0
"""Pixels by which one may be out of place."""

# How alike they are.
FINE, COARSE = 0.9, 3.2
"""Standard deviations, in pixels, of what is too fine to compare, and of what is light or shade."""
GRAIN = 0.7
"""What is finer than so much of a pixel of the picture is no detail of it."""
BLOCK_WIDTH, BLOCK_HEIGHT = 24, 12
"""As small as three or four letters of a printed form. They overlap by half, so that a differing word fills one."""
AROUND_FOUND = 1.06
"""So far is compared around what was found on both, in shares of its size: what lies beyond may be the table."""
INKED = 0.35
"""Blocks that stand out less show nothing, in shares of the contrast of the page."""
SHIFT, ROUGH_SHIFT = 3, 2
"""Pixels by which the same block may lie elsewhere, at each size: paper bends, lenses too."""
WORST = 3
"""So many blocks that agree least are looked at."""
FEWEST_BLOCKS = 64


class Page(NamedTuple):
    grey: Array
    """`SIDE` or `ROUGH_SIDE` pixels long."""
    pixel: float
    """How many of its pixels one of the picture covers, at least 1."""
    at: Array
    """Where something stands out: pixels, one row each."""
    looks: Array
    """What that looks like: 128 numbers each (SIFT), or 256 bits as they are kept."""


class Laid(NamedTuple):
    """How a page lies on another one."""

    placed: Array
    """From pixels of the page to those of the other; 3 × 3."""
    on_page: Array
    """Features that both show, there."""
    on_other: Array


def opened(picture: bytes, side: int = SIDE) -> tuple[Array, float]:
    """Grey, and how many of its pixels one of the picture covers."""
    image = Image.open(BytesIO(picture), formats=["WEBP", "JPEG"])
    scale = side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return np.asarray(image.convert("L").resize(size, Image.Resampling.LANCZOS)), max(scale, 1.0)


# --- Fingerprints -----------------------------------------------------------------------------------------------------


def fingerprint(grey: Array) -> tuple[list[int], bytes]:
    """Hashes of what stands out of a page, each below 2 ** 26, and the features. Empty where it shows too little."""
    sift = cv2.SIFT.create(nfeatures=STRONGEST, contrastThreshold=FAINT)
    found = sorted(sift.detect(grey, None), key=lambda one: -one.response)[:STRONGEST]
    if len(found) < FEWEST_HASHED:
        return [], b""
    found = [found[number] for number in spread(np.array([one.pt for one in found]))]
    for one in found:
        one.size *= SUPPORT
    looks = sift.compute(grey, found)[1]
    rooted = np.sqrt(looks / np.maximum(looks.sum(1, keepdims=True), 1))
    bits = projected(rooted, TABLES * HASH_BITS, seed=7).reshape(-1, TABLES, HASH_BITS)
    numbers = bits @ (1 << np.arange(HASH_BITS)) + (np.arange(TABLES) << HASH_BITS)
    features = np.zeros(len(found), FEATURE)
    features["x"], features["y"] = (np.array([one.pt for one in found]).clip(0, SIDE) * SUBPIXELS).T
    features["looks"] = np.packbits(projected(rooted, 256, seed=8), axis=1)
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


# --- Where one page lies on the other ---------------------------------------------------------------------------------


def page(picture: bytes) -> Page:
    grey, pixel = opened(picture)
    found, looks = cv2.SIFT.create(nfeatures=MOST_FEATURES, contrastThreshold=FAINT).detectAndCompute(grey, None)
    if looks is None:
        return Page(grey, pixel, np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
    order = np.argsort([-one.response for one in found], kind="stable")[:MOST_FEATURES]
    return Page(grey, pixel, np.array([found[one].pt for one in order], np.float32), looks[order])


def rough(picture: bytes, features: bytes) -> Page:
    """A small page with the features that were kept of it, which takes a fifth of the time of `page`."""
    kept = np.frombuffer(features, FEATURE)
    at = np.stack([kept["x"], kept["y"]], 1) * (ROUGH_SIDE / SIDE / SUBPIXELS)
    return Page(*opened(picture, ROUGH_SIDE), at.astype(np.float32), np.ascontiguousarray(kept["looks"]))


def lay(one: Page, other: Page) -> Laid | None:
    """How a page lies on another; none where it does not."""
    if min(len(one.at), len(other.at)) < FEWEST_FOUND:
        return None
    norm = cv2.NORM_HAMMING if one.looks.dtype == np.uint8 else cv2.NORM_L2
    pairs = cv2.BFMatcher(norm).knnMatch(other.looks, one.looks, k=2)
    kept = np.array([(a.queryIdx, a.trainIdx) for a, b in pairs if a.distance < CLOSER * b.distance])
    if len(kept) < FEWEST_FOUND:
        return None
    on_other, on_page = other.at[kept[:, 0]], one.at[kept[:, 1]]
    cv2.setRNGSeed(1)
    placed, right = cv2.findHomography(on_page, on_other, cv2.USAC_MAGSAC, OFF, maxIters=3000, confidence=0.9995)
    if placed is None:
        return None
    right = right.ravel() > 0
    on_other, on_page = on_other[right], on_page[right]
    if len(on_page) < FEWEST_FOUND or not believable(placed, on_page):
        return None
    shares = area(on_page) / one.grey.size, area(on_other) / other.grey.size
    if max(shares) < LARGEST_SHARE or min(shares) < LEAST_SHARE:
        return None
    return Laid(placed, on_page, on_other)


def area(at: Array) -> float:
    return max(float(cv2.contourArea(cv2.convexHull(at))), 1.0)


def believable(placed: Array, at: Array) -> bool:
    """Whether paper can lie like that: not mirrored, nowhere folded, nor seen from its edge."""
    depth = at @ placed[2, :2] + placed[2, 2]
    larger = np.linalg.det(placed) / depth**3
    return bool((depth > 0).all() and larger.min() > 0.04 and larger.max() < 25 and larger.max() < 4 * larger.min())


# --- How alike they are -----------------------------------------------------------------------------------------------


def alike(one: Page, other: Page, shift: int = SHIFT) -> float:
    """How alike two pages are where they are least alike, 0 to 1; 0 where one does not lie on the other."""
    laid = lay(one, other)
    if laid is None:
        return 0.0
    placed, hull = laid.placed, laid.on_other
    if area(laid.on_page) > area(laid.on_other):
        # The larger one shows more.
        one, other, placed, hull = other, one, np.linalg.inv(laid.placed), laid.on_page
    hull = cv2.convexHull(hull).reshape(-1, 2)
    # What the coarser of the two cannot show is not asked of the finer one.
    fine = max(FINE, GRAIN * max(one.pixel * enlarged(placed, one.grey), other.pixel))
    shown = detail(one.grey, placed, hull, other, fine), detail(other.grey, None, hull, other, fine)
    return score(block_agreement(*shown, shift))


def enlarged(placed: Array, grey: Array) -> float:
    """How many pixels one of a page covers on the other, along one side, at its middle."""
    depth = placed[2] @ (grey.shape[1] / 2, grey.shape[0] / 2, 1)
    return float((abs(np.linalg.det(placed)) / abs(depth) ** 3) ** 0.5)


def detail(grey: Array, placed: Array | None, hull: Array, other: Page, fine: float) -> tuple[Array, Array]:
    """The fine detail of a page as it lies on another, and where there is any: within what was found of that."""
    size = other.grey.shape[1], other.grey.shape[0]
    page: Array = grey.astype(np.float32)
    if placed is not None:
        page = cv2.warpPerspective(page, placed, size, flags=cv2.INTER_LINEAR, borderValue=-1)
    middle = hull.mean(0)
    inside = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(inside, (middle + (hull - middle) * AROUND_FOUND).astype(np.int32), 1)
    there = (page >= 0) & (inside > 0)
    shown = there.astype(np.float32)
    page = np.where(there, page, 0)
    coarse = COARSE * fine / FINE
    light = smoothed(page, coarse) / np.maximum(smoothed(shown, coarse), 1e-3)
    fine_part = np.where(there, smoothed(page, fine) - light, 0)
    contrast = np.sqrt(around(fine_part**2) / np.maximum(around(shown), 1e-3))
    overall = np.sqrt((fine_part**2).sum() / max(shown.sum(), 1))
    return fine_part / (contrast + overall + 0.3), cv2.erode(there.astype(np.uint8), np.ones((5, 5))) > 0


def around(page: Array) -> Array:
    """Smoothed so widely that an eighth of its pixels will do."""
    small = cv2.resize(page, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    return cv2.resize(smoothed(small, 5), page.shape[::-1], interpolation=cv2.INTER_LINEAR)


def smoothed(page: Array, deviation: float) -> Array:
    return cv2.GaussianBlur(page, (0, 0), deviation)


def score(agreed: Array) -> float:
    """How alike two pages are where they are least alike, 0 to 1; 0 where too little of both can be seen."""
    if len(agreed) < FEWEST_BLOCKS:
        return 0.0
    return float(np.clip(np.sort(agreed)[:WORST].mean(), 0, 1))


def block_agreement(one: tuple[Array, Array], other: tuple[Array, Array], shift: int) -> Array:
    """How each block that shows something on either agrees with the other page: correlation, at most 1."""
    (a, there_a), (b, there_b) = one, other
    height, width = a.shape[0] - 2 * shift, a.shape[1] - 2 * shift
    if height < BLOCK_HEIGHT or width < BLOCK_WIDTH:
        return np.zeros(0)

    def moved(page: Array, down: int, right: int) -> Array:
        return page[shift + down : shift + down + height, shift + right : shift + right + width]

    def blocks(page: Array) -> Array:
        down, right = BLOCK_HEIGHT // 2, BLOCK_WIDTH // 2
        return page[down : height - down + 1 : down, right : width - right + 1 : right]

    mean_a, mean_b = block_means(a), block_means(b)
    ink_a, ink_b = (np.sqrt(np.maximum(block_means(x * x) - m * m, 1e-6)) for x, m in ((a, mean_a), (b, mean_b)))
    block_mean, block_ink = blocks(moved(mean_a, 0, 0)), blocks(moved(ink_a, 0, 0))
    most = np.full(block_ink.shape, -1, np.float32)
    still = moved(a, 0, 0)
    for down in range(-shift, shift + 1):
        for right in range(-shift, shift + 1):
            together = blocks(block_means(still * moved(b, down, right)))
            shared = together - block_mean * blocks(moved(mean_b, down, right))
            np.maximum(most, shared / (block_ink * blocks(moved(ink_b, down, right))), out=most)
    there = blocks(moved(block_means((there_a & there_b).astype(np.float32)), 0, 0))
    inks = block_ink, blocks(moved(ink_b, 0, 0))
    most[np.minimum(*inks) < INKED / 5] = 0
    return most[(np.maximum(*inks) >= INKED) & (there >= 0.98)]


def block_means(page: Array) -> Array:
    """At each pixel, of the block in whose middle it is."""
    return cv2.boxFilter(page, -1, (BLOCK_WIDTH, BLOCK_HEIGHT))


# --- Orders -----------------------------------------------------------------------------------------------------------


def hash_page(parts: list[bytes]) -> dict[str, Any]:
    numbers, features = fingerprint(opened(parts[0])[0])
    return {"hashes": numbers, "features": features.hex()}


def compare(parts: list[bytes]) -> dict[str, Any]:
    """Of pictures, each followed by its features, how the first and each other one agree; 0 for those left out."""
    pictures, features = parts[::2], parts[1::2]
    small = rough(pictures[0], features[0])
    agreed = [alike(small, rough(*other), ROUGH_SHIFT) for other in zip(pictures[1:], features[1:], strict=True)]
    scores, full = [0.0] * len(agreed), page(pictures[0])
    for best in np.argsort(-np.array(agreed), kind="stable")[:MOST_COMPARED].tolist():
        scores[best] = alike(full, page(pictures[best + 1]))
    return {"scores": scores}


ORDERS = {"hash": hash_page, "compare": compare}


def limit(seconds: int, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if resource.getrlimit(resource.RLIMIT_NPROC)[0] != 0:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def main() -> None:
    order = json.loads(sys.argv[1])
    cv2.setNumThreads(1)
    limit(order["seconds"], order["memory"])
    parts = [sys.stdin.buffer.read(length) for length in order["lengths"]]
    sys.stdout.buffer.write(json.dumps(ORDERS[order["do"]](parts)).encode())


if __name__ == "__main__":
    main()
