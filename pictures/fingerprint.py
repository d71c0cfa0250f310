"""A picture -> its perceptual hash: near-duplicates (resized, saved again) differ in few bits. Knows no file.

The hash is the imagehash library's `phash`: the signs of the 64 lowest frequencies of a 32 x 32 grey picture against
their median. N. Krawetz, Looks Like It, hackerfactor.com 2011.
"""

import imagehash
import numpy as np
from PIL import Image

MIN_SIDE = 8
"""Pixels; eight frequencies each way need as many."""
MIN_SPREAD = 2.0
"""Standard deviation of the grey values, 0 … 255; a picture of one colour has only noise below it."""
_SHRUNK = 128


def perceptual_hash(image: Image.Image) -> str:
    """16 hex digits, or "" where they would say nothing: one colour, or less than eight pixels high or wide."""
    if min(image.size) < MIN_SIDE:
        return ""
    grey = image.convert("L")
    factor = max(1, min(grey.size) // _SHRUNK)
    if factor > 1:
        grey = grey.reduce(factor)  # imagehash's own filter takes ten times as long on all pixels
    if float(np.asarray(grey).std()) < MIN_SPREAD:
        return ""
    return str(imagehash.phash(grey))
