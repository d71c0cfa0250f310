"""What Loupe asks of an encoder."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Embeddings = NDArray[np.float32]  # (n, dim), unit rows
UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class EncoderIdentity:
    """Everything that decides where a picture lands in the space (invariant I3)."""

    name: str
    revision: str
    weights_sha256: str
    preprocessing: int
    dims: Mapping[str, int]
    """Dimensions of each named vector: `image`, `caption` (always equal to `image`) and `look`."""

    @property
    def id(self) -> str:
        """The name with eight hex digits of everything else: `specialists-1f0c9a77`."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
        return f"{self.name}-{digest[:8]}"

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "dims": dict(self.dims)}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "EncoderIdentity":
        return cls(**data)  # type: ignore[arg-type]


class Encoder(Protocol):
    """Pictures and words into one space. Implementations are thread-safe: one lock, inside the encoder."""

    @property
    def identity(self) -> EncoderIdentity: ...

    @property
    def image_side(self) -> int:
        """Pixels of the short side that the model can use; decoding more than twice as many is wasted work."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> dict[str, Embeddings]:
        """Upright RGB pictures of any size -> {"image": (n, dim), "look": (n, dim of look)}.

        A picture for which the model returns NaN or zeros has a row of NaN: see `invalid_rows`.
        """
        ...

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Words -> (n, dim of image), in the same space as `image`."""
        ...


def unit(rows: NDArray[np.floating]) -> Embeddings:
    """Scale each row of (n, dim) to length 1; a row that has no direction (zero, NaN, infinite) becomes NaN."""
    rows = np.asarray(rows, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        norms[~np.isfinite(norms) | (norms == 0)] = np.nan
        scaled: Embeddings = (rows / norms).astype(np.float32)
        return scaled


def invalid_rows(embeddings: Embeddings, dim: int) -> list[str | None]:
    """For each row the reason why it must not be stored or searched with, or None.

    >>> invalid_rows(np.array([[0.6, 0.8], [np.nan, 1.0]], dtype=np.float32), 2)
    [None, 'not a finite unit vector (norm nan)']
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != dim:
        got = embeddings.shape[-1] if embeddings.ndim else 0
        return [f"expected a vector of {dim} dimensions, got {got}"] * len(embeddings)
    norms = np.linalg.norm(embeddings.astype(np.float64), axis=1)
    return [
        None if abs(norm - 1) <= UNIT_TOLERANCE else f"not a finite unit vector (norm {norm:.3g})" for norm in norms
    ]
