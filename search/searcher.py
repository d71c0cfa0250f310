"""Answers a question from Weaviate: the one funnel (`Searcher.search`). `index` asks Weaviate, `scoring` judges what it
finds, `ranking` orders it."""

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
from schema.patience import Patience, begin
from schema.record import ImageRecord, from_properties
from search import facets
from search.asking import DEFAULT_TARGETS, encode_terms, weigh, weights_of
from search.calibration import LibrarySpace
from search.conditions import Passing, to_weaviate, undescribed
from search.diversity import side_by_side, spread_out
from search.duplicates import TARGET, Sameness
from search.explain import Explanation, Vocabulary, by_words, heat, seen
from search.filters import Condition
from search.index import Found, LibraryVersion, PictureIndex, Probe, Wanted, one_question
from search.library import Refreshed, ThresholdOptions, keep_bank, read_space
from search.meant import Meant, find_meant
from search.preference import learn_targets
from search.query import AUTO, MAX_WINDOW, Query, Term
from search.ranking import WINDOWS, Ranked, Ranking, arranged, by_relevance, captioned, fused, judged, matrices
from search.relevance import Background, Bank
from search.results import Hit, Results, Timing, there_first
from search.scoring import Asked, linear, score, targets_of
from search.shortcut import applies
from search.shortcut import relevance as shortcut_relevance

