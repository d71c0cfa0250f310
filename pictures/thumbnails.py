"""Small JPEGs on disk, named by the SHA-256 of the original's bytes."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from host.files import write_whole
from host.folders import make_folder, using

SIDE = 384
QUALITY = 80
_NAME = re.compile(r"[0-9a-f]{64}")
_FOLDER = re.compile(r"[0-9a-f]{2}")


@dataclass(frozen=True)
class ThumbnailStore:
    """Thumbnails lie at root/ab/cd/<sha256>.jpg; 65,536 folders keep each one small in a library of millions."""

    root: Path

    def path_of(self, sha256: str) -> Path:
        """Raises ValueError for anything but 64 lower-case hex digits."""
        if not _NAME.fullmatch(sha256):
            raise ValueError(f"a thumbnail is named by 64 lower-case hex digits, got {sha256[:80]!r}")
        return self.root / sha256[:2] / sha256[2:4] / f"{sha256}.jpg"

    def write(self, sha256: str, image: Image.Image) -> Path:
        """Keep `image` (RGB, upright) within 384 x 384, unless it is there already.

        Raises FolderError when the disk is full; nothing half-written stays behind.
        """
        path = self.path_of(sha256)
        if self.holds(sha256):
            return path
        # Pillow writes into a file itself, and takes a write that a full disk cut short for done.
        encoded = io.BytesIO()
        _fit(image).save(encoded, "JPEG", quality=QUALITY)
        make_folder(self.root)
        with using(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # There are too many to wait for the disk each time.
            write_whole(path, lambda part: part.write_bytes(encoded.getvalue()), sync=False, private=True)
        return path

    def holds(self, sha256: str) -> bool:
        """Whether it is there. Raises FolderError where its folder may not be entered."""
        path = self.path_of(sha256)
        with using(path):
            return path.exists()

    def find(self, name: str) -> Path | None:
        """The file to serve for a name that a stranger sent; None unless it is one of ours inside `root`."""
        if not _NAME.fullmatch(name):
            return None
        try:
            path, root = self.path_of(name).resolve(strict=True), self.root.resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: a loop of links, on Python 3.11 and 3.12
            return None
        return path if path.is_relative_to(root) and path.is_file() else None

    def remove(self, sha256: str) -> None:
        """Raises FolderError where it is there and stays."""
        path = self.path_of(sha256)
        with using(path):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove every thumbnail, and nothing else that may lie in `root`. Raises FolderError where one may be left."""
        with using(self.root):
            if not self.root.exists():
                return
            for folder in (inner for outer in _numbered(self.root) for inner in _numbered(outer)):
                for path in folder.iterdir():  # glob passes over a folder that cannot be listed
                    if path.suffix == ".jpg" and _NAME.fullmatch(path.stem):
                        path.unlink(missing_ok=True)


def _numbered(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _FOLDER.fullmatch(path.name) and path.is_dir()]


def _fit(image: Image.Image) -> Image.Image:
    scale = min(1.0, SIDE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image if image.mode == "RGB" else image.convert("RGB")
