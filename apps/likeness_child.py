"""Run by `apps.registration` as a process of its own: order in the first argument, pictures on stdin, answer on stdout.

Imports nothing of the project, and limits itself before it decodes a picture. Pictures come as `apps.rendering_child`
drew them; no file as it was submitted comes here.
"""

from __future__ import annotations

import os

# One thread: the limits leave no room for more.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import base64
import json
import resource
import sys
from io import BytesIO
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

type Array = NDArray[Any]

MOST_FEATURES = 800
FORM_FEATURES = 500
FEWEST_FEATURES = 40
"""A page with fewer shows too little to find it again."""
CLOSER = 0.8
"""A feature counts as found where the second best is this much farther (Lowe 2004)."""
FEWEST_FOUND = 25
"""So many features of a form, in their places, show that a page is on it."""
SPREAD, LEAST_SPREAD = 0.6, 0.3
"""Shares of the area of all features that those found span, on the page or the form and on the other of the two: a
sentence that many forms have is no form, and a page may be cropped or lie on a table."""
OFF = 3.0
"""Pixels by which one may be out of place."""
BAND_FEATURES = 180
BAND_BITS = 20
SIDE = 800
"""Pixels of the longer side of a page while it is compared."""
FINE, COARSE = 0.9, 3.2
"""Standard deviations, in pixels, of what is too fine to compare, and of what is light or shade."""
GRAIN = 0.7
"""What is finer than so much of a pixel of the picture is no detail of it."""
BLOCK_WIDTH, BLOCK_HEIGHT = 40, 20
WAVES = (np.repeat((0, 1), (8, 7)), np.array([*range(2, 10), *range(2, 9)]))
"""Rows and columns of the cosine transform of a block that are hashed: what tells words apart, not light from dark."""
CODE_BITS = len(WAVES[0])
INKED = 0.35
"""Blocks that stand out less show nothing, in shares of the contrast of the page."""
SHIFT = 3
"""Pixels by which the same block may lie elsewhere: paper bends, lenses too."""
WORST = 3
"""So many blocks that agree least are looked at."""
FEWEST_BLOCKS = 16


class Features(NamedTuple):
    """What stands out of a page: where, and what it looks like."""

    at: Array
    """Pixels, one row each."""
    looks: Array
    """128 bytes each (SIFT)."""


class Registered(NamedTuple):
    """A page laid onto its form."""

    placed: Array
    """From pixels of the page to those of the form; 3 × 3."""
    found: Array
    """Which features of the form."""


def features(grey: Array, most: int = MOST_FEATURES) -> Features:
    """The strongest first."""
    found, looks = cv2.SIFT.create(nfeatures=most, contrastThreshold=0.03).detectAndCompute(grey, None)
    if looks is None:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8))
    order = np.argsort([-one.response for one in found], kind="stable")[:most]
    return Features(np.array([found[one].pt for one in order], np.float32), looks[order].astype(np.uint8))


def feature_bands(page: Features) -> list[int]:
    """Hashes of the strongest features. Pages of one form share some."""
    looks = page.looks[:BAND_FEATURES].astype(np.float32)
    rooted = np.sqrt(looks / np.maximum(looks.sum(1, keepdims=True), 1))
    signs = np.random.Generator(np.random.PCG64(7)).integers(0, 2, (128, BAND_BITS)) * 2.0 - 1
    signs -= signs.mean(0)
    codes = (rooted @ signs > 0) @ (1 << np.arange(BAND_BITS))
    return sorted(set(codes.tolist()))


def register(page: Features, form: Features) -> Registered | None:
    """How a page lies on a form; nothing where it is not on it."""
    if min(len(page.at), len(form.at)) < FEWEST_FOUND:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(form.looks.astype(np.float32), page.looks.astype(np.float32), k=2)
    kept = np.array([(a.queryIdx, a.trainIdx) for a, b in pairs if a.distance < CLOSER * b.distance])
    if len(kept) < FEWEST_FOUND:
        return None
    of_form, of_page = form.at[kept[:, 0]], page.at[kept[:, 1]]
    cv2.setRNGSeed(1)
    placed, right = cv2.findHomography(of_page, of_form, cv2.USAC_MAGSAC, OFF, maxIters=3000, confidence=0.9995)
    if placed is None or int(right.sum()) < FEWEST_FOUND or not believable(placed, of_page[right.ravel() > 0]):
        return None
    right = right.ravel() > 0
    spans = area(of_form[right]) / area(form.at), area(of_page[right]) / area(page.at)
    if max(spans) < SPREAD or min(spans) < LEAST_SPREAD:
        return None
    return Registered(placed, kept[right, 0])


