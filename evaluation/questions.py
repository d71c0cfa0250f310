"""The questions by which a library's targets are judged: its tags in words, shortened captions, pictures with a tag.

Knows an encoder by its protocol; knows no database.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from encoder.protocol import Encoder
from evaluation.stored import Pictured, drawn
from evaluation.targets import BELOW_ALL, Asked

FEWEST_WORDS = 4
"""Captions of fewer words are not shortened."""


def ask_targets(
    pictured: Pictured,
    encoder: Encoder,
    weights: Mapping[str, Mapping[str, float]],
    questions: int,
    rng: np.random.Generator,
) -> tuple[list[Asked], list[str]]:
    """The kinds of question that this library can judge targets by, and a sentence for each that it cannot.

    A whole caption cannot ask here: it would find its own `caption` vector.
    """
    asked, why = [], []
    half = len(pictured.uuids) / 2
    tags = {tag: pictures for tag, pictures in pictured.by_tag().items() if len(pictures) <= half}
    short = {shorter: own for text, own in pictured.by_caption().items() if (shorter := shortened(text, rng))}
    texts = {
        "tags ask in words": (tags, "tags that at most half of the pictures bear"),
        "captions ask with half of their words": (short, f"captions of at least {FEWEST_WORDS} words"),
    }
    for title, (found, needed) in texts.items():
        if len(found) < 2:
            why.append(f"Targets are not judged where {title}: there are {len(found)} {needed}, 2 are needed.")
            continue
        chosen = drawn(list(found.items()), questions, rng)
        vectors = encoder.encode_texts([text for text, _ in chosen])
        cosines = {name: vectors @ pictured.vectors[name].T for name in weights["text"]}
        asked.append(Asked(title, cosines, [pictures for _, pictures in chosen], weights["text"]))
    alike = _alike(tags)
    title = "pictures ask for those that share a tag"
    if len(alike) < 2:
        why.append(f"Targets are not judged where {title}: {len(alike)} pictures share one.")
        return asked, why
    items = drawn(list(alike.items()), questions, rng)
    rows = np.array([row for row, _ in items])
    cosines = {name: pictured.vectors[name][rows] @ pictured.vectors[name].T for name in weights["item"]}
    for matrix in cosines.values():
        matrix[np.arange(len(rows)), rows] = BELOW_ALL
    asked.append(Asked(title, cosines, [sorted(others) for _, others in items], weights["item"]))
    return asked, why


def shortened(caption: str, rng: np.random.Generator) -> str:
    """A random half of the words in their order, as a person remembers a picture; "" for a caption of few words."""
    words = caption.split()
    if len(words) < FEWEST_WORDS:
        return ""
    return " ".join(words[place] for place in sorted(rng.choice(len(words), len(words) // 2, replace=False)))


def _alike(tags: Mapping[str, Sequence[int]]) -> dict[int, set[int]]:
    """Picture -> the others that share a tag with it, where there are any."""
    found: dict[int, set[int]] = {}
    for pictures in tags.values():
        for row in pictures if len(pictures) > 1 else ():
            found.setdefault(row, set()).update(pictures)
    return {row: others - {row} for row, others in found.items()}
