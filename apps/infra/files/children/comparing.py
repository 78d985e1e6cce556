"""Compares pages: pictures, and what was kept of them, come one after another.

The pictures are as `rendering` drew them; no file as it was submitted comes here.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import cv2
import numpy as np

from apps.infra.files.children.fingerprints import fingerprint
from apps.infra.files.children.likeness import ROUGH_SHIFT, alike
from apps.infra.files.children.limits import limit
from apps.infra.files.children.pictures import opened
from apps.infra.files.children.placement import page, rough

MOST_COMPARED = 8
"""Candidates that are compared at full size: those that agree most at `ROUGH_SIDE`."""


def hash_page(parts: list[bytes]) -> dict[str, Any]:
    numbers, features = fingerprint(opened(parts[0])[0])
    return {"hashes": numbers, "features": features.hex()}


def compare(parts: list[bytes]) -> dict[str, Any]:
    """Of pictures, each followed by its features, how the first and each other one agree; 0 for those left out."""
    pictures, features = parts[::2], parts[1::2]
    scores, full = [0.0] * (len(pictures) - 1), page(pictures[0])
    for best in most_alike(pictures, features):
        scores[best] = alike(full, page(pictures[best + 1]))
    return {"scores": scores}


def most_alike(pictures: list[bytes], features: list[bytes]) -> list[int]:
    """Numbers of the candidates that are compared at full size; where there are few, of all."""
    if len(pictures) - 1 <= MOST_COMPARED:
        return [*range(len(pictures) - 1)]
    small = rough(pictures[0], features[0])
    agreed = [alike(small, rough(*other), ROUGH_SHIFT) for other in zip(pictures[1:], features[1:], strict=True)]
    best: list[int] = np.argsort(-np.array(agreed), kind="stable")[:MOST_COMPARED].tolist()
    return best


ORDERS = {"hash": hash_page, "compare": compare}


def main(order: dict[str, Any]) -> None:
    cv2.setNumThreads(1)
    limit(order["seconds"], order["memory"])
    parts = [sys.stdin.buffer.read(length) for length in order["lengths"]]
    sys.stdout.buffer.write(json.dumps(ORDERS[order["do"]](parts)).encode())
