"""Judge how near-duplicates are distinguished from what is only alike: copies made of the library's pictures, and all
pairs of different ones.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from encoder.protocol import Encoder
from errors import EvaluationError
from evaluation.library import Gathered
from evaluation.tables import grid, table
from pictures.looks import perceptual_hash
from search.ranking import TARGET, Sameness

Array = NDArray[np.float64]
Test = Callable[..., NDArray[np.bool_]]
"""Bits that differ, cosine of TARGET, cosine of image, (pairs,) each -> which are near-duplicates."""
BATCH = 16
LEAST_COPIED = 10
SEARCHS = "hash and look (the search's)"
NAMED = 20
"""Pairs named one by one."""


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(io.BytesIO(data.getvalue())).convert("RGB")


def _cropped(image: Image.Image, share: float, left: float = 0.5, top: float = 0.5) -> Image.Image:
    """`share` of each side away, so much of it on the left and at the top."""
    x, y = int(image.width * share * left), int(image.height * share * top)
    width, height = max(1, int(image.width * (1 - share))), max(1, int(image.height * (1 - share)))
    return image.crop((x, y, x + width, y + height))


def _shrunk(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))))


COPIES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "half the size": lambda image: _shrunk(image, 0.5),
    "JPEG 50": lambda image: _jpeg(image, 50),
    "half the size, JPEG 30": lambda image: _jpeg(_shrunk(image, 0.5), 30),
    "5 % cut off": lambda image: _cropped(image, 0.05),
    "10 % cut off": lambda image: _cropped(image, 0.1),
    "15 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "30 % less colour": lambda image: ImageEnhance.Color(image).enhance(0.7),
    "as in a burst": lambda image: _jpeg(ImageEnhance.Brightness(_cropped(image, 0.06, 0.2, 0.8)).enhance(0.95), 80),
}
"""What people's near-duplicates are; a burst: moved a little, a little darker, saved by the camera."""


@dataclass(frozen=True)
class Rule:
    """Near-duplicates by figures of a pair: bits that differ, cosine of TARGET, cosine of image."""

    recall: float
    """The share of the copies that it finds."""
    by_kind: Mapping[str, float]
    wrong: int
    """Pairs of different pictures that it joins."""
    precision: float
    """Of the pairs that it joins in a library that holds the pictures copied from, one copy of each kind, and all
    others: the share that are copies."""


@dataclass(frozen=True)
class CopyFigures:
    pictures: int
    copies: int
    pairs: int
    """Of different pictures."""
    distance: float
    """Of Sameness.of this library."""
    rules: Mapping[str, Rule]
    joined: tuple[str, ...]
    """The pairs of different pictures that the search's rule joins, by their captions."""


def judge_copies(gathered: Gathered, encoder: Encoder) -> CopyFigures:
    """Raises EvaluationError where there are too few pictures to copy. Pairs whose vectors and hashes are equal are the
    same drawing under two names, and are not judged."""
    rows = [row for row in gathered.pixels if gathered.phashes[row]]
    if len(rows) < LEAST_COPIED:
        raise EvaluationError(f"Only {len(rows)} pictures can be copied to judge near-duplicates by; give more.")
    look, image = gathered.vectors[TARGET], gathered.vectors["image"]
    hashes = _numbers(gathered.phashes)
    known = np.array([bool(text) for text in gathered.phashes])
    parts: dict[str, Array] = {}
    for kind, make in COPIES.items():
        made = [make(gathered.pixels[row]) for row in rows]
        encoded = [encoder.encode_images(made[start : start + BATCH]) for start in range(0, len(made), BATCH)]
        theirs = {name: np.concatenate([one[name] for one in encoded]) for name in ("image", TARGET)}
        copied = _numbers([perceptual_hash(one) or "f" * 16 for one in made])
        cosines = [(theirs[name] * gathered.vectors[name][rows]).sum(axis=1) for name in (TARGET, "image")]
        parts[kind] = _pairs(copied ^ hashes[rows], *cosines)
    left, right = np.triu_indices(len(hashes), 1)
    pairs = _pairs(hashes[left] ^ hashes[right], (look @ look.T)[left, right], (image @ image.T)[left, right])
    judged = known[left] & known[right] & ~((pairs[:, 0] == 0) & (pairs[:, 1] > 0.995))
    left, right, pairs = left[judged], right[judged], pairs[judged]
    sameness = Sameness.of(gathered.space)
    tests = _tests(sameness)
    wrong = np.flatnonzero(tests[SEARCHS](*pairs.T))
    captions = gathered.pictured.captions
    names = tuple(f"{captions[left[i]] or '?'} / {captions[right[i]] or '?'}" for i in wrong)
    count = sum(len(part) for part in parts.values())
    rules = {name: _rule(test, parts, pairs) for name, test in tests.items()}
    return CopyFigures(len(rows), count, len(pairs), sameness.distance, rules, names)


def _tests(sameness: Sameness) -> dict[str, Test]:
    return {
        SEARCHS: lambda bits, look, image: bits / sameness.bits + (1 - look) / sameness.distance <= 1,
        "hash alone, 8 bits": lambda bits, look, image: bits <= 8,
        "hash alone, 12 bits": lambda bits, look, image: bits <= 12,
        "look alone, .90": lambda bits, look, image: look >= 0.9,
        "image alone, .95": lambda bits, look, image: image >= 0.95,
        "image .93 and 14 bits": lambda bits, look, image: (image >= 0.93) & (bits <= 14),
    }


def _rule(test: Test, parts: Mapping[str, Array], pairs: Array) -> Rule:
    by_kind = {kind: float(test(*part.T).mean()) for kind, part in parts.items()}
    hits, wrong = sum(int(test(*part.T).sum()) for part in parts.values()), int(test(*pairs.T).sum())
    return Rule(float(np.mean(list(by_kind.values()))), by_kind, wrong, hits / max(hits + wrong, 1))


def _pairs(different: NDArray[np.uint64], *cosines: NDArray[np.floating]) -> Array:
    """(pairs, 3): bits that differ, cosine of TARGET, cosine of image."""
    return np.stack([np.bitwise_count(different), *cosines], axis=1).astype(np.float64)


def _numbers(phashes: Any) -> NDArray[np.uint64]:
    return np.array([int(text, 16) if text else 0 for text in phashes], dtype=np.uint64)


def copies_text(copies: CopyFigures) -> str:
    rows = [["rule", "copies found", "wrong pairs", "precision"]]
    for name, rule in copies.rules.items():
        rows.append([name, f"{rule.recall:.3f}", str(rule.wrong), f"{rule.precision:.3f}"])
    own = next(iter(copies.rules.values()))
    kinds = grid(["copy", "found"], {kind: [own.by_kind[kind]] for kind in COPIES})
    named = "; ".join(copies.joined[:NAMED]) or "none"
    return (
        f"Near-duplicates: {copies.copies} copies of {copies.pictures} pictures, {copies.pairs:,} pairs of different "
        f"ones; distance {copies.distance:.3f}\n{table(rows)}\n\n{kinds}\n"
        f"Wrong pairs of the search's rule: {named}"
    )
