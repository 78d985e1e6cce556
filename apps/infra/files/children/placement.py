"""Where one page lies on another."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from apps.infra.files.children.fingerprints import FAINT, FEATURE, SUBPIXELS
from apps.infra.files.children.pictures import ROUGH_SIDE, SIDE, Array, opened

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


class Page(NamedTuple):
    grey: Array
    """`SIDE` or `ROUGH_SIDE` pixels long."""
    pixel: float
    """How many of its pixels one of the picture covers, at least 1."""
    at: Array
    """Where features stand out: pixels, one row each."""
    descriptors: Array
    """Descriptors of these: 128 numbers each (SIFT), or 256 bits as they are kept."""


class Laid(NamedTuple):
    """How a page lies on another one."""

    placed: Array
    """From pixels of the page to those of the other; 3 × 3."""
    on_page: Array
    """Features that both show, there."""
    on_other: Array


def page(picture: bytes) -> Page:
    grey, pixel = opened(picture)
    found, descriptors = cv2.SIFT.create(nfeatures=MOST_FEATURES, contrastThreshold=FAINT).detectAndCompute(grey, None)
    if descriptors is None:
        return Page(grey, pixel, np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
    order = np.argsort([-one.response for one in found], kind="stable")[:MOST_FEATURES]
    return Page(grey, pixel, np.array([found[one].pt for one in order], np.float32), descriptors[order])


def rough(picture: bytes, features: bytes) -> Page:
    """A small page with the features that were kept of it, which takes a fifth of the time of `page`."""
    kept = np.frombuffer(features, FEATURE)
    at = np.stack([kept["x"], kept["y"]], 1) * (ROUGH_SIDE / SIDE / SUBPIXELS)
    return Page(*opened(picture, ROUGH_SIDE), at.astype(np.float32), np.ascontiguousarray(kept["descriptors"]))


def lay(one: Page, other: Page) -> Laid | None:
    """How a page lies on another; none where it does not."""
    if min(len(one.at), len(other.at)) < FEWEST_FOUND:
        return None
    norm = cv2.NORM_HAMMING if one.descriptors.dtype == np.uint8 else cv2.NORM_L2
    pairs = cv2.BFMatcher(norm).knnMatch(other.descriptors, one.descriptors, k=2)
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
