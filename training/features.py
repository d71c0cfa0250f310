"""Keep what a frozen tower returned for a picture or a text by content hash, so that it runs once.

<folder>/<key>/<hash of the chunk's hashes>.safetensors     rows (n, d) float32; the hashes in the header
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from tqdm import tqdm

from errors import TrainingError
from training.atomic import write_whole

Array = NDArray[np.float32]
log = logging.getLogger(__name__)


class FeatureCache:
    def __init__(self, folder: Path, key: str) -> None:
        """`key`: everything that decides the rows, such as the encoder's id. Another key is another cache."""
        plain = re.fullmatch(r"[\w.-]{1,80}", key) and not key.startswith(".")
        self.folder = folder / (key if plain else hashlib.sha256(key.encode()).hexdigest()[:16])

    def rows(
        self,
        hashes: Sequence[str],
        compute: Callable[[Sequence[int]], Array],
        chunk: int = 256,
        progress: str | None = None,
    ) -> Array:
        """The row of each hash, (n, d). `compute` gets positions in `hashes` and returns their rows, a chunk at a time.

        Each chunk is written whole before the next begins, so a kill costs at most one. Rows that are not finite are
        returned and not kept. `progress`: words before a progress bar. Raises TrainingError when rows do not fit.
        """
        found = self._read(set(hashes))
        missing = list({sha: at for at, sha in reversed(list(enumerate(hashes))) if sha not in found}.values())[::-1]
        bar = tqdm(total=len(missing), desc=progress, unit="", disable=None if progress and missing else True)
        with bar:
            for start in range(0, len(missing), chunk):
                positions = missing[start : start + chunk]
                rows = np.ascontiguousarray(compute(positions), np.float32)  # (chunk, d)
                self._check(rows, len(positions), found)
                names = [hashes[at] for at in positions]
                self._write(names, rows)
                found.update(zip(names, rows, strict=True))
                bar.update(len(positions))
        return np.stack([found[sha] for sha in hashes]) if hashes else np.zeros((0, 0), np.float32)

    def _check(self, rows: Array, expected: int, found: dict[str, Array]) -> None:
        width = len(next(iter(found.values()))) if found else rows.shape[-1]
        if rows.ndim != 2 or rows.shape != (expected, width):
            raise TrainingError(
                f"Expected features of shape {(expected, width)} for {self.folder}, got {rows.shape}. "
                "Remove that folder if the model was changed."
            )

    def _write(self, names: list[str], rows: Array) -> None:
        fine = np.asarray(np.isfinite(rows).all(axis=1))
        if not fine.all():
            log.warning("%d of %d features are not finite; they are not kept", (~fine).sum(), len(fine))
        kept = [name for name, good in zip(names, fine, strict=True) if good]
        if kept:
            name = hashlib.sha256("\n".join(kept).encode()).hexdigest()[:24]
            data, header = {"rows": rows[fine]}, {"hashes": json.dumps(kept)}
            write_whole(self.folder / f"{name}.safetensors", lambda path: save_file(data, path, header))

    def _read(self, wanted: set[str]) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                with safe_open(path, framework="numpy") as file:
                    names: list[str] = json.loads(file.metadata()["hashes"])
                    if not wanted.isdisjoint(names):
                        rows = file.get_tensor("rows")
                        found.update((sha, row) for sha, row in zip(names, rows, strict=True) if sha in wanted)
            except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
                log.warning("%s is damaged (%s); its features are computed again", path, error)
                path.unlink(missing_ok=True)
        return found


def content_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_hashes(texts: Sequence[str]) -> list[str]:
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def model_key(name: str, weights: Path) -> str:
    """The part of a cache's key that a frozen model decides; weights of the same bytes are the same model."""
    return f"{name}-{content_hash(weights)[:12]}"
