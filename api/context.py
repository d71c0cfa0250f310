"""What app.py puts together, once in a process, for pages and routes. Knows how none of it is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.connection import Connection
from api.selection_store import Selections
from host.jobs import Job, StatusFile
from layout.store import SPACES, LayoutStore
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore


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


_installed: list[AppContext] = []


def install(context: AppContext) -> None:
    _installed[:] = [context]


def installed() -> AppContext:
    """Raises RuntimeError when the script was started without app.py."""
    if not _installed:
        raise RuntimeError("Start the app with: streamlit run app.py")
    return _installed[0]
