"""Keeps what is known of a library from one question to the next: the candidates' records and vectors, and its space.

Weaviate finds candidates by uuid and says when each was last written; what is held of a picture is valid as long as
that time is the same. So other processes may write, and an object that was removed and put again is read again.
The space, and how unrelated questions fare in it, is read once, and again in the background when the library changed.
"""

import logging
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, repeat
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from encoder.protocol import Embeddings
from errors import SchemaError, SearchError, first_line
from schema.collection import Pictures
from schema.patience import reading
from schema.record import ImageRecord, from_properties
from search.index import CHUNK, LibraryVersion, Near, PictureIndex, Stored, library_version
from search.relevance import Background
from search.results import STORED, Known, pairs_of, text_properties
from search.scoring import LibrarySpace

RECORD_BYTES = 3000
"""What one record and its facets take, about: measured with 20,000 synthetic ones (`benchmarks.search`)."""
SPARED = 20
"""One in so many of the held pictures, those that were candidates the longest time ago, goes when there is no room."""
PAGE = 100
"""Objects that are read at once in the background."""
AGAIN_S = 30.0
"""How soon a library that changes all the time is read in advance again."""
QUIET_S = 0.3
"""How long nobody must have asked before the next page is read in the background."""
SAMPLE = 2000
"""Pictures that the library's space is estimated from."""
LOOK_AGAIN_S = 5.0
"""How often the library is asked whether it changed."""
FACTS = np.dtype([("updated", "i8"), ("hash", "u8"), ("hashed", "?"), ("captioned", "?")])
"""Of one picture: when it was last written, its perceptual hash, whether it has one, whether it has a caption."""
HASH = re.compile("[0-9a-fA-F]{16}")
NOBODY = Known(ImageRecord("", (), 0, 0, 0, ""), False, (), ())
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidates:
    """n pictures: row i of all belongs to one. Zeros are the vector of an object that another program stored without:
    it is like nothing."""

    ids: Sequence[bytes]
    values: NDArray[np.float64]
    """Weaviate's own: the weighted sum of the probes' cosines, or a fused score."""
    vectors: Mapping[str, Embeddings]
    """By target, (n, dim)."""
    facts: NDArray[np.void]
    """Rows of FACTS."""
    known: Sequence[Known]