MOST_NEAR = 16
"""Likes that are asked for their own nearest pictures, where the strategy goes by the best of them."""
NEAR_LIKES = 480
WIDER = 480
"""The first window where the weighted sum is a poorer guide to the best: dislikes alone."""
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
    ) -> None:
        """`pictures` and `encoder` must belong together: `open_pictures(client, encoder.identity)` sees to it."""
        self.pictures = pictures
        self.index = PictureIndex(pictures, patience or Patience())
        self._encoder = encoder
        self._threshold = threshold or ThresholdOptions()
        self._bank: Bank | None = None
        self._vocabulary = Vocabulary(encoder)
        self._known = Refreshed(pictures, self._learn)
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
        asked = self._asked(query)
        encoded = time.perf_counter() - before
        own = {term.item for term in query.terms if term.item is not None} | set(query.hidden)
        others = passing.without(own)
        counting = begin(self._threads, partial(self.index.count, others))
        ranking = self._ranking(query, asked, others.filter)
        hits = self._hits(ranking.page(query.offset, query.limit), asked, query, ranking.threshold)
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
            facets.count(counted) if query.facets else {},
            len(counted),
            ranking.threshold,
            ranking.above,
            next((term.targets for term in asked if term.example), asked[0].targets),
            self._meant(query.filters, total),
        )

    def _listed(self, query: Query, passing: Passing, started: float, waited: float) -> Results:
        """Filters alone: what passes, newest first."""
        found = self.index.listed(passing.filter, query.offset, query.limit)
        hits = tuple(Hit(one.uuid, there_first(from_properties(one.properties)), None) for one in found)
        total = self.index.count(passing)
        counts = self.facets(query.filters) if query.facets else {}
        timing = Timing(0.0, 1000 * (self.index.waited() - waited), 1000 * (time.perf_counter() - started))
        counted, other = total if counts else 0, self._meant(query.filters, total)
        return Results(hits, total, query.offset, query.limit, timing, counts, counted, above=total, meant=other)

    @one_question
    def records(self, uuids: Sequence[uuid.UUID]) -> dict[uuid.UUID, ImageRecord]:
        """The stored records of those uuids that are in the library."""
        return {key: there_first(from_properties(found.properties)) for key, found in self.index.fetch(uuids).items()}

    @one_question
    def vectors(self, query: Query) -> dict[str, Embeddings]:
        """The unit vectors that a question's candidates are searched with, by target. Raises what `search` raises."""
        if not query.terms:
            raise QueryError("The question holds filters alone, so there is nothing to compare pictures with.")
        return {
            probe.target: probe.vector for probe in self._probes(self._asked(self._resolved(query)), query.strategy)
        }

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
        return self._known.get()[0]

    def _learn(self, version: LibraryVersion) -> tuple[LibrarySpace, Background]:
        if self._bank is None:
            self._bank = keep_bank(self._encoder, self._threshold.folder)
        space = read_space(self.pictures, version.count)
        background = Background(space, self._bank)
        vector = self._bank.sensible[0]
        common = Asked(1.0, False, {"image": vector, "caption": vector}, weights_of(DEFAULT_TARGETS["text"]))
        background.line([common], self._threshold.false_alarm)  # the first question need not wait for what it works out
        return space, background

    @one_question
    def explain(self, query: Query, key: uuid.UUID, image: Image.Image | None = None) -> Explanation:
        """Why the picture `key` is a hit; `image`: the picture itself, where its file can be read. Raises what
        `search` raises."""
        query = self._resolved(query)
        asked = self._asked(query)
        found = self.index.fetch([key], vectors=True)
        if key not in found or "image" not in found[key].vectors:
            raise QueryError(f"There is no picture {key} in the library (any more).")
        vector = found[key].vectors["image"]
        probe = next((probe for probe in self._probes(asked, query.strategy) if probe.target == "image"), None)
        map_ = None
        if image is not None and probe is not None:
            map_ = heat(probe.vector, *embeddings_without(self._encoder, image), image.size)
        tags = self.index.occurrences(["tags"], None, TAGS)["tags"]
        words, rows = self._vocabulary.with_tags(tags)
        return Explanation(
            tuple((text, by_words(text, self._encoder, vector)) for text in query.texts),
            map_,
            tuple(seen(vector, words, rows, self.space().spreads.get("image"))),
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

    def _asked(self, query: Query) -> list[Asked]:
        items = [term.item for term in query.terms if term.item is not None]
        stored = {key: found.vectors for key, found in self.index.fetch(items, vectors=True).items()}
        if missing := [item for item in items if item not in stored]:
            raise QueryError(
                f"There is no picture {missing[0]} in the library (any more). Take it out of the question."
            )
        if bare := [item for item in items if not stored[item]]:
            raise QueryError(f"The picture {bare[0]} was stored without vectors, by another program. Ingest it again.")
        encoded = encode_terms(query.terms, self._encoder, self.pictures.identity, stored)
        return weigh(query, encoded, self._learned(query, encoded) if query.targets == AUTO else None)

    def _learned(self, query: Query, encoded: Sequence[Mapping[str, Embeddings]]) -> dict[str, float] | None:
        """From the liked examples."""
        asked = zip(query.terms, encoded, strict=True)
        liked = [(term, vectors) for term, vectors in asked if term.example and term.weight > 0]
        if not liked:
            return None
        rows = {
            name: np.stack([vectors[name] for _, vectors in liked])
            for name in set.intersection(*(set(vectors) for _, vectors in liked))
        }
        return learn_targets(rows, self.space(), [term.weight for term, _ in liked])

    def _probes(self, asked: Sequence[Asked], strategy: str | None) -> list[Probe]:
        probes = [
            Probe(name, vector, weight) for name, (weight, vector) in linear(asked, self.space(), strategy).items()
        ]
        if not probes:
            raise QueryError("The terms of the question cancel each other out. Take one of them away.")
        return probes

    def _ranking(self, query: Query, asked: Sequence[Asked], condition: Any) -> Ranking:
        """Long enough for the page. The first window is judged exactly; beyond it Weaviate's order stands."""
        probes = self._probes(asked, query.strategy)
        ranking = Ranking(self._known.get()[1].line(asked, self._threshold.false_alarm, query.strategy))
        wanted = any(term.weight > 0 for term in asked)
        first = WINDOWS[0] if wanted else WIDER
        nearest = self._first(query, asked, probes, condition, ranking, first)
        needed = query.offset + query.limit
        for window in WINDOWS[1:]:
            if len(ranking.places) >= needed or nearest < first:
                break
            found = self._near(query, probes, Wanted(condition, window))
            beyond = sorted(found, key=lambda one: (-one.value, one.uuid))
            ranking.add(Ranked(one.uuid, score=one.value if query.hybrid else None) for one in beyond)
            nearest, first = len(found), window
        return ranking

    def _first(
        self,
        query: Query,
        asked: Sequence[Asked],
        probes: Sequence[Probe],
        condition: Any,
        ranking: Ranking,
        window: int,
    ) -> int:
        """Rank the first window; how many Weaviate found in it."""
        names = {"captioned"}
        names |= {*facets.text_properties().values(), *facets.STORED} if query.facets else set()
        names |= {"phash"} if query.collapse else set()
        names |= {"caption", "tag_words", "file_name"} if query.hybrid else set()
        wanted = Wanted(condition, window, properties=sorted(names & self.pictures.properties))
        if applies(asked) and not (query.hybrid or query.diversity):
            found = self._near(query, probes, wanted)
            values = np.array([one.value for one in found])
            relevance = shortcut_relevance(asked[0], probes, values, captioned(found), self.space())
            ranked = by_relevance(
                Ranked(
                    one.uuid, float(value), found=one, below=ranking.threshold is not None and value < ranking.threshold
                )
                for one, value in zip(found, relevance, strict=True)
            )
            ranking.add(arranged(ranked, query, self._vectors_of, Sameness.of(self.space())))
            return len(found)
        vectors = {*targets_of(asked), *(["image"] if query.diversity else []), *([TARGET] if query.collapse else [])}
        wanted = replace(wanted, vectors=sorted(vectors))
        nearest = self._near(query, probes, wanted)
        more = self._near_likes(query, asked, wanted)
        found = list({one.uuid: one for one in (*nearest, *more)}.values())
        ranked = self._judged(query, asked, found, ranking.threshold)
        ordered = fused(ranked, query.texts) if query.hybrid else by_relevance(ranked)
        stored = {one.uuid: one.vectors for one in found}

        def vectors_of(target: str, keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, Embeddings]:
            return {key: stored[key][target] for key in keys if target in stored[key]}

        ranking.add(arranged(ordered, query, vectors_of, Sameness.of(self.space())))
        return len(nearest)

    def _near(self, query: Query, probes: Sequence[Probe], wanted: Wanted) -> list[Found]:
        if query.hybrid:
            return self.index.near_or_worded(" ".join(query.texts), probes, wanted)
        return self.index.near(probes, wanted)

    def _near_likes(self, query: Query, asked: Sequence[Asked], wanted: Wanted) -> list[Found]:
        """Where the best of the likes decides, what is near to one of them need not be near to their sum."""
        likes = [term for term in asked if term.example and term.weight > 0]
        if len(likes) < 2 or query.strategy != "best_score" or query.hybrid:
            return []
        begun = [begin(self._threads, partial(self._near_some, likes, wanted, target)) for target in likes[0].targets]
        return [one for result in begun for one in result()]

    def _near_some(self, likes: Sequence[Asked], wanted: Wanted, target: str) -> list[Found]:
        """The likes' own nearest on one target; of many likes those that lie far apart."""
        rows = np.stack([term.vectors[target] for term in likes if target in term.vectors])
        some = [rows[i] for i in spread_out(rows, min(MOST_NEAR, len(rows)))]
        return self.index.near_any(target, some, replace(wanted, limit=NEAR_LIKES))

    def _vectors_of(self, target: str, keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, Embeddings]:
        found = self.index.fetch(keys, vectors=True)
        return {key: one.vectors[target] for key, one in found.items() if target in one.vectors}

    def _judged(
        self, query: Query, asked: Sequence[Asked], found: Sequence[Found], threshold: float | None
    ) -> list[Ranked]:
        vectors = matrices(found, targets_of(asked), self.pictures.identity.dims)
        return judged(found, score(asked, vectors, captioned(found), self.space(), query.strategy), threshold)

    def _hits(
        self, page: Sequence[Ranked], asked: Sequence[Asked], query: Query, threshold: float | None
    ) -> tuple[Hit, ...]:
        """With their records; what was not judged to the end is now. A picture that was removed since it was ranked is
        left out."""
        late = [one.uuid for one in page if one.similarity is None]
        objects = self.index.fetch([one.uuid for one in page], vectors=bool(late))
        found = [objects[key] for key in late if key in objects]
        known = {one.uuid: one for one in self._judged(query, asked, found, threshold)} if found else {}
        hits = []
        for one in page:
            if one.uuid not in objects:
                continue
            full = known.get(one.uuid, one)
            hits.append(
                Hit(
                    one.uuid,
                    there_first(from_properties(objects[one.uuid].properties)),
                    full.similarity or 0.0,
                    one.score,
                    full.relevance,
                    full.below,
                    full.shares,
                    one.copies,
                )
            )
        return tuple(hits)
