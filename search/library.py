"""Keeps what is known of a library while it is asked: its space, and how unrelated questions fare in it. It is read
once, and again in the background when the library has changed. Embeddings of the bank lie in a file: encoding them
takes seconds."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar
from zipfile import BadZipFile

import numpy as np

from encoder.protocol import Encoder
from errors import SchemaError, SearchError
from host.files import write_whole
from host.folders import explain
from schema.collection import Pictures
from search.calibration import LibrarySpace
from search.index import CHUNK, LibraryVersion, PictureIndex, Stored, library_version
from search.relevance import Background, Bank, sensible_texts, unrelated_texts

SAMPLE = 2000
LOOK_AGAIN_S = 5.0
"""How often the library is asked whether it changed."""
Known = TypeVar("Known")
log = logging.getLogger(__name__)


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


class Refreshed(Generic[Known]):
    """Thread-safe. `derive` makes what is kept from the library's version; it may take a second."""

    def __init__(self, pictures: Pictures, derive: Callable[[LibraryVersion], Known]) -> None:
        self._pictures = pictures
        self._derive = derive
        self._known: Known | None = None
        self._version: LibraryVersion | None = None
        self._looked = 0.0
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    def get(self) -> Known:
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

    def _read(self) -> Known:
        version = library_version(self._pictures)
        known = self._derive(version)
        self._known, self._version, self._looked = known, version, time.monotonic()
        return known


@dataclass(frozen=True)
class ThresholdOptions:
    """How the line under likely hits is drawn."""

    false_alarm: float = 0.01
    """The share of unrelated questions that may find something likely."""
    folder: Path | None = None
    """Where the bank's embeddings are kept; None: nowhere."""


def keep_bank(encoder: Encoder, folder: Path | None) -> Bank:
    """From the file, or encoded and written there."""
    if folder is None:
        return Bank.encode(encoder)
    texts = hashlib.sha256("\n".join([*unrelated_texts(), "", *sensible_texts()]).encode()).hexdigest()
    path = folder / f"{encoder.identity.id}-{texts[:8]}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Bank(arrays["unrelated"], arrays["sensible"])
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        log.info("%s cannot be read (%s); the bank is encoded again", path, error)
    bank = Bank.encode(encoder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda part: _save(part, bank), sync=False)
    except OSError as error:
        log.info("the bank is encoded again next time: %s", explain(error, path))
    return bank


def _save(path: Path, bank: Bank) -> None:
    with path.open("wb") as output:  # to a name, numpy would add its suffix
        np.savez(output, allow_pickle=False, unrelated=bank.unrelated, sensible=bank.sensible)
