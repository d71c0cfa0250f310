"""What app.py puts together, once in a process, for pages and routes. Knows how none of it is made."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.connection import Connection
from api.links import link
from host.jobs import Job, StatusFile
from layout.store import SPACES, LayoutStore
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from search.results import Hit

SELECTIONS = "/selections/"
MAX_HELD = 500_000
"""Pictures in all the selections that are held; the oldest selection goes first."""


class Selections:
    """What was selected, held for a while by the name in its address: the file is made when that is opened. In memory
    and bounded; a restart forgets it. Thread-safe."""

    def __init__(self, max_held: int = MAX_HELD) -> None:
        self._max_held = max_held
        self._held: OrderedDict[str, tuple[Hit, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def hand_in(self, hits: Sequence[Hit]) -> Callable[[str], str]:
        """The address of each kind of file. The same pictures have the same addresses."""
        text = "".join(f"{hit.uuid}{hit.similarity!r}{hit.relevance!r}" for hit in hits)
        name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        with self._lock:
            self._held[name] = tuple(hits)
            self._held.move_to_end(name)
            while len(self._held) > 1 and sum(map(len, self._held.values())) > self._max_held:
                self._held.popitem(last=False)
        return lambda kind: link(f"{SELECTIONS}{name}/loupe.{kind}")

    def find(self, name: str) -> tuple[Hit, ...] | None:
        with self._lock:
            return self._held.get(name)


@dataclass(frozen=True)
class AppContext:
    connection: Connection
    thumbnails: ThumbnailStore
    ingestion: Job
    roots: Callable[[], Sequence[Path]]
    """The folders that were ingested on this machine: the only ones whose originals are shown."""
    limits: Limits
    """Of the library's own files."""
    upload_limits: Limits
    """Of a picture that asks."""
    samples: Path
    home: Path
    layouts: LayoutStore
    maps: Mapping[str, Job]
    """Space -> what computes its layout."""
    training_runs: Path
    """The folder in which every training run has one of its own."""
    remote_folders: bool = False
    """Whether folders may be added and forgotten from other machines too."""
    selections: Selections = field(default_factory=Selections)


NICE = 10
"""Of a layout: it may take minutes, and nobody waits for it as for a search."""


def ingest_job(home: Path, project: Path) -> Job:
    """Exit codes that are no failure: all went well, some files failed (the report names them), interrupted."""
    return Job(["ingest"], project, StatusFile(home), home / "ingest-app.log", successes=(0, 1, 130))


def layout_jobs(store: LayoutStore, home: Path, project: Path) -> dict[str, Job]:
    return {
        space: Job(["layout", "--space", space], project, store.status(space), home / f"layout-{space}.log", NICE)
        for space in SPACES
    }


_installed: AppContext | None = None


def install(context: AppContext) -> None:
    """In place of an earlier one."""
    global _installed
    _installed = context


def installed() -> AppContext:
    """Raises RuntimeError when the script was started without app.py."""
    if _installed is None:
        raise RuntimeError("Start the app with: streamlit run app.py")
    return _installed
