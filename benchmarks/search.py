"""A question's time at 20,000 synthetic pictures, beside exact search by numpy over the same vectors; and how much of
the exact result it finds.

Vectors are random directions around 200 centres (seeded), of the specialists' dimensions.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

import assembly
from encoder.protocol import Embeddings, EncoderIdentity, unit
from ingest.ledger import Ledger
from schema.client import connect
from schema.collection import StorageOptions, ensure_pictures
from schema.local_server import LocalServer, ServerPlan
from schema.record import ImageRecord, Place, now, sha256_of
from search.query import Query, Term
from search.searcher import Searcher
from settings import read_settings

COUNT, QUESTIONS, CENTRES, LIMIT = 20_000, 100, 200, 24
DIMS = {"image": 384, "caption": 384, "look": 512}


class RandomEncoder:
    """A question's words are a seed."""

    identity = EncoderIdentity("random", "1", "00", 1, DIMS)
    image_side = 32

    def __init__(self, centres: Embeddings) -> None:
        self._centres = centres

    def encode_texts(self, texts: "list[str]") -> Embeddings:
        """Each a direction near some centre, from its letters."""
        rows = []
        for text in texts:
            rng = np.random.default_rng(list(text.encode()))
            rows.append(self._centres[rng.integers(CENTRES)] + rng.normal(0, 0.04, DIMS["image"]))
        return unit(np.stack(rows))

    def encode_images(self, images: "list[Image.Image]") -> dict[str, Embeddings]:
        raise NotImplementedError("this benchmark asks with words only")


def fill(ledger: Ledger, vectors: dict[str, Embeddings]) -> float:
    started = time.monotonic()
    for start in range(0, COUNT, 500):
        batch = []
        for index in range(start, min(start + 500, COUNT)):
            folder = f"/photos/{index % 40}"
            place = Place(f"{folder}/{index}.jpg", 1, 1, "/photos")
            record = ImageRecord(
                sha256_of(str(index).encode()),
                (place,),
                800,
                600,
                1,
                "JPEG",
                added_at=now(),
                tags=(f"tag{index % 50}",),
            )
            batch.append((record, {name: rows[index] for name, rows in vectors.items()}))
        assert not ledger.add(batch)
    return time.monotonic() - started


def percentiles(work: Callable[[int], object]) -> tuple[float, float]:
    """Milliseconds: p50 and p95 over the questions, after five to warm up."""
    times = []
    for number in range(QUESTIONS + 5):
        started = time.perf_counter()
        work(number)
        times.append(1000 * (time.perf_counter() - started))
    return float(np.percentile(times[5:], 50)), float(np.percentile(times[5:], 95))


def main() -> None:
    settings = read_settings()
    rng = np.random.default_rng(1)
    centres = {name: unit(rng.normal(size=(CENTRES, dim))) for name, dim in DIMS.items()}
    which = rng.integers(0, CENTRES, COUNT)
    vectors = {name: unit(centres[name][which] + rng.normal(0, 0.04, (COUNT, dim))) for name, dim in DIMS.items()}
    encoder = RandomEncoder(centres["image"])
    with tempfile.TemporaryDirectory() as temporary:
        server = LocalServer(ServerPlan(Path(temporary), settings.loupe_cache, settings.loupe_weaviate_version, 0, 0))
        try:
            with closing(connect(assembly.local_address(server, server.start()))) as client:
                pictures = ensure_pictures(client, encoder.identity, StorageOptions())
                fill_s = fill(Ledger(pictures, 30), vectors)
                searcher = Searcher(pictures, encoder)

                def question(number: int, facets: bool = False, offset: int = 0, targets: str = "image") -> Query:
                    weights = {name: 1.0 for name in targets.split("+")}
                    return Query((Term(text=str(number)),), targets=weights, limit=LIMIT, facets=facets, offset=offset)

                def exact(number: int) -> set[int]:
                    scores = vectors["image"] @ encoder.encode_texts([str(number)])[0]
                    return set(np.argpartition(-scores, LIMIT)[:LIMIT].tolist())

                def found(number: int) -> set[int]:
                    hits = searcher.search(question(number)).hits
                    return {int(Path(hit.record.places[0].path).stem) for hit in hits}

                recall = np.mean([len(found(n) & exact(n)) / LIMIT for n in range(QUESTIONS)])
                one = percentiles(lambda n: searcher.search(question(n)))
                two = percentiles(lambda n: searcher.search(question(n, targets="image+caption")))
                full = percentiles(lambda n: searcher.search(question(n, facets=True, targets="image+caption")))
                last = percentiles(lambda n: searcher.search(question(n, offset=9976)))
                brute = percentiles(exact)
        finally:
            server.stop()
    figures = {
        "objects_stored_per_second": COUNT / fill_s,
        "recall_at_24": float(recall),
        "one_target_p50_ms": one[0],
        "one_target_p95_ms": one[1],
        "two_targets_p50_ms": two[0],
        "two_targets_and_facets_p50_ms": full[0],
        "two_targets_and_facets_p95_ms": full[1],
        "last_page_p50_ms": last[0],
        "numpy_exact_p50_ms": brute[0],
        "ratio_to_numpy": one[0] / brute[0],
    }
    json.dump({name: round(value, 3) for name, value in figures.items()}, sys.stdout)


if __name__ == "__main__":
    main()
