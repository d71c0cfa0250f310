"""Answers a question from Weaviate: the one funnel (`Searcher.search`). `index` asks Weaviate, `candidates` holds what
it found, `scoring` judges it, `ranking` orders it."""

import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from encoder.occlusion import embeddings_without
from encoder.protocol import Embeddings, Encoder
from errors import FilterError, QueryError
from schema.collection import Pictures
from schema.patience import Patience, begin, reading
from schema.record import ImageRecord, from_properties
from search import results as facets
from search.asking import DEFAULT_TARGETS, encode_terms, weigh, weights_of
from search.conditions import Passing, to_weaviate, undescribed
from search.explain import Explanation, Meant, Vocabulary, by_words, find_meant, heat, seen
from search.filters import Condition
from search.index import LibraryVersion, Near, PictureIndex, Probe, one_question
from search.library import Library, PictureCache, Refreshed, read_space
from search.query import MAX_WINDOW, Query, Term
from search.ranking import TARGET, WINDOWS, Ranking, Sameness, judged, mixed, side_by_side, spread_out
from search.relevance import Background, Bank, ThresholdOptions, keep_bank
from search.results import Hit, Results, Timing, there_first
from search.scoring import Asked, LibrarySpace, linear, score, targets_of

MOST_NEAR = 16
"""Likes that are asked for their own nearest pictures, where the strategy goes by the best of them."""
KNOWN = 3000
"""The most frequent values of a property, among which a value is looked for that no picture has."""
TAGS = 300
"""The most frequent tags of the library, as words for what is seen in a picture."""