class PictureCache:
    """Thread-safe. Holds at most about `megabytes`."""

    def __init__(self, index: PictureIndex, megabytes: float) -> None:
        self._index = index
        dims = index.pictures.identity.dims
        self._most = int(megabytes * 2**20 / (RECORD_BYTES + 4 * sum(dims.values())))
        # Row 0 is that of pictures that are not held.
        self._vectors = {name: np.zeros((self._most + 1, dim), np.float32) for name, dim in dims.items()}
        self._facts = np.zeros(self._most + 1, FACTS)
        self._used = np.zeros(self._most + 1, np.int64)
        """The number of the last question that a picture was a candidate of."""
        self._known: list[Known] = [NOBODY]
        self._ids: list[bytes] = [b""]
        self._rows: dict[bytes, int] = {}
        self._spare: list[int] = []
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._no_pictures: set[UUID] = set()
        self._questions = 0
        self._asked_at = 0.0
        self._read_at = -AGAIN_S
        """When the library was last read in advance."""
        self._lock = threading.Lock()
        self._prefetching = threading.Lock()

    def candidates(self, near: Near, names: Iterable[str]) -> Candidates:
        """What was found, with some vectors. What is not held, or is out of date, is read; what was removed since is
        left out."""
        self._asked_at = time.monotonic()
        with self._lock:
            self._questions += 1
            rows = np.fromiter(map(self._rows.get, near.ids, repeat(0)), np.intp, len(near.ids))
            self._used[rows] = self._questions
            facts = self._facts[rows]
            vectors = {name: self._vectors[name][rows] for name in names}
            known = [self._known[row] for row in rows.tolist()]
        there = facts["updated"] == near.updated
        found = Candidates(near.ids, near.values, vectors, facts, known)
        if missing := {near.ids[place]: place for place in np.flatnonzero(~there).tolist()}:
            found = self._completed(found, missing, there)
        self._asked_at = time.monotonic()
        return found

    def _completed(self, found: Candidates, missing: Mapping[bytes, int], there: NDArray[np.bool_]) -> Candidates:
        """With what is read of those that are missing, page by page, so that little of it is in memory twice."""
        known = list(found.known)
        read = self._index.fetch([UUID(bytes=key) for key in missing], self._properties())
        while page := list(islice(read, PAGE)):
            for stored, one in self.hold(page):
                place = missing[stored.uuid.bytes]
                known[place], found.facts[place], there[place] = one, _facts(stored, one), True
                for name, matrix in found.vectors.items():
                    matrix[place] = stored.vectors.get(name, 0.0)
        kept = np.flatnonzero(there)
        if len(kept) == len(known):
            return replace(found, known=known)
        vectors = {name: matrix[kept] for name, matrix in found.vectors.items()}
        ids = [found.ids[place] for place in kept.tolist()]
        return Candidates(
            ids, found.values[kept], vectors, found.facts[kept], [known[place] for place in kept.tolist()]
        )

    def __len__(self) -> int:
        return len(self._rows)

    def hold(self, stored: Iterable[Stored], *, in_place_of_others: bool = True) -> list[tuple[Stored, Known]]:
        """Those of them that are whole: an object that another program stored without what a record needs, or with
        vectors of other dimensions, is left out."""
        names = text_properties()
        found = [(one, known) for one in stored if (known := self._known_of(one, names)) is not None]
        with self._lock:
            for one, known in found:
                key = one.uuid.bytes
                row = self._rows.get(key)
                if row is None and (row := self._free_row(in_place_of_others)) is None:
                    break
                for name, matrix in self._vectors.items():
                    matrix[row] = one.vectors.get(name, 0.0)
                self._facts[row], self._used[row] = _facts(one, known), self._questions
                self._known[row], self._ids[row], self._rows[key] = known, key, row
        return found

    def prefetch(self) -> None:
        """Read the library in the background as far as there is room, while nobody asks, and AGAIN_S after the last
        time at the earliest. Begun again when the library has changed: what was held is read once more."""
        if self._most and self._prefetching.acquire(blocking=False):
            work = threading.Thread(target=_prefetch, args=(weakref.ref(self),), name="reads pictures", daemon=True)
            work.start()

    def _properties(self) -> list[Any]:
        stored = {*text_properties().values(), *STORED} & self._index.pictures.properties
        record = self._index.pictures.record_properties
        return [*record, *sorted(stored - {one for one in record if isinstance(one, str)})]

    def _known_of(self, stored: Stored, names: Mapping[str, str]) -> Known | None:
        properties, dims = stored.properties, self._index.pictures.identity.dims
        wrong = [name for name, vector in stored.vectors.items() if name in dims and vector.shape != (dims[name],)]
        try:
            record = from_properties(properties)
        except (TypeError, ValueError) as error:
            wrong.append(first_line(error))
        if wrong:
            with self._lock:
                new = stored.uuid not in self._no_pictures
                self._no_pictures.add(stored.uuid)
            if new:
                log.warning("The object %s in Weaviate is no picture of Loupe's: %s", stored.uuid, ", ".join(wrong))
            return None
        pairs = tuple(self._pairs.setdefault(pair, pair) for pair in pairs_of(properties, names))
        return Known(record, bool(properties.get("captioned")), pairs, tuple(properties.get("roots") or ()))

    def _free_row(self, in_place_of_others: bool) -> int | None:
        if self._spare:
            return self._spare.pop()
        if len(self._known) <= self._most:
            self._known.append(NOBODY)
            self._ids.append(b"")
            return len(self._known) - 1
        if not in_place_of_others or not self._most:
            return None
        some = max(self._most // SPARED, 1)
        oldest = (np.argpartition(self._used[1:], some - 1)[:some] + 1).tolist()
        for row in oldest:
            self._rows.pop(self._ids[row], None)
        self._spare = oldest
        return self._spare.pop()


def union(found: Sequence[Near]) -> Near:
    """Every object once, as the first search that found it has it."""
    if len(found) == 1:
        return found[0]
    ids = [key for one in found for key in one.ids]
    first = list({key: row for row, key in reversed(list(enumerate(ids)))}.values())
    values, updated = (
        np.concatenate(parts)[first] for parts in zip(*((one.values, one.updated) for one in found), strict=True)
    )
    return Near([ids[row] for row in first], values, updated)


def hash_of(text: str) -> int | None:
    """A perceptual hash of 16 hex digits; None for what is none."""
    return int(text, 16) if HASH.fullmatch(text) else None


def _facts(stored: Stored, known: Known) -> tuple[int, int, bool, bool]:
    number = hash_of(known.record.phash)
    return stored.updated, number or 0, number is not None, known.captioned


def _prefetch(reference: "weakref.ref[PictureCache]") -> None:
    """Holds the cache no longer than for a page, so that one that nobody uses any more is freed."""
    cache = reference()
    if cache is None:
        return
    prefetching = cache._prefetching
    try:
        index = PictureIndex(cache._index.pictures, reading())  # a failure here is no question's
        pages, begins = index.pages(PAGE, cache._properties()), cache._read_at + AGAIN_S
        while cache is not None:
            wait_s = max(cache._asked_at + QUIET_S, begins) - time.monotonic()
            if wait_s > 0:
                del cache
                time.sleep(min(wait_s, 1.0))
            else:
                started = time.monotonic()
                page = next(pages, [])
                if not page or len(cache) == cache._most:
                    return
                cache.hold(page, in_place_of_others=False)
                del cache, page
                time.sleep(time.monotonic() - started)
            cache = reference()
    except Exception as error:  # whatever a connection raises that is closed meanwhile
        log.info("the library was not read in advance: %s", error)
    finally:
        if (cache := reference()) is not None:
            cache._read_at = time.monotonic()
        prefetching.release()


def read_space(index: PictureIndex, count: int) -> LibrarySpace:
    """From `SAMPLE` pictures with every vector, the first by uuid and so a random sample; `count`: how many pictures
    there are. Raises what `PictureIndex` raises."""
    dims = index.pictures.identity.dims
    found: list[Stored] = []
    for page in index.pages(CHUNK, ["captioned"]):
        found += [one for one in page if all(name in one.vectors for name in dims)]
        if len(found) >= SAMPLE:
            break
    found = found[:SAMPLE]
    rows = {
        name: np.array([one.vectors[name] for one in found], np.float32).reshape(-1, dim) for name, dim in dims.items()
    }
    captioned = [bool(one.properties.get("captioned")) for one in found]
    return LibrarySpace.of(rows, captioned, count, [one.uuid for one in found])


@dataclass(frozen=True)
class Library:
    """What one question knows of its library: read once, so that all of it is weighed by the same."""

    space: LibrarySpace
    background: Background


class Refreshed:
    """Thread-safe. `derive` makes what is kept from the library's version; it may take a second."""

    def __init__(self, pictures: Pictures, derive: Callable[[LibraryVersion], Library]) -> None:
        self._pictures = pictures
        self._derive = derive
        self._known: Library | None = None
        self._version: LibraryVersion | None = None
        self._looked = 0.0
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    def get(self) -> Library:
        """The first call waits; later ones give what is known, and have it renewed where it is out of date."""
        with self._lock:
            if self._known is None:
                return self._read()
            if time.monotonic() - self._looked > LOOK_AGAIN_S and self._reading.acquire(blocking=False):
                self._looked = time.monotonic()
                threading.Thread(target=self._renew, daemon=True, name="renews the library's space").start()
            return self._known

    def _renew(self) -> None:
        try:
            version = library_version(self._pictures)
            if version != self._version:
                known = self._derive(version)
                with self._lock:
                    self._known, self._version = known, version
        except (SchemaError, SearchError) as error:
            log.info("the library's space was not renewed: %s", error)
        except Exception as error:  # a ValueError of gRPC's where the connection is closed meanwhile
            log.warning("the library's space was not renewed: %r", error)
        finally:
            self._reading.release()

    def _read(self) -> Library:
        version = library_version(self._pictures)
        known = self._derive(version)
        self._known, self._version, self._looked = known, version, time.monotonic()
        return known