def area(at: Array) -> float:
    return max(float(cv2.contourArea(cv2.convexHull(at))), 1.0)


def believable(placed: Array, at: Array) -> bool:
    """Whether paper can lie like that: not mirrored, nowhere folded, nor seen from its edge."""
    depth = at @ placed[2, :2] + placed[2, 2]
    larger = np.linalg.det(placed) / depth**3
    return bool((depth > 0).all() and larger.min() > 0.04 and larger.max() < 25 and larger.max() < 4 * larger.min())


def laid(grey: Array, placed: Array, hull: Array, size: tuple[int, int], fine: float = FINE) -> tuple[Array, Array]:
    """The fine detail of a page as it lies on its form, and where there is any: within what was found of the form."""
    page = cv2.warpPerspective(grey.astype(np.float32), placed, size, flags=cv2.INTER_LINEAR, borderValue=-1)
    middle = hull.mean(0)
    inside = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(inside, (middle + (hull - middle) * 1.12).astype(np.int32), 1)
    there = (page >= 0) & (inside > 0)
    shown = there.astype(np.float32)
    page = np.where(there, page, 0)
    coarse = COARSE * fine / FINE
    light = smoothed(page, coarse) / np.maximum(smoothed(shown, coarse), 1e-3)
    detail = np.where(there, smoothed(page, fine) - light, 0)
    contrast = np.sqrt(smoothed(detail**2, 40) / np.maximum(smoothed(shown, 40), 1e-3))
    overall = np.sqrt((detail**2).sum() / max(shown.sum(), 1))
    return detail / (contrast + overall + 0.3), cv2.erode(there.astype(np.uint8), np.ones((5, 5))) > 0


def smoothed(page: Array, deviation: float) -> Array:
    return cv2.GaussianBlur(page, (0, 0), deviation)


def blocks(detail: Array) -> Array:
    """A page in blocks: rows, columns, then their pixels."""
    rows, columns = detail.shape[0] // BLOCK_HEIGHT, detail.shape[1] // BLOCK_WIDTH
    cut = detail[: rows * BLOCK_HEIGHT, : columns * BLOCK_WIDTH]
    return cut.reshape(rows, BLOCK_HEIGHT, columns, BLOCK_WIDTH).swapaxes(1, 2)


def content_bands(detail: Array, there: Array) -> list[int]:
    """A hash of each block that shows something: its place and the signs of its coarsest waves."""
    cut, whole = blocks(detail), blocks(there).mean((2, 3)) > 0.95
    bands = []
    for row, column in np.argwhere(whole & (cut.std((2, 3)) > INKED)):
        waves = cv2.dct(np.ascontiguousarray(cut[row, column], np.float32))
        signs = waves[WAVES] > 0
        bands.append(int(row) << 22 | int(column) << CODE_BITS | int(signs @ (1 << np.arange(CODE_BITS))))
    return bands


def score(agreed: Array) -> float:
    """How alike two pages are where they are least alike, 0 to 1; 0 where too little of both can be seen."""
    if len(agreed) < FEWEST_BLOCKS:
        return 0.0
    return float(np.clip(np.sort(agreed)[:WORST].mean(), 0, 1))


def block_agreement(one: tuple[Array, Array], other: tuple[Array, Array]) -> Array:
    """How each block that shows something on either agrees with the other page: correlation, at most 1."""
    (a, there_a), (b, there_b) = one, other
    there = there_a & there_b
    height, width = a.shape
    agreed = []
    for top in range(SHIFT, height - BLOCK_HEIGHT - SHIFT, BLOCK_HEIGHT):
        for left in range(SHIFT, width - BLOCK_WIDTH - SHIFT, BLOCK_WIDTH):
            around = np.s_[top - SHIFT : top + BLOCK_HEIGHT + SHIFT, left - SHIFT : left + BLOCK_WIDTH + SHIFT]
            block = a[top : top + BLOCK_HEIGHT, left : left + BLOCK_WIDTH]
            where = b[around]
            ink = block.std(), where.std()
            if max(ink) < INKED or there[around].mean() < 0.98:
                continue
            if min(ink) < INKED / 5:
                agreed.append(0.0)
            else:
                agreed.append(float(cv2.matchTemplate(where, block, cv2.TM_CCOEFF_NORMED).max()))
    return np.array(agreed)


