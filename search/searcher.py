"""Answers a question from Weaviate: the one funnel (`Searcher.search`). `asking` prepares it, `index` asks Weaviate,
`library` holds what it found, `scoring` judges it, `ranking` orders it."""

import time
import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from PIL import Image

from encoder.occlusion import embeddings_without
from encoder.protocol import Embeddings, Encoder
from errors import FilterError, QueryError
from schema.collection import Pictures
from schema.patience import Patience, reading
from schema.record import ImageRecord, from_properties
from search.asking import DEFAULT_TARGETS, encode, prepare, weights_of
from search.conditions import Passing, to_weaviate, undescribed
from search.explain import Explanation, Vocabulary, by_words, find_meant, heat, seen
from search.filters import Condition
from search.index import LibraryVersion, PictureIndex, one_question
from search.library import Library, PictureCache, Refreshed, read_space, union
from search.query import MAX_WINDOW, Query
from search.ranking import WINDOWS, Ranking, side_by_side, spread_out
from search.relevance import Background, Bank, ThresholdOptions, keep_bank
from search.results import (
    MAX_VALUES,
    Counts,
    Hit,
    Results,
    Timing,
    count_facets,
    facets_of,
    text_properties,
    there_first,
)
from search.scoring import Asked, LibrarySpace, score, targets_of

CAPTIONED = Condition("captioned", "=", "yes")
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

    @one_question
    def answer(self, query: Query) -> Results:
        """What `search` finds, with what filters may have meant that find nothing, or leave nothing out."""
        results = self.search(query)
        known_of = partial(self.index.occurrences, condition=None, limit=KNOWN)
        return replace(results, meant=find_meant(query.filters, results.total, self.count, known_of))

    @one_question
    def search(self, query: Query) -> Results:
        """What is nearest to the terms, the best first; of filters alone what passes, newest first. Raises QueryError
        for a question that cannot be asked, Unreachable when Weaviate is away."""
        started, waited = time.perf_counter(), self.index.waited()
        if not query.check().terms:
            return self._listed(query, started, waited)
        query, vectors = encode(query, self._encoder, self.index)
        encode_ms = 1000 * (time.perf_counter() - started)
        library = self._library.get()
        prepared = prepare(query, vectors, library.space)
        asked, others = prepared.asked, self._passing(query.filters, query.left_out)
        counting = self.index.begin(partial(self.index.count, others))
        threshold = library.background.threshold(asked, self._threshold.false_alarm, query.strategy)
        ranking = Ranking(query, threshold, library.space)
        words = " ".join(query.texts) if query.hybrid else ""
        for window in WINDOWS:
            likes = [] if ranking.windows else prepared.likes.items()
            ask = partial(self.index.near_any, condition=others.filter, limit=window)
            begun = [self.index.begin(partial(ask, name, rows)) for name, rows in likes]
            near = self.index.near(prepared.probes, others.filter, window, words)
            found = union([near, *(result() for result in begun)])
            candidates = self._cache.candidates(found, {*targets_of(asked), *ranking.vectors})
            scores = score(asked, candidates.vectors, candidates.facts["captioned"], library.space, query.strategy)
            ranking.add(candidates, scores)
            if ranking.is_long_enough or len(near.ids) < window:
                break
        hits, counted, total = ranking.page, ranking.counted if query.facets else [], counting()
        facets = count_facets(counted) if query.facets else {}
        targets = next((term.targets for term in asked if term.example), asked[0].targets)
        timing = self._timing(encode_ms, started, waited)
        return Results(
            hits, total, query.offset, query.limit, timing, facets, len(counted), threshold, ranking.above, targets
        )

    def _listed(self, query: Query, started: float, waited: float) -> Results:
        if not query.filters:
            raise QueryError("The question is empty: type some words, or give a picture.")
        passing = self._passing(query.filters, query.left_out)
        counts = self._counts(query.filters) if query.facets else None
        found = self.index.listed(passing.filter, query.offset, query.limit)
        total = self.index.count(passing)
        hits = tuple(Hit(key, there_first(from_properties(properties)), None) for key, properties in found)
        timing = self._timing(0.0, started, waited)
        facets, counted = (facets_of(*counts), total) if counts else ({}, 0)
        return Results(hits, total, query.offset, query.limit, timing, facets, counted, above=total)

    def _timing(self, encode_ms: float, started: float, waited: float) -> Timing:
        return Timing(encode_ms, 1000 * (self.index.waited() - waited), 1000 * (time.perf_counter() - started))

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
        probes = prepare(*encode(query, self._encoder, self.index), self.space()).probes
        return {name: vector for name, (_, vector) in probes.items()}

    @one_question
    def facets(self, filters: Sequence[Condition] = ()) -> dict[str, Counts]:
        """Counts of what passes the filters; a folder counts what lies below it too."""
        return facets_of(*self._counts(filters))

    def _counts(self, filters: Sequence[Condition]) -> tuple[dict[str, dict[str, int]], int, int]:
        """Of what passes: each property's values, all pictures, those with a caption."""
        passing, captioned = self._passing(filters), self._passing([*filters, CAPTIONED])
        names = [name for name in text_properties().values() if name in self.pictures.properties]
        counts = self.index.occurrences([*names, "roots"], passing.filter, MAX_VALUES)
        return counts, self.index.count(passing), self.index.count(captioned)

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
        query, vectors = encode(query, self._encoder, self.index)
        space = self.space()
        probes = prepare(query, vectors, space).probes
        found = next(self.index.fetch([key]), None)
        if found is None or "image" not in found.vectors:
            raise QueryError(f"There is no picture {key} in the library (any more).")
        vector = found.vectors["image"]
        map_ = None
        if image is not None and "image" in probes:
            map_ = heat(probes["image"][1], *embeddings_without(self._encoder, image), image.size)
        tags = self.index.occurrences(["tags"], None, TAGS)["tags"]
        words, rows = self._vocabulary.with_tags(tags)
        return Explanation(
            tuple((text, by_words(text, self._encoder, vector)) for text in query.texts),
            map_,
            tuple(seen(vector, words, rows, space.spreads.get("image"))),
        )

    @one_question
    def places(self, filters: Sequence[Condition] = ()) -> dict[tuple[float, float], int]:
        """Where pictures were taken: (latitude, longitude) rounded to a tenth of a kilometre -> how many; of at most
        `MAX_WINDOW` pictures."""
        located = Condition("location", "=", "yes")
        found = self.index.positions(self._passing([*filters, located]).filter, MAX_WINDOW)
        return dict(Counter((round(latitude, 3), round(longitude, 3)) for latitude, longitude in found))

    def _passing(self, filters: Sequence[Condition], left_out: Collection[uuid.UUID] = ()) -> Passing:
        """Raises FilterError for a property that the library lacks; an ingest may have added it since it was opened."""
        try:
            return to_weaviate(filters, self.pictures.properties, left_out)
        except FilterError:
            self.pictures = self.index.pictures = replace(self.pictures, properties=self.index.properties())
            return to_weaviate(filters, self.pictures.properties, left_out)
