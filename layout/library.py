"""Lay out the library's vectors, with everything the Map colours by; runs in a process of its own.

What is drawn of a library that is too large is the first objects in the order of their uuids: those are hashes, so it
is a random sample, and nearly the same one after more pictures came.
"""

import math
import re
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings
from layout import projection as drawing
from layout.store import NO_UMAP, SPACES, Layout, LayoutStore, Texts, umap_is_there
from schema.collection import Pictures
from search.index import library_version, read_vectors

AT_MOST = 50_000
"""Points; a larger library is sampled."""
CLUSTERS = 10
TITLE = 80
WORDS = 3
"""At most so many words name a cluster."""
LEAST = 0.02
"""Share of a cluster's texts that must hold a word before it may name the cluster."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_COMMON = frozenset(
    "the and with for from that this are was has have its his her their them there into onto over under near next "
    "one two some other behind front side very photo photograph picture image drawing img jpg png".split()
)
PROPERTIES = ("sha256", "caption", "captioned", "tags", "file_name", "paths")
Say = Callable[[str, float], None]
"""A stage and how much of all the work lies behind it, 0 to 1."""


@dataclass
class _Read:
    uuids: list[uuid.UUID] = field(default_factory=list)
    properties: list[Mapping[str, Any]] = field(default_factory=list)
    vectors: list[Embeddings] = field(default_factory=list)
    captions: int = 0
    """The last so many points are captions."""
    without: int = 0


def run_layout(pictures: Pictures, space: str, store: LayoutStore, *, at_most: int = AT_MOST) -> str:
    """Computes and keeps the layout, saying in the store how far it is; what came of it, in lines of text.

    Raises LayoutBusy while another process computes it, and what `lay_out` raises.
    """
    with store.only_one(space) as say:
        layout = lay_out(pictures, space, store, say, at_most=at_most)
    figures = "".join(f", {name} {value:.3f}" for name, value in layout.figures.items())
    explained = f"PCA: {layout.explained.sum():.1%} of the variance on 3 axes"
    missing = [] if len(layout.umap) else [NO_UMAP]
    return "\n".join([f"{SPACES[space]}: {len(layout):,} points, {explained}{figures}", *layout.notes, *missing])


def lay_out(pictures: Pictures, space: str, store: LayoutStore, say: Say, *, at_most: int = AT_MOST) -> Layout:
    """Computes the layout of a space and keeps it: first with PCA alone, which takes seconds, then with UMAP.

    Raises LayoutError for fewer than 3 pictures, and what reading the library raises.
    """
    version = library_version(pictures)
    drawing.check_enough(version.count)
    read = _read(pictures, space, min(version.count, at_most), at_most, say)
    rows = np.concatenate(read.vectors or [np.zeros((0, 1), np.float32)])
    drawing.check_enough(len(rows), "caption" if space == "caption" else "picture")
    say("Finding the main directions (PCA)", 0.35)
    points, axes = drawing.pca(rows, 3)
    say("Finding clusters", 0.4)
    cluster = drawing.clusters(rows, min(CLUSTERS, len(rows) // 3))
    is_caption = np.arange(len(rows)) >= len(rows) - read.captions
    folders, folder = _codes([_folder(p) for p in read.properties])
    tags = [list(p.get("tags") or ()) for p in read.properties]
    tag_names, tag_codes = _codes([tag for some in tags for tag in some])
    say("Asking how far the picture can be trusted", 0.45)
    figures = {"trust_pca2": drawing.trust(rows, points[:, :2]), "trust_pca3": drawing.trust(rows, points)}
    if space == "both" and 0 < read.captions < len(rows):
        figures["gap"] = drawing.modality_gap(rows[~is_caption], rows[is_caption])
    first = Layout(
        space=space,
        version=str(version),
        total=version.count,
        uuids=np.frombuffer(b"".join(key.bytes for key in read.uuids), np.uint8).reshape(-1, 16),
        sha256=np.array([_digest(p) for p in read.properties], np.uint8),
        is_caption=is_caption,
        captioned=np.array([bool(p.get("captioned")) for p in read.properties]),
        titles=Texts.of([_title(p) for p in read.properties]),
        folder=folder,
        folders=folders,
        tags=tag_codes,
        tag_ends=np.cumsum([len(some) for some in tags], dtype=np.int64),
        tag_names=tag_names,
        cluster=cluster,
        clusters=Texts.of(name_clusters(cluster, [_words(p) for p in read.properties])),
        pca=points,
        mean=axes.mean,
        directions=axes.directions,
        explained=axes.explained,
        umap=np.zeros((0, 2), np.float32),
        figures={name: value for name, value in figures.items() if value is not None},
        notes=_notes(version.count, len(rows) - read.captions, read, space, at_most),
        complete=False,
    )
    store.write(first)
    whole = _with_umap(first, rows, say)
    store.write(whole)
    return whole


def name_clusters(cluster: NDArray[np.uint8], texts: Sequence[str]) -> list[str]:
    """A name for every cluster from 0 up: its number and up to three words.

    A word's weight is p·log(p / q), the term it adds to the relative entropy, where p is the share of the cluster's
    texts that hold it and q the share of all texts: frequent here, and rare elsewhere. It must be in at least two of
    the cluster's texts and in a fiftieth of them.

    >>> name_clusters(np.array([0, 0, 1, 1], np.uint8), ["red cat", "a cat", "sea", "blue sea"])
    ['1 · cat', '2 · sea']
    """
    count = int(cluster.max()) + 1 if len(cluster) else 0
    counts: list[Counter[str]] = [Counter() for _ in range(count)]
    for number, text in zip(cluster, texts, strict=True):
        counts[number].update(set(_WORD.findall(text.lower())) - _COMMON)
    sizes = np.bincount(cluster, minlength=count)
    everywhere, whole = sum(counts, Counter()), max(len(texts), 1)
    names = []
    for number, words in enumerate(counts):
        inside = max(int(sizes[number]), 1)
        weights = {
            word: held / inside * math.log(held / inside / (everywhere[word] / whole))
            for word, held in words.items()
            if held >= 2 and held >= inside * LEAST
        }
        best = sorted((w for w in weights if weights[w] > 0), key=lambda w: (-weights[w], w))[:WORDS]
        names.append(f"{number + 1} · {', '.join(best)}" if best else str(number + 1))
    return names


def _with_umap(layout: Layout, rows: Embeddings, say: Say) -> Layout:
    if not umap_is_there():
        return replace(layout, complete=True)
    say("Finding the neighbours of every point (UMAP)", 0.5)
    points = drawing.umap(rows, lambda share: say("Laying the points out (UMAP)", 0.7 + 0.25 * share))
    say("Asking how far the picture can be trusted", 0.95)
    trust = drawing.trust(rows, points)
    figures = layout.figures if trust is None else {**layout.figures, "trust_umap": trust}
    return replace(layout, umap=points, figures=figures, complete=True)


def _read(pictures: Pictures, space: str, count: int, at_most: int, say: Say) -> _Read:
    read = _Read()
    captioned: list[uuid.UUID] = []
    for chunk in read_vectors(pictures, "image" if space == "both" else space, PROPERTIES):
        for key, row, properties in zip(chunk.uuids, chunk.vectors, chunk.properties, strict=True):
            has_words = bool(properties.get("captioned"))
            if space == "caption" and not has_words:
                continue  # its caption vector is its picture's
            room = at_most - len(read.uuids) - len(captioned)
            if room < 1 + (space == "both" and has_words):
                break
            read.uuids.append(key)
            read.properties.append(properties)
            read.vectors.append(row[None])
            if space == "both" and has_words:
                captioned.append(key)
        else:
            read.without += len(chunk.without)
            say(f"Reading {len(read.uuids):,} of {count:,} pictures", 0.3 * len(read.uuids) / max(count, 1))
            continue
        break
    by_key = dict(zip(read.uuids, read.properties, strict=True))
    for chunk in read_vectors(pictures, "caption", only=captioned) if captioned else ():
        read.uuids.extend(chunk.uuids)
        read.properties.extend(by_key[key] for key in chunk.uuids)
        read.vectors.append(chunk.vectors)
        read.captions += len(chunk.uuids)
    return read


def _notes(total: int, shown: int, read: _Read, space: str, at_most: int) -> tuple[str, ...]:
    notes = []
    if len(read.uuids) >= at_most - 1 and shown + read.without < total:
        notes.append(f"The library has {total:,} pictures; {shown:,} of them, chosen by chance, are drawn.")
    elif space == "caption" and shown < total:
        notes.append(f"{total - shown:,} of {total:,} pictures have no caption and are not in this layout.")
    if read.without == 1:
        notes.append("1 object has no such vector (another program stored it) and is not drawn.")
    elif read.without:
        notes.append(f"{read.without:,} objects have no such vector (another program stored them) and are not drawn.")
    return tuple(notes)


def _codes(values: Sequence[str]) -> tuple[Texts, NDArray[np.int32]]:
    """The distinct values, most frequent first, and for each value its place among them."""
    names = [name for name, _ in sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))]
    place = {name: index for index, name in enumerate(names)}
    return Texts.of(names), np.array([place[value] for value in values], np.int32)


def _folder(properties: Mapping[str, Any]) -> str:
    paths = properties.get("paths") or ()
    return str(PurePath(paths[0]).parent) if paths else ""


def _title(properties: Mapping[str, Any]) -> str:
    title = str(properties.get("caption") or properties.get("file_name") or "")
    return title if len(title) <= TITLE else title[: TITLE - 1] + "…"


def _words(properties: Mapping[str, Any]) -> str:
    return " ".join(
        [str(properties.get("caption") or ""), *(properties.get("tags") or ()), PurePath(_folder(properties)).name]
    )


def _digest(properties: Mapping[str, Any]) -> list[int]:
    try:
        digest = bytes.fromhex(str(properties.get("sha256") or ""))
    except ValueError:
        digest = b""
    return list(digest if len(digest) == 32 else bytes(32))
