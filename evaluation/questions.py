"""The questions by which a library's targets are judged: its tags in words, shortened captions, pictures with a tag."""

from collections.abc import Mapping

import numpy as np

from encoder.protocol import Encoder
from evaluation.stored import Pictured, drawn
from evaluation.targets import BELOW_ALL, Asked

FEWEST_WORDS = 4
"""Captions of fewer words are not shortened."""
SAME_AUTHOR = "These words were written by whoever wrote the captions, which favours the target caption."


def ask_targets(
    pictured: Pictured,
    encoder: Encoder,
    weights: Mapping[str, Mapping[str, float]],
    questions: int,
    rng: np.random.Generator,
) -> tuple[list[Asked], list[str]]:
    """The kinds of question that this library can judge targets by, and a sentence for each that it cannot.

    A whole caption cannot ask here: it would find its own `caption` vector. A tag that more than half of the pictures
    bear tells nothing.
    """
    asked, why = [], []
    half = len(pictured.uuids) / 2
    tags = {tag: set(pictures) for tag, pictures in pictured.by_tag().items() if len(pictures) <= half}
    in_words = {
        "tags ask in words": (tags, "tags that at most half of the pictures bear"),
        "captions ask with half of their words": (
            _shortened_captions(pictured, rng),
            f"captions of at least {FEWEST_WORDS} words",
        ),
    }
    for title, (found, needed) in in_words.items():
        if len(found) < 2:
            why.append(f"Targets are not judged where {title}: there are {len(found)} {needed}, 2 are needed.")
            continue
        chosen = drawn(list(found.items()), questions, rng)
        vectors = encoder.encode_texts([text for text, _ in chosen])
        cosines = {name: vectors @ pictured.vectors[name].T for name in weights["text"]}
        asked.append(Asked(title, cosines, [pictures for _, pictures in chosen], weights["text"], SAME_AUTHOR))
    title, alike = "pictures ask for those that share a tag", _alike(tags)
    if len(alike) < 2:
        return asked, [*why, f"Targets are not judged where {title}: {len(alike)} pictures share one."]
    items = drawn(list(alike.items()), questions, rng)
    rows = np.array([row for row, _ in items])
    cosines = {name: pictured.vectors[name][rows] @ pictured.vectors[name].T for name in weights["item"]}
    for matrix in cosines.values():
        matrix[np.arange(len(rows)), rows] = BELOW_ALL
    asked.append(Asked(title, cosines, [others for _, others in items], weights["item"]))
    return asked, why


def shortened(caption: str, rng: np.random.Generator) -> str:
    """A random half of the words in their order, as a person remembers a picture; "" for a caption of few words."""
    words = caption.split()
    if len(words) < FEWEST_WORDS:
        return ""
    return " ".join(words[place] for place in sorted(rng.choice(len(words), len(words) // 2, replace=False)))


def _shortened_captions(pictured: Pictured, rng: np.random.Generator) -> dict[str, set[int]]:
    """What is left of two captions can be the same; the pictures of both answer it then."""
    found: dict[str, set[int]] = {}
    for caption, pictures in pictured.by_caption().items():
        if short := shortened(caption, rng):
            found.setdefault(short, set()).update(pictures)
    return found


def _alike(tags: Mapping[str, set[int]]) -> dict[int, set[int]]:
    """Picture -> the others that share a tag with it, where there are any."""
    found: dict[int, set[int]] = {}
    for pictures in tags.values():
        for row in pictures if len(pictures) > 1 else ():
            found.setdefault(row, set()).update(pictures)
    return {row: others - {row} for row, others in found.items()}
