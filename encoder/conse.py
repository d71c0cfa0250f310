"""ConSE: the classifier's opinion in words. The baseline that needs no pairs, and one of the parts of `projection`.

`python -m encoder.conse` makes its weights from the sentence model and `imagenet_classes.tsv`.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from encoder.protocol import Embeddings, unit

WEIGHTS = Path(__file__).parent / "weights" / "conse.safetensors"
CLASSES = Path(__file__).parent / "imagenet_classes.tsv"
TEMPERATURE = 2.0
TOP = 50
Array = NDArray[np.float32]


def probabilities(logits: Array) -> Array:
    """(n, 1000) -> (n, 1000): at temperature 2, the 50 likeliest classes only, summing to 1."""
    scaled = logits.astype(np.float64) / TEMPERATURE
    weakest = np.partition(scaled, -TOP, axis=1)[:, -TOP, None]
    with np.errstate(invalid="ignore"):
        weights = np.where(scaled >= weakest, np.exp(scaled - scaled.max(axis=1, keepdims=True)), 0)
        shares: Array = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def conse(logits: Array, class_embeddings: Array) -> Embeddings:
    """(n, 1000) -> (n, dim): the mean of the class names' embeddings weighted by the classes' probabilities.

    Norouzi et al., Zero-Shot Learning by Convex Combination of Semantic Embeddings, 2014 (arXiv 1312.5650).
    """
    return unit(probabilities(logits) @ class_embeddings)


def class_embeddings(path: Path = WEIGHTS) -> Array:
    """(1000, 384), unit rows: each class by the mean of its three texts."""
    return unit(load_file(path)["class_embeddings"])


def class_texts(path: Path = CLASSES) -> list[tuple[str, ...]]:
    """For each ImageNet class three texts: all its lemmas, the first lemma, the hypernym."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [(lemmas, lemmas.split(", ")[0], hypernyms.split(", ")[0]) for _, lemmas, hypernyms in rows]


def build(path: Path = WEIGHTS) -> None:
    """Make the weights from the texts."""
    from encoder.towers import SentenceModel

    sentences = SentenceModel("cpu")
    columns = list(zip(*class_texts(), strict=True))
    rows = unit(np.sum([unit(sentences.encode(column)) for column in columns], axis=0))
    path.parent.mkdir(exist_ok=True)
    save_file({"class_embeddings": rows.astype(np.float16)}, path)


if __name__ == "__main__":
    build()
