"""A question's time from `Searcher.search` to Results, beside exact search by numpy over the same vectors; how much of
the exact answer it finds; the share of the time that Weaviate took; the first question after a start, and the memory of
the pictures that are held then.

    python -m benchmarks.search [COUNT]      20,000 pictures where no number is given

Words are encoded by the default encoder. The pictures are synthetic (seeded): `image` and `caption` lie around the
embeddings of questions that people ask (search/sensible.txt), `look` around 200 random centres.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import psutil

import assembly
from encoder.protocol import Embeddings, Encoder, unit
from ingest.ledger import Ledger
from schema.client import connect
from schema.collection import StorageOptions, ensure_pictures
from schema.record import ImageRecord, Place, now, sha256_of, uuid_of
from search.asking import encode, prepare
from search.filters import Condition
from search.query import Query, Term
from search.relevance import sensible_texts
from search.results import Results
from search.scoring import score
from search.searcher import Searcher
from server.local_server import LocalServer, ServerPlan
from settings import read_settings

COUNT, QUESTIONS, CENTRES, LIMIT, EXAMPLES = 20_000, 60, 200, 24, 20
PREFETCH_S = 120
"""How long the library may take to be read into the cache."""
NOISE = {"image": 0.06, "caption": 0.03, "look": 0.04}
COLOURS = ("red", "green", "blue", "white", "black")


def synthetic(encoder: Encoder, count: int) -> dict[str, Embeddings]:
    rng = np.random.default_rng(1)
    words = encoder.encode_texts(sensible_texts())
    which = rng.integers(0, len(words), count)
    looks = unit(rng.normal(size=(CENTRES, encoder.identity.dims["look"])))
    centres = {"image": words[which], "caption": words[which], "look": looks[rng.integers(0, CENTRES, count)]}
    return {
        name: unit(rows + rng.normal(0, NOISE[name], rows.shape).astype(np.float32)) for name, rows in centres.items()
    }


def record(index: int) -> ImageRecord:
    return ImageRecord(
        sha256_of(str(index).encode()),
        (Place(f"/photos/{index % 40}/{index}.jpg", 1, 1, "/photos"),),
        800 + index % 7,
        600,
        1,
        "JPEG",
        caption=f"picture {index}",
        file_tags=(f"tag{index % 50}",),
        taken_at=datetime(2015, 1, 1, tzinfo=UTC) + timedelta(days=index % 3600),
        camera=f"camera {index % 5}",
        added_at=now(),
        colours=(COLOURS[index % 5],),
        phash=f"{index * 0x9E3779B97F4A7C15 % 2**64:016x}",
    )


def fill(ledger: Ledger, vectors: Mapping[str, Embeddings]) -> float:
    started, count = time.monotonic(), len(vectors["image"])
    for start in range(0, count, 500):
        batch = [
            (record(index), {name: rows[index] for name, rows in vectors.items()})
            for index in range(start, min(start + 500, count))
        ]
        if ledger.add(batch):
            raise SystemExit("Weaviate refused some of the synthetic pictures.")
    return time.monotonic() - started


def timed(ask: Callable[[int], Results]) -> dict[str, float]:
    """Milliseconds over the questions, after five to warm up, and Weaviate's share of them."""
    times, waits = [], []
    for number in range(QUESTIONS + 5):
        timing = ask(number).timing
        times.append(timing.took_ms)
        waits.append(timing.weaviate_ms)
    times, waits = times[5:], waits[5:]
    return {
        "p50_ms": float(np.percentile(times, 50)),
        "p95_ms": float(np.percentile(times, 95)),
        "weaviate_share": float(np.sum(waits) / np.sum(times)),
    }