# --- Orders -----------------------------------------------------------------------------------------------------------


def find_features(order: dict[str, Any], pictures: list[bytes]) -> dict[str, Any]:
    grey = opened(pictures[0])
    page = features(grey, FORM_FEATURES)
    kept = b"".join(at.tobytes() + looks.tobytes() for at, looks in zip(page.at, page.looks, strict=True))
    return {
        "size": grey.shape[::-1],
        "features": base64.b64encode(kept if len(page.at) >= FEWEST_FEATURES else b"").decode(),
        "bands": feature_bands(page),
    }


def lay_on_forms(order: dict[str, Any], parts: list[bytes]) -> dict[str, Any]:
    """On the form of which most is found."""
    grey = opened(parts[0])
    page, best = features(grey), None
    for number, packed in enumerate(parts[1:]):
        form = unpacked(packed)
        on = register(page, form)
        if on is not None and (best is None or len(on.found) > len(best[1].found)):
            best = number, on, form
    if best is None:
        return {"form": None}
    number, on, form = best
    hull = cv2.convexHull(form.at[on.found]).reshape(-1, 2)
    detail, there = laid(grey, on.placed, hull, tuple(order["sizes"][number]))
    return {
        "form": number,
        "placed": on.placed.ravel().tolist(),
        "hull": hull.ravel().tolist(),
        "found": on.found.tolist(),
        "bands": content_bands(detail, there),
    }


def compare(order: dict[str, Any], pictures: list[bytes]) -> dict[str, Any]:
    pages = [opened(picture) for picture in pictures]
    placed = [np.array(one).reshape(3, 3) for one in order["placed"]]
    hulls = [np.array(one).reshape(-1, 2) for one in order["hulls"]]
    grains = [grain(page, original, on) for (page, original), on in zip(map(sized, pictures), placed, strict=True)]
    scores = []
    for number in range(1, len(pages)):
        # What the coarser of the two cannot show is not asked of the finer one.
        fine = max(FINE, GRAIN * max(grains[0], grains[number]))
        one, other = (laid(pages[n], placed[n], hulls[n], tuple(order["size"]), fine) for n in (0, number))
        scores.append(score(block_agreement(one, other)))
    return {"scores": scores}


def grain(size: tuple[int, int], original: tuple[int, int], placed: Array) -> float:
    """How many pixels of the form one pixel of the original picture covers, at its middle."""
    depth = placed[2] @ (size[0] / 2, size[1] / 2, 1)
    return float(max(size[0] / original[0], 1) * (abs(np.linalg.det(placed)) / abs(depth) ** 3) ** 0.5)


def opened(picture: bytes) -> Array:
    """Grey, `SIDE` pixels long."""
    image = Image.open(BytesIO(picture), formats=["WEBP", "JPEG"])
    return np.asarray(image.convert("L").resize(sized(picture)[0], Image.Resampling.LANCZOS))


def sized(picture: bytes) -> tuple[tuple[int, int], tuple[int, int]]:
    """The size at which a picture is compared, and its own."""
    own = Image.open(BytesIO(picture), formats=["WEBP", "JPEG"]).size
    scale = SIDE / max(own)
    return (max(1, round(own[0] * scale)), max(1, round(own[1] * scale))), own


def unpacked(packed: bytes) -> Features:
    rows = np.frombuffer(packed, np.dtype([("at", np.float32, 2), ("looks", np.uint8, 128)]))
    return Features(np.ascontiguousarray(rows["at"]), np.ascontiguousarray(rows["looks"]))


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
    done = {"features": find_features, "lay": lay_on_forms, "compare": compare}[order["do"]](order, parts)
    sys.stdout.buffer.write(json.dumps(done).encode())


if __name__ == "__main__":
    main()
