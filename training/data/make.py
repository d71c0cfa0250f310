"""Make pictures, pairs.jsonl and manifest.json from sources by name.

Killed anywhere and called again, only what is missing is done, and the result is the same.
"""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from errors import CannotWrite, TrainingError
from training.atomic import write_text
from training.data.concepts import SAME_CONCEPT, IntArray, find_concepts, split_concepts
from training.data.drawings import Drawing
from training.data.packages import SourceMissing, licence_of, version_of
from training.data.pairs import PAIRS, Manifest, PicturePair, SourceReport, pair_lines, picture_path, write_manifest
from training.data.rendered import render_missing
from training.data.sources import EXPECTED, WORDS, Words, package_of, read_source
from training.data.svg import SIDE, Unrenderable
from training.data.words import phrases_of
from training.specialists.views import Towers

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
Groups = dict[str, list[Drawing]]
"""SHA-256 of a picture -> all drawings that gave it, the first of them its owner."""
log = logging.getLogger(__name__)
SHARES = {"test": 0.12, "dev": 0.10}
SEED = 0


def make_data(
    cache: Path,
    sources: Sequence[str] | None = None,
    progress: bool = True,
    embed: Embed | None = None,
    workers: int | None = None,
) -> Manifest:
    """Fill <cache>/training/data; `cache` is Loupe's cache folder. Sources that cannot be had are in the manifest.

    `embed`: captions -> unit vectors; the specialists' sentence model when None. Raises TrainingError: an unknown
    source, none that can be had, a disk that is full.
    """
    names = list(dict.fromkeys(EXPECTED if sources is None else sources))
    if unknown := [name for name in names if name not in EXPECTED]:
        raise TrainingError(f"There is no source {unknown[0]!r}. There are: {', '.join(EXPECTED)}.")
    folder = cache / "training" / "data"
    try:
        known = Words(cache)
        drawings, reports = _gather(cache, names, known, progress)
        svgs = [drawing.svg for drawing in drawings]
        results = render_missing(folder, svgs, workers or os.cpu_count() or 1, progress)
        groups = _group(drawings, results, reports)
        captions = sorted({drawing.caption for group in groups.values() for drawing in group})
        vectors = embed(captions) if embed else Towers(cache).encode_phrases(captions, "captions" if progress else None)
        concepts = find_concepts(vectors, _joined(groups, captions))
        sides = split_concepts(concepts, captions, SHARES, SEED)
        places = {c: (int(concept), side) for c, concept, side in zip(captions, concepts, sides, strict=True)}
        pairs = [_pair(folder, sha, group, places, reports, known) for sha, group in groups.items()]
        manifest = _account(pairs, groups, concepts, sides, reports, _account_words(groups, known))
        write_text(folder / PAIRS, pair_lines(pairs))
        write_manifest(folder, manifest)
    except OSError as error:
        raise CannotWrite(
            f"The pairs cannot be written to {folder}: {error.strerror or error}. Free some space or make it "
            "writable, and start again; what was done stays."
        ) from None
    return manifest


def _gather(
    cache: Path, names: Sequence[str], known: Words, progress: bool
) -> tuple[list[Drawing], dict[str, SourceReport]]:
    """Every drawing that can be had; what cannot is named in its report, and logged before the long part, so that one
    may stop there."""
    drawings: list[Drawing] = []
    reports: dict[str, SourceReport] = {}
    for name in (bar := tqdm(names, "sources", unit="", leave=False, disable=None if progress else True)):
        bar.set_postfix_str(name)
        report = reports[name] = SourceReport(package_of(name))
        try:
            package, contents = read_source(name, cache, known)
        except SourceMissing as missing:
            report.missing = str(missing)
            report.share = round(EXPECTED[name] / sum(EXPECTED[n] for n in names), 4)
            continue
        report.version, report.licence, report.author = version_of(package), contents.licence, contents.author
        report.left_out = dict(sorted(contents.left_out.items()))
        report.found = len(contents.drawings) + contents.left_out.total()
        drawings += contents.drawings
    if not drawings:
        raise TrainingError("\n".join([*(report.missing for report in reports.values()), "No source can be had."]))
    for words in known.missing.values():
        log.warning("Without words of %s: %s", words.name, words)
    for name, report in reports.items():
        if report.missing:
            log.warning("Without %s, %.1f %% of the pictures expected: %s", name, 100 * report.share, report.missing)
    return drawings, reports