class Questions:
    """The ways of asking that are timed, and their exact answers."""

    def __init__(self, searcher: Searcher, vectors: Mapping[str, Embeddings]) -> None:
        self.searcher, self.vectors = searcher, vectors
        self.texts = sensible_texts()
        self.keys = [uuid_of(sha256_of(str(index).encode())) for index in range(len(vectors["image"]))]

    def word(self, number: int, offset: int = 0) -> Query:
        return Query((Term(text=self.texts[number]),), limit=LIMIT, offset=offset, facets=True, collapse=True)

    def composed(self, number: int) -> Query:
        first, second, third = (Term(text=self.texts[(number + step) % len(self.texts)]) for step in (0, 90, 180))
        without = Term(text=third.text, weight=-1)
        return Query((first, second, without), limit=LIMIT, facets=True, collapse=True)

    def liked(self, number: int, strategy: str = "average") -> Query:
        """A fifth of the examples is disliked."""
        rng = np.random.default_rng(number)
        near = np.argsort(-(self.vectors["look"] @ self.vectors["look"][number]))[:400]
        chosen = rng.choice(near, EXAMPLES, replace=False)
        terms = tuple(Term(item=self.keys[i], weight=-1 if n % 5 == 4 else 1) for n, i in enumerate(chosen))
        return Query(terms, targets="auto", limit=LIMIT, strategy=strategy, diversity=0.3, collapse=True)

    def recall(self, query: Query) -> float:
        """Share of the 24 best by `score` over every picture that is among the hits; no diversity."""
        plain = Query(query.terms, query.targets, limit=LIMIT, strategy=query.strategy)
        hits = {hit.uuid for hit in self.searcher.search(plain).hits}
        space = self.searcher.space()
        asked = prepare(*encode(plain, self.searcher._encoder, self.searcher.index), space).asked
        everything = score(asked, self.vectors, np.ones(len(self.keys), bool), space, plain.strategy).relevance
        own = {term.item for term in plain.terms}
        best = [self.keys[i] for i in np.argsort(-everything) if self.keys[i] not in own][:LIMIT]
        return len(hits & set[UUID](best)) / LIMIT


def measure(searcher: Searcher, vectors: Mapping[str, Embeddings]) -> dict[str, object]:
    ask, search = Questions(searcher, vectors), searcher.search
    process = psutil.Process()
    search(Query((), filters=(Condition.parse("captioned=yes"),)))
    empty_mb, started = process.memory_info().rss / 2**20, time.monotonic()
    search(ask.word(0))
    first_ms = 1000 * (time.monotonic() - started)
    while len(searcher._cache) < len(ask.keys) and time.monotonic() - started < PREFETCH_S:
        time.sleep(0.1)
    prefetch_s = time.monotonic() - started

    def exact(number: int) -> object:
        return np.argpartition(-(vectors["image"] @ vectors["image"][number]), LIMIT)[:LIMIT]

    brute = []
    for number in range(QUESTIONS):
        started = time.perf_counter()
        exact(number)
        brute.append(1000 * (time.perf_counter() - started))
    text = timed(lambda n: search(ask.word(n)))
    return {
        "first_question_ms": first_ms,
        "prefetch_s": prefetch_s,
        "held": len(searcher._cache),
        "memory_mb": process.memory_info().rss / 2**20 - empty_mb,
        "text": text,
        "text_page_20": timed(lambda n: search(ask.word(n, 456))),
        "text_last_page": timed(lambda n: search(ask.word(n, 9976))),
        "composed": timed(lambda n: search(ask.composed(n))),
        "recommend_average": timed(lambda n: search(ask.liked(n, "average"))),
        "recommend_best_score": timed(lambda n: search(ask.liked(n, "best_score"))),
        "recall_at_24": {
            "text": float(np.mean([ask.recall(ask.word(n)) for n in range(QUESTIONS)])),
            "composed": float(np.mean([ask.recall(ask.composed(n)) for n in range(QUESTIONS)])),
            "average": float(np.mean([ask.recall(ask.liked(n)) for n in range(QUESTIONS)])),
            "best_score": float(np.mean([ask.recall(ask.liked(n, "best_score")) for n in range(QUESTIONS)])),
        },
        "numpy_exact_p50_ms": float(np.median(brute)),
        "ratio_to_numpy": text["p50_ms"] / float(np.median(brute)),
    }


def main() -> None:
    settings = read_settings()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    encoder = assembly.encoder(settings)
    vectors = synthetic(encoder, count)
    with tempfile.TemporaryDirectory() as temporary:
        server = LocalServer(ServerPlan(Path(temporary), settings.loupe_cache, settings.loupe_weaviate_version, 0, 0))
        try:
            with closing(connect(assembly.local_address(server, server.start()))) as client:
                pictures = ensure_pictures(client, encoder.identity, StorageOptions())
                fill_s = fill(Ledger(pictures, 30), vectors)
                figures = measure(
                    Searcher(pictures, encoder, threshold=assembly.threshold(settings), prefetch=True), vectors
                )
        finally:
            server.stop()
    figures = {"pictures": count, "objects_stored_per_second": count / fill_s, **figures}
    json.dump(json.loads(json.dumps(figures), parse_float=lambda text: round(float(text), 3)), sys.stdout)


if __name__ == "__main__":
    main()
