"""The specialists' projection: class probabilities and features of the vision model -> the shared space and `look`.

Numpy arrays in, arrays out; knows no picture and no torch model at run time. `python -m encoder.projection` makes its
weights from the two installed models and `imagenet_classes.tsv`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from encoder.protocol import Embeddings, unit

WEIGHTS = Path(__file__).parent / "weights" / "specialists.safetensors"
CLASSES = Path(__file__).parent / "imagenet_classes.tsv"
TEMPERATURE = 2.0
TOP = 50
LOOK_DIM = 512
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Projection:
    class_embeddings: Array  # (1000, dim), unit rows
    look_mean: Array  # (features,)
    look_axes: Array  # (features, look dim), orthonormal columns

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> "Projection":
        return cls(**{name: array.astype(np.float32) for name, array in load_file(path).items()})

    @property
    def dims(self) -> dict[str, int]:
        dim = self.class_embeddings.shape[1]
        return {"image": dim, "caption": dim, "look": self.look_axes.shape[1]}

    def image(self, logits: Array) -> Embeddings:
        """(n, 1000) -> (n, dim): ConSE, the mean of the class names' embeddings weighted by the classes' probabilities.

        Norouzi et al., Zero-Shot Learning by Convex Combination of Semantic Embeddings, 2014 (arXiv 1312.5650); the 50
        likeliest classes at temperature 2.
        """
        scaled = logits.astype(np.float64) / TEMPERATURE
        weakest = np.partition(scaled, -TOP, axis=1)[:, -TOP, None]
        with np.errstate(invalid="ignore"):
            weights = np.where(scaled >= weakest, np.exp(scaled - scaled.max(axis=1, keepdims=True)), 0)
            return unit((weights / weights.sum(axis=1, keepdims=True)) @ self.class_embeddings)

    def look(self, features: Array) -> Embeddings:
        """(n, features) -> (n, look dim): centred, then the directions that the classifier tells apart best."""
        return unit((features - self.look_mean) @ self.look_axes)


def class_texts(path: Path = CLASSES) -> list[tuple[str, ...]]:
    """For each ImageNet class three texts: all its lemmas, the first lemma, the hypernym."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [(lemmas, lemmas.split(", ")[0], hypernyms.split(", ")[0]) for _, lemmas, hypernyms in rows]


def relu6_mean(mean: Array, deviation: Array) -> Array:
    """E[min(max(x, 0), 6)] for x ~ N(mean, deviation²), elementwise: the centre of a ReLU6 layer behind a batch norm.

    The integral of P(x > t) over t in 0…6, by the midpoint rule.
    """
    from math import sqrt

    import torch

    steps = np.linspace(0, 6, 601)
    middles = (steps[1:] + steps[:-1]) / 2  # (600,)
    z = (middles[:, None] - mean) / (np.maximum(np.abs(deviation), 1e-6) * sqrt(2))
    above = torch.special.erfc(torch.from_numpy(z)).numpy() / 2  # (600, features)
    mean_of_relu6: Array = (above.sum(axis=0) * (6 / 600)).astype(np.float32)
    return mean_of_relu6


def build(path: Path = WEIGHTS) -> None:
    """Make the weights: embeddings of the class names, and the axes of `look` from the classifier's own weights."""
    from encoder.towers import SentenceModel, VisionModel

    sentences, vision = SentenceModel("cpu"), VisionModel("cpu")
    columns = list(zip(*class_texts(), strict=True))
    class_embeddings = unit(np.sum([unit(sentences.encode(column)) for column in columns], axis=0))
    mean, deviation, classifier = vision.head
    look_mean = relu6_mean(mean, deviation)
    directions = np.linalg.svd(classifier - classifier.mean(axis=0), full_matrices=False)[2]  # (1000, features)
    path.parent.mkdir(exist_ok=True)
    arrays = {"class_embeddings": class_embeddings, "look_mean": look_mean, "look_axes": directions[:LOOK_DIM].T}
    save_file({name: np.ascontiguousarray(array, dtype=np.float16) for name, array in arrays.items()}, path)


if __name__ == "__main__":
    build()
