"""Keeps what is known of a library's space while it is asked: read once, and again in the background when the library
has changed. Knows no question."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from errors import SchemaError, SearchError
from schema.collection import Pictures
from search.calibration import LibrarySpace
from search.vectors import LibraryVersion, library_version, read_sample

SAMPLE = 2000
LOOK_AGAIN_S = 5.0
"""How often the library is asked whether it changed."""
Known = TypeVar("Known")
log = logging.getLogger(__name__)


def read_space(pictures: Pictures, count: int) -> LibrarySpace:
    """From the first `SAMPLE` pictures by uuid, which are a random sample (invariant I2); `count`: how many there are.
    Raises what `read_vectors` raises."""
    sample = read_sample(pictures, SAMPLE)
    captioned = np.array([bool(properties.get("captioned")) for properties in sample.properties], dtype=bool)
    return LibrarySpace.of(sample.vectors, captioned, count, sample.uuids)


class Keeper(Generic[Known]):
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