class Searcher:
    def __init__(
        self,
        pictures: Pictures,
        encoder: Encoder,
        patience: Patience | None = None,
        threshold: ThresholdOptions | None = None,
        cache_mb: float = 256,
        *,
        prefetch: bool = False,
    ) -> None:
        """`pictures` and `encoder` must belong together: `open_pictures(client, encoder.identity)` sees to it.
        `prefetch`: read the library into the cache in the background, after the first question and after changes."""
        self.pictures = pictures
        self.index = PictureIndex(pictures, patience or Patience())
        self._cache = PictureCache(self.index, cache_mb)
        self._encoder = encoder
        self._threshold = threshold or ThresholdOptions()
        self._prefetch = prefetch
        self._bank: Bank | None = None
        self._vocabulary = Vocabulary(encoder)
        self._library = Refreshed(pictures, self._learn)
        self._threads = ThreadPoolExecutor(2, "asks Weaviate")

    @one_question
    def search(self, query: Query) -> Results:
        """Raises QueryError for a question that cannot be asked, Unreachable when Weaviate is away."""
        started, waited = time.perf_counter(), self.index.waited()
        if not query.check().terms and not query.filters:
            raise QueryError("The question is empty: type some words, or give a picture.")
        passing = self._passing(query.filters)
        if not query.terms:
            return self._listed(query, passing.without(query.hidden), started, waited)
        query = self._resolved(query)
        before = time.perf_counter()
        vectors = self._encoded(query)
        encoded = time.perf_counter() - before
        library = self._library.get()
        asked = weigh(query, vectors, library.space)
        own = {term.item for term in query.terms if term.item is not None} | set(query.hidden)
        others = passing.without(own)
        counting = begin(self._threads, partial(self.index.count, others))
        threshold = library.background.threshold(asked, self._threshold.false_alarm, query.strategy)
        ranking = self._ranking(query, asked, others.filter, library.space, threshold)
        hits = ranking.page(query.offset, query.limit)
        counted = ranking.counted if query.facets else []
        asking = time.perf_counter()
        total = counting()
        done = time.perf_counter()
        waited = self.index.waited() - waited + done - asking
        return Results(
            hits,
            total,
            query.offset,
            query.limit,
            Timing(1000 * encoded, 1000 * waited, 1000 * (done - started)),
            facets.count((one.facets for one in counted), {root for one in counted for root in one.roots})
            if query.facets
            else {},
            len(counted),
            threshold,
            ranking.above,
            next((term.targets for term in asked if term.example), asked[0].targets),
            self._meant(query.filters, total),
        )

    def _listed(self, query: Query, passing: Passing, started: float, waited: float) -> Results:
        """Filters alone: what passes, newest first."""
        found = self.index.listed(passing.filter, query.offset, query.limit)
        hits = tuple(Hit(key, there_first(from_properties(properties)), None) for key, properties in found)
        total = self.index.count(passing)
        counts = self.facets(query.filters) if query.facets else {}
        timing = Timing(0.0, 1000 * (self.index.waited() - waited), 1000 * (time.perf_counter() - started))
        counted, other = total if counts else 0, self._meant(query.filters, total)
        return Results(hits, total, query.offset, query.limit, timing, counts, counted, above=total, meant=other)

    @one_question
    def records(self, uuids: Sequence[uuid.UUID]) -> dict[uuid.UUID, ImageRecord]:
        """The stored records of those uuids that are in the library."""
        found = self.index.records(uuids)
        return {key: there_first(from_properties(properties)) for key, properties in found.items()}

    @one_question
    def vectors(self, query: Query) -> dict[str, Embeddings]:
        """The unit vectors that a question's candidates are searched with, by target. Raises what `search` raises."""
        if not query.terms:
            raise QueryError("The question holds filters alone, so there is nothing to compare pictures with.")
        query = self._resolved(query)
        vectors, space = self._encoded(query), self.space()
        return {probe.target: probe.vector for probe in _probes(weigh(query, vectors, space), space, query.strategy)}

    @one_question
    def facets(self, filters: Sequence[Condition] = ()) -> dict[str, facets.Counts]:
        """Counts of what passes the filters; a folder counts what lies below it too."""
        passing = self._passing(filters)
        texts = {name: prop for name, prop in facets.text_properties().items() if prop in self.pictures.properties}
        counts = self.index.occurrences([*texts.values(), "roots"], passing.filter, facets.MAX_VALUES)
        shown: dict[str, Mapping[str, int]] = {name: facets.merged(name, counts[prop]) for name, prop in texts.items()}
        shown["folder"] = facets.below(shown["folder"], counts["roots"])
        captioned = self.index.count(self._passing([*filters, Condition("captioned", "=", "yes")]))
        months = counts.get("month", {})
        years: Counter[str] = Counter()
        for month, n in months.items():
            years[month[:4]] += n
        return {
            **{name: facets.by_frequency(values) for name, values in shown.items()},
            "year": facets.by_frequency(years),
            "captioned": facets.by_frequency({"yes": captioned, "no": self.index.count(passing) - captioned}),
        }

    @one_question
    def undescribed(self) -> int:
        """Pictures that an older Loupe stored: until an ingest meets them, colour, near, words and megapixels do not
        find them, and near-duplicates are not known."""
        return self.index.count(undescribed(self.pictures.properties))

    @one_question
    def count(self, filters: Sequence[Condition] = ()) -> int:
        """Pictures that pass the filters."""
        return self.index.count(self._passing(filters))

    @one_question
    def spread(self, k: int, but: Collection[uuid.UUID] = ()) -> tuple[ImageRecord, ...]:
        """Pictures of a random sample that lie far apart, those in `but` left out: what to show somebody of whom
        nothing is known."""
        space = self.space()
        left_out = set(but)
        shown = [i for i, key in enumerate(space.uuids) if key in left_out]
        keys = [space.uuids[i] for i in spread_out(side_by_side(space.sample), k, shown=shown)]
        records = self.records(keys)
        return tuple(records[key] for key in keys if key in records)

    def space(self) -> LibrarySpace:
        """What is known of the library's vectors, from a sample."""
        return self._library.get().space

    def _learn(self, version: LibraryVersion) -> Library:
        if self._bank is None:
            self._bank = keep_bank(self._encoder, self._threshold.folder)
        space = read_space(PictureIndex(self.pictures, reading()), version.count)
        background = Background(space, self._bank)
        vector = self._bank.sensible[0]
        common = Asked(1.0, False, {"image": vector, "caption": vector}, weights_of(DEFAULT_TARGETS["text"]))
        background.threshold([common], self._threshold.false_alarm)  # so that the first question need not wait for it
        if self._prefetch:
            self._cache.prefetch()
        return Library(space, background)

    @one_question
    def explain(self, query: Query, key: uuid.UUID, image: Image.Image | None = None) -> Explanation:
        """Why the picture `key` is a hit; `image`: the picture itself, where its file can be read. Raises what
        `search` raises."""
        query = self._resolved(query)
        vectors, space = self._encoded(query), self.space()
        asked = weigh(query, vectors, space)
        found = next(self.index.fetch([key]), None)
        if found is None or "image" not in found.vectors:
            raise QueryError(f"There is no picture {key} in the library (any more).")
        vector = found.vectors["image"]
        probe = next((probe for probe in _probes(asked, space, query.strategy) if probe.target == "image"), None)
        map_ = None
        if image is not None and probe is not None:
            map_ = heat(probe.vector, *embeddings_without(self._encoder, image), image.size)
        tags = self.index.occurrences(["tags"], None, TAGS)["tags"]
        words, rows = self._vocabulary.with_tags(tags)
        return Explanation(
            tuple((text, by_words(text, self._encoder, vector)) for text in query.texts),
            map_,
            tuple(seen(vector, words, rows, space.spreads.get("image"))),
        )

    def _meant(self, filters: Sequence[Condition], total: int) -> tuple[Meant, ...]:
        def known_of(names: Sequence[str]) -> dict[str, dict[str, int]]:
            return self.index.occurrences(names, None, KNOWN)

        return find_meant(filters, total, lambda one: self.index.count(self._passing([one])), known_of)

    @one_question
    def places(self, filters: Sequence[Condition] = ()) -> dict[tuple[float, float], int]:
        """Where pictures were taken: (latitude, longitude) rounded to a tenth of a kilometre -> how many; of at most
        `MAX_WINDOW` pictures."""
        located = Condition("location", "=", "yes")
        found = self.index.positions(self._passing([*filters, located]).filter, MAX_WINDOW)
        return dict(Counter((round(latitude, 3), round(longitude, 3)) for latitude, longitude in found))

    def _passing(self, filters: Sequence[Condition]) -> Passing:
        """Raises FilterError for a property that the library lacks; an ingest may have added it since it was opened."""
        try:
            return to_weaviate(filters, self.pictures.properties)
        except FilterError:
            self.pictures = self.index.pictures = replace(self.pictures, properties=self.index.properties())
            return to_weaviate(filters, self.pictures.properties)

    def _resolved(self, query: Query) -> Query:
        """Paths become pictures of the library. Raises QueryError where none lies there, or more than one."""
        return replace(query, terms=tuple(self._resolve(term) for term in query.terms))

    def _resolve(self, term: Term) -> Term:
        if term.path is None:
            return term
        found = self.index.uuids_at(term.path)
        if not found:
            raise QueryError(f"There is no picture at {term.path!r} in the library. Give a path as a hit shows it.")
        if len(found) > 1:
            raise QueryError(f"Several pictures of the library lie at {term.path!r}. Write more of the path.")
        return Term(item=found[0], weight=term.weight)

    def _encoded(self, query: Query) -> list[Mapping[str, Embeddings]]:
        """The vectors of each term, by target."""
        items = [term.item for term in query.terms if term.item is not None]
        stored = {found.uuid: found.vectors for found in self.index.fetch(items)}
        if missing := [item for item in items if item not in stored]:
            raise QueryError(
                f"There is no picture {missing[0]} in the library (any more). Take it out of the question."
            )
        if bare := [item for item in items if not stored[item]]:
            raise QueryError(f"The picture {bare[0]} was stored without vectors, by another program. Ingest it again.")
        return encode_terms(query.terms, self._encoder, self.pictures.identity, stored)

    def _ranking(
        self, query: Query, asked: Sequence[Asked], condition: Any, space: LibrarySpace, threshold: float | None
    ) -> Ranking:
        """Long enough for the page."""
        probes = _probes(asked, space, query.strategy)
        names = {*targets_of(asked), *(["image"] if query.diversity else []), *([TARGET] if query.collapse else [])}
        ranking, needed = Ranking(), query.offset + query.limit
        for window in WINDOWS:
            if query.hybrid:
                near = self.index.near_or_worded(" ".join(query.texts), probes, condition, window)
            else:
                near = self.index.near(probes, condition, window)
            full = len(near.ids) == window
            first = not ranking.places
            if first:
                near = _union([near, *self._near_likes(query, asked, condition)])
            candidates = self._cache.candidates(near, names if first else targets_of(asked))
            scores = score(asked, candidates.vectors, candidates.captioned, space, query.strategy)
            ranked = judged(candidates, scores, threshold, query, Sameness.of(space) if first else None)
            ranking.add(mixed(ranked, query.diversity, needed) if first else ranked)
            if len(ranking.places) >= needed or not full:
                break
        return ranking

    def _near_likes(self, query: Query, asked: Sequence[Asked], condition: Any) -> list[Near]:
        """Where the best of the likes decides, what is near to one of them need not be near to their sum: the nearest
        of each on every target; of many likes those that lie far apart."""
        likes = [term for term in asked if term.example and term.weight > 0]
        if len(likes) < 2 or query.strategy != "best_score" or query.hybrid:
            return []
        begun = []
        for target in likes[0].targets:
            rows = np.stack([term.vectors[target] for term in likes if target in term.vectors])
            some = [rows[i] for i in spread_out(rows, min(MOST_NEAR, len(rows)))]
            ask = partial(self.index.near_any, target, some, condition, WINDOWS[0])
            begun.append(begin(self._threads, ask))
        return [result() for result in begun]


def _probes(asked: Sequence[Asked], space: LibrarySpace, strategy: str | None) -> list[Probe]:
    probes = [Probe(name, vector, weight) for name, (weight, vector) in linear(asked, space, strategy).items()]
    if not probes:
        raise QueryError("The terms of the question cancel each other out. Take one of them away.")
    return probes


def _union(found: Sequence[Near]) -> Near:
    """Every object once, as its first search has it."""
    if len(found) == 1:
        return found[0]
    ids = [key for near in found for key in near.ids]
    rows = list({key: row for row, key in reversed(list(enumerate(ids)))}.values())
    values, updated = (
        np.concatenate(parts) for parts in zip(*((one.values, one.updated) for one in found), strict=True)
    )
    return Near([ids[row] for row in rows], values[rows], updated[rows])
