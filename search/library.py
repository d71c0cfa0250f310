"""Keeps what is known of a library from one question to the next: the candidates' records and vectors, and its space.

Weaviate finds candidates by uuid and says when each was last written; what is held of a picture is valid as long as
that time is the same. So other processes may write, and an object that was removed and put again is read again.
The space, and how unrelated questions fare in it, is read once, and again in the background when the library changed.
"""

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar
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
from search.results import STORED, Pairs, pairs_of, text_properties
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
Kept = TypeVar("Kept")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """A picture without its vectors."""

    record: ImageRecord
    captioned: bool
    facets: Pairs
    roots: tuple[str, ...]


@dataclass(frozen=True)
class Candidates:
    """n pictures: row i of all belongs to one. Zeros are the vector of an object that another program stored without:
    it is like nothing."""

    ids: Sequence[bytes]
    values: NDArray[np.float64]
    """Weaviate's own: the weighted sum of the probes' cosines, or a fused score."""
    vectors: Mapping[str, Embeddings]
    """By target, (n, dim)."""
    known: Sequence[Known]

    @property
    def captioned(self) -> NDArray[np.bool_]:
        return np.array([one.captioned for one in self.known], dtype=bool)


class PictureCache:
    """Thread-safe. Holds at most about `megabytes`."""

    def __init__(self, index: PictureIndex, megabytes: float) -> None:
        self._index = index
        dims = index.pictures.identity.dims
        self._most = int(megabytes * 2**20 / (RECORD_BYTES + 4 * sum(dims.values())))
        self._vectors = {name: np.empty((self._most, dim), np.float32) for name, dim in dims.items()}
        self._updated = np.zeros(self._most, np.int64)
        self._used = np.zeros(self._most, np.int64)
        """The number of the last question that a picture was a candidate of."""
        self._known: list[Known] = []
        self._ids: list[bytes] = []
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

    def candidates(self, found: Sequence[Near], names: Iterable[str]) -> Candidates:
        """What was found, with some vectors: every object once, as its first search has it. What is not held, or is out
        of date, is read; what was removed since is left out."""
        near = found[0]
        if len(found) > 1:
            everything = [key for one in found for key in one.ids]
            first = list({key: row for row, key in reversed(list(enumerate(everything)))}.values())
            values, updated = (
                np.concatenate(parts)[first]
                for parts in zip(*((one.values, one.updated) for one in found), strict=True)
            )
            near = Near([everything[row] for row in first], values, updated)
        n = len(near.ids)
        dims = self._index.pictures.identity.dims
        vectors = {name: np.zeros((n, dims[name]), np.float32) for name in names}
        known: list[Known | None] = [None] * n
        self._asked_at = time.monotonic()
        with self._lock:
            self._questions += 1
            rows = np.fromiter((self._rows.get(key, -1) for key in near.ids), np.intp, n)
            valid = rows >= 0
            valid[valid] = self._updated[rows[valid]] == near.updated[valid]
            held = rows[valid]
            self._used[held] = self._questions
            for name, matrix in vectors.items():
                matrix[valid] = self._vectors[name][held]
            for place, row in zip(np.flatnonzero(valid).tolist(), held.tolist(), strict=True):
                known[place] = self._known[row]
        if missing := {near.ids[place]: place for place in np.flatnonzero(~valid).tolist()}:
            read = self._index.fetch([UUID(bytes=key) for key in missing], self._properties())
            for stored, one in self._held(read):
                place = missing[stored.uuid.bytes]
                known[place] = one
                for name, matrix in vectors.items():
                    if name in stored.vectors:
                        matrix[place] = stored.vectors[name]
        self._asked_at = time.monotonic()
        there = [one for one in known if one is not None]
        if len(there) == n:
            return Candidates(near.ids, near.values, vectors, there)
        kept = [place for place, one in enumerate(known) if one is not None]
        left = {name: matrix[kept] for name, matrix in vectors.items()}
        return Candidates([near.ids[place] for place in kept], near.values[kept], left, there)

    def __len__(self) -> int:
        return len(self._rows)

    def _held(self, stored: Iterator[Stored]) -> Iterator[tuple[Stored, Known]]:
        """What is read, page by page, so that little of it is in memory twice."""
        while page := list(islice(stored, PAGE)):
            yield from self.hold(page)

    def hold(self, stored: Iterable[Stored], *, in_place_of_others: bool = True) -> list[tuple[Stored, Known]]:
        """Those of them that are whole: an object that another program stored without what a record needs, or with
        vectors of other dimensions, is left out."""
        found = [(one, known) for one in stored if (known := self._known_of(one)) is not None]
        with self._lock:
            for one, known in found:
                key = one.uuid.bytes
                row = self._rows.get(key)
                if row is None and (row := self._free_row(in_place_of_others)) is None:
                    break
                for name, matrix in self._vectors.items():
                    matrix[row] = one.vectors.get(name, 0.0)
                self._updated[row], self._used[row] = one.updated, self._questions
                self._known[row], self._ids[row], self._rows[key] = known, key, row
        return found

    def prefetch(self) -> None:
        """Read the library in the background as far as there is room, while nobody asks. Begun again when the library
        has changed: what was held is read once more."""
        if self._most and time.monotonic() > self._read_at + AGAIN_S and self._prefetching.acquire(blocking=False):
            work = threading.Thread(target=_prefetch, args=(weakref.ref(self),), name="reads pictures", daemon=True)
            work.start()

    @property
    def is_full(self) -> bool:
        return len(self._known) == self._most and not self._spare

    def _properties(self) -> list[Any]:
        stored = {*text_properties().values(), *STORED} & self._index.pictures.properties
        record = self._index.pictures.record_properties
        return [*record, *sorted(stored - {one for one in record if isinstance(one, str)})]

    def _known_of(self, stored: Stored) -> Known | None:
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
        pairs = tuple(self._pairs.setdefault(pair, pair) for pair in pairs_of(properties))
        return Known(record, bool(properties.get("captioned")), pairs, tuple(properties.get("roots") or ()))

    def _free_row(self, in_place_of_others: bool) -> int | None:
        if self._spare:
            return self._spare.pop()
        if len(self._known) < self._most:
            self._known.append(None)  # type: ignore[arg-type]  # filled by who asked for the row
            self._ids.append(b"")
            return len(self._known) - 1
        if not in_place_of_others or not self._most:
            return None
        some = max(self._most // SPARED, 1)
        oldest = np.argpartition(self._used, some - 1)[:some].tolist()
        for row in oldest:
            self._rows.pop(self._ids[row], None)
        self._spare = oldest
        return self._spare.pop()


def _prefetch(reference: "weakref.ref[PictureCache]") -> None:
    """Holds the cache no longer than for a page, so that one that nobody uses any more is freed."""
    cache = reference()
    if cache is None:
        return
    prefetching = cache._prefetching
    try:
        index = PictureIndex(cache._index.pictures, reading())  # a failure here is no question's
        pages = index.pages(PAGE, cache._properties())
        while cache is not None:
            wait_s = cache._asked_at + QUIET_S - time.monotonic()
            if wait_s > 0:
                del cache
                time.sleep(wait_s)
            else:
                started = time.monotonic()
                page = next(pages, [])
                if not page or cache.is_full:
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


class Refreshed(Generic[Kept]):
    """Thread-safe. `derive` makes what is kept from the library's version; it may take a second."""

    def __init__(self, pictures: Pictures, derive: Callable[[LibraryVersion], Kept]) -> None:
        self._pictures = pictures
        self._derive = derive
        self._known: Kept | None = None
        self._version: LibraryVersion | None = None
        self._looked = 0.0
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    def get(self) -> Kept:
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
        finally:
            self._reading.release()

    def _read(self) -> Kept:
        version = library_version(self._pictures)
        known = self._derive(version)
        self._known, self._version, self._looked = known, version, time.monotonic()
        return known
