"""Project the vision and the sentence model's outputs into the shared space, and to `look`.

A picture's place in the space is a sum of four: the words of the training pictures that look like it (a memory), the
words of the classes that the classifier thinks of (ConSE), a linear map of its features, and the names of its colours.
Where the memory holds nothing like the picture, as with most photographs, ConSE and the colours count more.
`training.specialists` makes the weights.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from encoder.conse import class_embeddings, conse
from encoder.protocol import Embeddings, unit

WEIGHTS = Path(__file__).parent / "weights" / "specialists.safetensors"
LOOK_DIM = 256
Array = NDArray[np.float32]


def roots(features: Array) -> Array:
    """Signed square roots: a few loud channels do not outweigh the many quiet ones (as RootSIFT, Arandjelović and
    Zisserman, CVPR 2012)."""
    return np.sign(features) * np.sqrt(np.abs(features))


@dataclass(frozen=True)
class Sight:
    """Features -> the visual space: their roots, standardised, 512 principal axes, weaker ones raised
    (eigenvalue^-.33), unit; and `look`, a map of it (`training.specialists.fits`)."""

    sight_mean: Array  # (features,), of the roots
    sight_axes: Array  # (features, 512), the strongest axis first
    look_map: Array  # (512, LOOK_DIM)

    def project(self, features: Array) -> Embeddings:
        """(n, features) -> (n, 512)."""
        return unit((roots(features) - self.sight_mean) @ self.sight_axes)

    def look(self, features: Array) -> Embeddings:
        """(n, features) -> (n, LOOK_DIM)."""
        return unit(self.project(features) @ self.look_map)


@dataclass(frozen=True)
class Words:
    """The part of a TrainedProjection that words need: a question in words loads no memory of pictures (60 MB)."""

    words_mean: Array  # (dim,)
    words_map: Array  # (dim, dim)

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> "Words":
        with safe_open(path, "numpy") as arrays:
            return cls(**{field.name: arrays.get_tensor(field.name).astype(np.float32) for field in fields(cls)})

    @property
    def dims(self) -> dict[str, int]:
        dim = len(self.words_mean)
        return {"image": dim, "caption": dim, "look": LOOK_DIM}

    def words(self, sentences: Array) -> Embeddings:
        """Sentence vectors (n, dim), not normalised -> (n, dim)."""
        return unit((unit(sentences) - self.words_mean) @ self.words_map)


@dataclass(frozen=True)
class TrainedProjection(Words, Sight):
    """The default encoder's. The words' space is all-MiniLM's, centred and partly whitened (`words`)."""

    key_map: Array  # (512, keys)
    memory_keys: Array  # (pictures, keys), unit rows
    memory_starts: NDArray[np.int32]  # (captions,): the pictures of a caption stand together; the first of each
    captions: Array  # (captions, dim), in the words' space, not unit
    classes: Array  # (1000, dim), likewise
    colours: Array  # (11, dim), likewise, less their mean: what tells a colour from the others
    linear_map: Array  # (features, dim)
    linear_bias: Array  # (dim,)
    centre: Array  # (dim,): what is common to all pictures, taken away
    sharpness: Array  # (): 1 / temperature of the memory
    mixing: Array  # (4,): memory, ConSE, linear map, colours
    familiar: Array  # (3,): from which to which cosine a picture becomes familiar; what `trust` is then

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> "TrainedProjection":
        arrays = load_file(path)
        keys = arrays.pop("memory_keys").astype(np.float32)  # of 8 bits, so the squares add up exactly
        keys /= np.sqrt(np.einsum("ij,ij->i", keys, keys))[:, None]
        starts = arrays.pop("memory_starts").astype(np.int32)
        return cls(memory_keys=keys, memory_starts=starts, **{n: a.astype(np.float32) for n, a in arrays.items()})

    def save(self, path: Path) -> None:
        """Half precision, the memory's keys with 8 bits."""
        small = {field.name: np.asarray(getattr(self, field.name), dtype=np.float16) for field in fields(self)}
        steps = np.abs(self.memory_keys).max(axis=1, keepdims=True) / 127
        small["memory_keys"] = np.rint(self.memory_keys / steps).astype(np.int8)
        small["memory_starts"] = self.memory_starts.astype(np.int32)
        for name in ("sharpness", "mixing", "familiar"):
            small[name] = np.asarray(getattr(self, name), dtype=np.float32)
        save_file({name: np.ascontiguousarray(array) for name, array in small.items()}, path)

    def image(self, features: Array, logits: Array, shares: Array) -> Embeddings:
        """(n, features), (n, 1000), (n, 11): how much there is of each of `pictures.looks.COLOURS` -> (n, dim)."""
        cosines = self._cosines(features)
        trust = self.trust(cosines)[:, None]
        parts = (
            self._recall(cosines),
            trust * conse(logits, self.classes),
            unit(self.linear(features)),
            trust * coloured(shares, self.colours),
        )
        return unit(sum(weight * part for weight, part in zip(self.mixing, parts, strict=True)) - self.centre)

    def trust(self, cosines: Array) -> Array:
        """(n, pictures of the memory) -> (n,): what the shares of ConSE and the colours are multiplied with.

        By the nearest picture alone: 1 for a strange one, linear between the two cosines of `familiar`.
        """
        low, high, share = self.familiar
        with np.errstate(invalid="ignore"):
            nearness = np.clip((cosines.max(axis=1) - low) / (high - low), 0, 1)
        return np.asarray(1 - (1 - share) * nearness, dtype=np.float32)

    def remembered(self, features: Array) -> Embeddings:
        """(n, features) -> (n, dim): captions of the memory's pictures, weighted by softmax(sharpness · cosine).

        Nadaraya, On Estimating Regression, 1964; with learnt keys: Vinyals et al., 2016 (arXiv 1606.04080).
        """
        return self._recall(self._cosines(features))

    def _cosines(self, features: Array) -> Array:
        """(n, features) -> (n, pictures of the memory)."""
        with np.errstate(invalid="ignore"):
            cosines: Array = unit(self.project(features) @ self.key_map) @ self.memory_keys.T
        return cosines

    def _recall(self, cosines: Array) -> Embeddings:
        with np.errstate(invalid="ignore"):
            weights = np.exp(self.sharpness * (cosines - cosines.max(axis=1, keepdims=True, initial=-1)))
        return unit(np.add.reduceat(weights, self.memory_starts, axis=1) @ self.captions)

    def linear(self, features: Array) -> Array:
        """(n, features) -> (n, dim), not unit."""
        return features @ self.linear_map + self.linear_bias


@dataclass(frozen=True)
class ConseProjection(Sight):
    """The baseline: `image` by the classifier's words alone, words as the sentence model says them."""

    class_embeddings: Array  # (1000, dim), unit rows

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> "ConseProjection":
        arrays = load_file(path)
        sight = {field.name: arrays[field.name].astype(np.float32) for field in fields(Sight)}
        return cls(**sight, class_embeddings=class_embeddings())

    @property
    def dims(self) -> dict[str, int]:
        dim = self.class_embeddings.shape[1]
        return {"image": dim, "caption": dim, "look": LOOK_DIM}

    def image(self, features: Array, logits: Array, shares: Array) -> Embeddings:
        """(n, 1000) -> (n, dim)."""
        return conse(logits, self.class_embeddings)

    def words(self, sentences: Array) -> Embeddings:
        """(n, dim) -> (n, dim)."""
        return unit(sentences)


def coloured(shares: Array, colours: Array) -> Array:
    """(n, 11), (11, dim) -> (n, dim), not unit: the names weighted by the square root of how much there is of each,
    so that one colour alone says more than all of them together, and a small red thing is red."""
    weights = np.sqrt(shares)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True) @ colours, dtype=np.float32)
