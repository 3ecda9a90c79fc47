# SPDX-License-Identifier: MIT
"""How large an image may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from melpix.errors import EncodeError

if TYPE_CHECKING:
    pass
from melpix.errors import DecodeError

# PNG readers commonly refuse wider images (libpng's user limit) and larger ones (Pillow's).
MAX_COLUMNS = 1_000_000

MAX_PIXELS = 89_000_000

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels: greyscale, with alpha, RGB, with alpha


def checked_image(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image if its shape and type are those of a PNG's."""
    image = np.asarray(image)
    known = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in COLOUR_TYPES)
    if image.dtype not in (np.uint8, np.uint16) or not known:
        raise EncodeError(
            "bad_image",
            "image must be uint8 or uint16 of shape (height, width) or (height, width, channels), "
            f"up to 4 of them, got {image.dtype} of shape {image.shape}",
        )
    check_size(image.shape[0], image.shape[1], EncodeError)
    return image


def check_size(height: int, width: int, error: type[DecodeError] | type[EncodeError]) -> None:
    """Raise an error of this type if there are no pixels, or more than readers accept."""
    if height < 1 or width < 1:
        raise error("bad_image", f"an image must have pixels, got {height} x {width}")
    if width > MAX_COLUMNS or height > MAX_COLUMNS or height * width > MAX_PIXELS:
        raise error(
            "image_too_large",
            f"an image of {height} x {width} pixels is more than PNG readers accept "
            f"({MAX_COLUMNS} rows or columns, {MAX_PIXELS} pixels)",
        )
