"""How alike two pages are where they are least alike."""

from __future__ import annotations

import cv2
import numpy as np

from apps.infra.files.children.pictures import Array
from apps.infra.files.children.placement import Page, area, lay

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
"""So many blocks that agree least count."""
FEWEST_BLOCKS = 64


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

    def shown(page: Array) -> tuple[Array, Array]:
        """Of blocks that begin anywhere: their means, and how much they show."""
        mean = means_anywhere(page)
        return mean, np.sqrt(np.maximum(means_anywhere(page * page) - mean * mean, 1e-6))

    still = moved(a, 0, 0)
    mean, ink = (blocks_of(moved(each, 0, 0)) for each in shown(a))
    mean_there, ink_there = shown(b)
    most, product = np.full(ink.shape, -1, np.float32), np.empty_like(still)
    for down in range(-shift, shift + 1):
        for right in range(-shift, shift + 1):
            np.multiply(still, moved(b, down, right), out=product)
            shared = block_means(product) - mean * blocks_of(moved(mean_there, down, right))
            np.maximum(most, shared / (ink * blocks_of(moved(ink_there, down, right))), out=most)
    inks = ink, blocks_of(moved(ink_there, 0, 0))
    most[np.minimum(*inks) < INKED / 5] = 0
    seen = block_means(moved((there_a & there_b).astype(np.float32), 0, 0))
    return most[(np.maximum(*inks) >= INKED) & (seen >= 0.98)]


def means_anywhere(page: Array) -> Array:
    """Of each block, wherever it begins; those that begin too near to the far edges are of no meaning."""
    size = BLOCK_WIDTH, BLOCK_HEIGHT
    return cv2.boxFilter(page, cv2.CV_32F, size, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)


def blocks_of(anywhere: Array) -> Array:
    """Of what is known of blocks that begin anywhere, the blocks of `block_means`."""
    height, width = BLOCK_HEIGHT // 2, BLOCK_WIDTH // 2
    rows, columns = anywhere.shape[0] // height - 1, anywhere.shape[1] // width - 1
    return anywhere[: rows * height : height, : columns * width : width]


def block_means(page: Array) -> Array:
    """Of each block, which is two quarters wide and two high; the next begins a quarter further."""
    height, width = BLOCK_HEIGHT // 2, BLOCK_WIDTH // 2
    rows, columns = page.shape[0] // height, page.shape[1] // width
    quarters = cv2.resize(page[: rows * height, : columns * width], (columns, rows), interpolation=cv2.INTER_AREA)
    pairs = quarters[1:] + quarters[:-1]
    return (pairs[:, 1:] + pairs[:, :-1]) / 4
