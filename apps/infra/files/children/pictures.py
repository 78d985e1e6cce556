"""Pictures as they are compared: grey, and of one size."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, WebPImagePlugin  # noqa: F401 - asked for a kind that is not loaded, Pillow loads all it has

type Array = NDArray[Any]

SIDE, ROUGH_SIDE = 800, 400
"""Pixels of the longer side of a page while it is compared, and while the best candidates are chosen."""


def opened(picture: bytes, side: int = SIDE) -> tuple[Array, float]:
    """Grey, and how many of its pixels one of the picture covers."""
    image = Image.open(BytesIO(picture), formats=["WEBP", "JPEG"])
    scale = side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return np.asarray(image.convert("L").resize(size, Image.Resampling.LANCZOS)), max(scale, 1.0)
