"""Pictures a second and peak memory of an ingest, beside the obvious loop: open, encode, insert, one picture after
the other.

The pictures are 1600 x 1200 JPEGs cut from samples/ at random places (seeded); all bytes differ. Loupe runs on 200
and on 800 of them: peak memory that grows with the folder would show. An unchanged folder is timed too.
"""

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image
from weaviate import WeaviateClient

import assembly
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.client import connect
from schema.collection import StorageOptions, delete_library, ensure_pictures
from server.local_server import LocalServer, ServerPlan
from settings import PROJECT, read_settings

NAIVE, SMALL, LARGE = 100, 200, 800
Measured = tuple[float, float]  # seconds, peak MB


def make_pictures(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    sources = [Image.open(path).convert("RGB") for path in sorted((PROJECT / "samples/photos").glob("*.jpg"))[:20]]
    folder.mkdir()
    for index in range(count):
        source = sources[index % len(sources)]
        left, top = rng.integers(0, source.width // 4), rng.integers(0, source.height // 4)
        cut = source.crop((int(left), int(top), int(left) + source.width * 3 // 4, int(top) + source.height * 3 // 4))
        cut.resize((1600, 1200)).save(folder / f"{index:04}.jpg", quality=90)


def naive(folder: Path, home: Path, count: int) -> float:
    with server(home) as client:
        encoder = assembly.encoder(read_settings())
        pictures = ensure_pictures(client, encoder.identity, StorageOptions())
        started = time.monotonic()
        for path in sorted(folder.iterdir())[:count]:
            image = Image.open(path).convert("RGB")
            small = image.copy()
            small.thumbnail((384, 384))
            small.save(home / f"{path.stem}.jpg")
            rows = encoder.encode_images([image])
            vectors = {name: row[0].tolist() for name, row in rows.items()} | {"caption": rows["image"][0].tolist()}
            pictures.collection.data.insert({"paths": [str(path)], "width": image.width}, vector=vectors)
        return time.monotonic() - started


def loupe(folder: Path, home: Path, count: int) -> float:
    """`count` is what lies in the folder; the second call finds it unchanged."""
    with server(home, keep=True) as client:
        encoder = assembly.encoder(read_settings())
        pictures = ensure_pictures(client, encoder.identity, StorageOptions())
        ingest = Ingest(Ledger(pictures, 30), encoder, ThumbnailStore(home / "thumbs"), limits=Limits())
        report = ingest.run(folder)
        assert report.added + report.unchanged == count, report
        return report.seconds


def server(home: Path, *, keep: bool = False) -> closing[WeaviateClient]:
    settings = read_settings()
    plan = ServerPlan(home, settings.loupe_cache, settings.loupe_weaviate_version, 0, 0)
    local = LocalServer(plan)
    client = connect(assembly.local_address(local, local.start()))
    if not keep:
        delete_library(client)
    return closing(client)


def measured(work: Callable[[Path, Path, int], float], *arguments: object) -> Measured:
    """In a process of its own, so that its peak is its own."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_run, (work, *arguments))


def _run(work: Callable[[Path, Path, int], float], folder: Path, home: Path, count: int) -> Measured:
    seconds = work(folder, home, count)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        make_pictures(root / "large", LARGE)
        (root / "small").mkdir()
        for path in sorted((root / "large").iterdir())[:SMALL]:
            (root / "small" / path.name).hardlink_to(path)
        homes = [root / name for name in ("naive", "home-small", "home-large")]
        for home in homes:
            home.mkdir()
        plans = [ServerPlan(home, Path(), "0") for home in homes]
        try:
            slow, slow_mb = measured(naive, root / "large", homes[0], NAIVE)
            small, small_mb = measured(loupe, root / "small", homes[1], SMALL)
            large, large_mb = measured(loupe, root / "large", homes[2], LARGE)
            again, _ = measured(loupe, root / "large", homes[2], LARGE)
        finally:
            for plan in plans:
                LocalServer(plan).stop()
    figures = {
        "naive_images_per_second": NAIVE / slow,
        "loupe_images_per_second": LARGE / large,
        "ratio": (LARGE / large) / (NAIVE / slow),
        "unchanged_files_per_second": LARGE / again,
        "naive_peak_mb": slow_mb,
        f"peak_mb_of_{SMALL}": small_mb,
        f"peak_mb_of_{LARGE}": large_mb,
        "memory_growth_ratio": large_mb / small_mb,
        f"seconds_of_{SMALL}": small,
    }
    json.dump({name: round(value, 2) for name, value in figures.items()}, sys.stdout)


if __name__ == "__main__":
    main()
