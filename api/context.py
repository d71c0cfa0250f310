"""What app.py puts together, once in a process, for pages and routes. Knows how none of it is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.connection import Connection
from api.ingestion import Ingestion
from api.map_work import MapWork
from api.selection_store import Selections
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore


@dataclass(frozen=True)
class AppContext:
    connection: Connection
    thumbnails: ThumbnailStore
    ingestion: Ingestion
    roots: Callable[[], Sequence[Path]]
    """The folders that were ingested on this machine: the only ones whose originals are shown."""
    limits: Limits
    """Of the library's own files."""
    upload_limits: Limits
    """Of a picture that asks."""
    samples: Path
    home: Path
    maps: MapWork
    training_runs: Path
    """The folder in which every training run has one of its own."""
    remote_folders: bool = False
    """Whether folders may be added and forgotten from other machines too."""
    selections: Selections = field(default_factory=Selections)


_installed: list[AppContext] = []


def install(context: AppContext) -> None:
    _installed[:] = [context]


def installed() -> AppContext:
    """Raises RuntimeError when the script was started without app.py."""
    if not _installed:
        raise RuntimeError("Start the app with: streamlit run app.py")
    return _installed[0]