def _group(
    drawings: Iterable[Drawing], results: dict[str, str | Unrenderable], reports: dict[str, SourceReport]
) -> Groups:
    groups: Groups = {}
    failed = {name: Counter[str]() for name in reports}
    for drawing in drawings:
        result = results[drawing.svg]
        if isinstance(result, Unrenderable):
            failed[drawing.source][str(result)] += 1
        else:
            groups.setdefault(result, []).append(drawing)
            if len(groups[result]) > 1:
                failed[drawing.source]["the same picture as another drawing"] += 1
    for name, reasons in failed.items():
        reports[name].left_out |= dict(sorted(reasons.items()))
    if not groups:
        raise TrainingError("No drawing could be rendered; the first reason: " + str(next(iter(results.values()))))
    return groups


def _joined(groups: Groups, captions: Sequence[str]) -> list[tuple[int, int]]:
    """Captions that are one concept although their words differ: of one picture, or of one emoji."""
    index = {caption: number for number, caption in enumerate(captions)}
    pairs = {(group[0].caption, other.caption) for group in groups.values() for other in group[1:]}
    named: dict[str, str] = {}
    for drawing in (drawing for group in groups.values() for drawing in group if drawing.code):
        pairs.add((named.setdefault(drawing.code or "", drawing.caption), drawing.caption))
    return sorted((index[one], index[other]) for one, other in pairs if one != other)


def _pair(
    folder: Path,
    sha256: str,
    group: Sequence[Drawing],
    places: Mapping[str, tuple[int, str]],
    reports: Mapping[str, SourceReport],
    known: Words,
) -> PicturePair:
    """`places`: caption -> its concept and its side of the split."""
    first = group[0]
    concept, side = places[first.caption]
    further = [drawing.caption for drawing in group[1:]]
    keywords = [keyword for drawing in group for keyword in drawing.keywords]
    return PicturePair(
        sha256=sha256,
        source=first.source,
        name=first.name,
        concept=concept,
        code=next((drawing.code for drawing in group if drawing.code), None),
        split=side,  # type: ignore[arg-type]
        phrases=tuple(phrases_of(first.caption, further, keywords, known.gloss_of)),
        licence=reports[first.source].licence,
        path=picture_path(folder, sha256),
    )


def _account(
    pairs: Sequence[PicturePair],
    groups: Groups,
    concepts: IntArray,
    sides: Sequence[str],
    reports: dict[str, SourceReport],
    words: dict[str, SourceReport],
) -> Manifest:
    taken = Counter(pair.source for pair in pairs)
    for name, report in reports.items():
        report.pictures = taken[name]
        report.share = report.share if report.missing else round(taken[name] / len(pairs), 4)
    sizes = np.bincount(concepts)
    return Manifest(
        side=SIDE,
        seed=SEED,
        same_concept=SAME_CONCEPT,
        pictures=len(pairs),
        captions=len(sides),
        concepts=len(sizes),
        largest_concepts=sorted(map(int, sizes), reverse=True)[:5],
        split_pictures=dict(sorted(Counter(pair.split for pair in pairs).items())),
        split_captions=dict(sorted(Counter(sides).items())),
        phrases_per_picture=round(float(np.mean([len(pair.phrases) for pair in pairs])), 2),
        duplicates=sum(len(group) - 1 for group in groups.values()),
        duplicates_joining_captions=sum(len({d.caption for d in group}) > 1 for group in groups.values()),
        sources=reports,
        words=words,
    )


def _account_words(groups: Groups, known: Words) -> dict[str, SourceReport]:
    gave = {
        "wordnet-base": sum(known.gloss_of(group[0].caption) is not None for group in groups.values()),
        "emojibase-data": sum(any(drawing.keywords and drawing.code for drawing in group) for group in groups.values()),
    }
    reports = {}
    for name, package in WORDS.items():
        report = reports[name] = SourceReport(package, missing=str(known.missing.get(name, "")))
        if (folder := known.packages.get(name)) is not None:
            report.version, report.licence = version_of(folder), licence_of(folder)
            report.pictures, report.share = gave[name], round(gave[name] / len(groups), 4)
    return reports
