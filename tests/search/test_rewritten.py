"""Counts of a library whose objects were all replaced twice: Weaviate's negation counts the replaced ones too. A real
Weaviate; row 62 of the reliability matrix."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import weaviate

from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.collection import StorageOptions, ensure_pictures
from search.filters import Condition
from search.query import Query, Term
from search.searcher import Searcher
from tests.colours import ColourEncoder
from tests.ingest.paint import paint_many
from tests.search.colour_library import Library, fill
from tests.search.test_filtering import ALL, PREDICATES, RED, by_hand, passes

EVERY = [negation + text for text in PREDICATES for negation in ("", "!")]


@pytest.fixture(scope="module")
def rewritten(client: weaviate.WeaviateClient) -> Iterator[Library]:
    """Every object was stored with other vectors twice, and then as it is: its document id changed three times."""
    encoder = ColourEncoder(revision="rewritten")
    library = fill(ensure_pictures(client, encoder.identity, StorageOptions(), new_collection=True), encoder)
    ledger = Ledger(library.pictures, wait_s=10)
    for sign in (-1, 1, -1, 1):
        turned = [
            (one, {name: sign * row for name, row in library.vectors[key].items()})
            for key, one in library.records.items()
        ]
        assert ledger.add(turned) == []
    yield library
    client.collections.delete(library.pictures.name)


@pytest.fixture(scope="module")
def searcher(rewritten: Library) -> Searcher:
    return Searcher(rewritten.pictures, rewritten.encoder)


def passing(library: Library, *texts: str) -> list[UUID]:
    return [
        key
        for key, one in library.records.items()
        if all(passes(one, text.removeprefix("!")) != text.startswith("!") for text in texts)
    ]


@pytest.mark.parametrize("text", EVERY)
def test_a_count_equals_the_list_after_every_object_was_replaced_twice(
    rewritten: Library, searcher: Searcher, text: str
) -> None:
    """As a count, as the total of a list and of a question, page by page, with pictures that are hidden."""
    truth, condition = passing(rewritten, text), (Condition.parse(text),)
    assert searcher.count(condition) == len(truth)
    hidden = tuple(rewritten.records)[::4]
    shown = set(truth) - set(hidden)
    pages = [searcher.search(Query((), filters=condition, limit=35, offset=at, hidden=hidden)) for at in (0, 35)]
    assert {page.total for page in pages} == {len(shown)}
    listed = [hit.uuid for page in pages for hit in page.hits]
    assert len(listed) == len(set(listed)) and set(listed) == shown
    asked = searcher.search(Query((RED, Term(item=hidden[0])), filters=condition, limit=ALL, hidden=hidden[1:]))
    assert asked.total == len(asked.hits) == len(shown)


def test_any_mixture_of_conditions_counts_what_it_lists(
    rewritten: Library, searcher: Searcher, rng: np.random.Generator
) -> None:
    told = 0
    for _ in range(120):
        texts = [EVERY[i] for i in rng.choice(len(EVERY), rng.integers(2, 5), replace=False)]
        truth = set(passing(rewritten, *texts))
        conditions = tuple(map(Condition.parse, texts))
        assert searcher.count(conditions) == len(truth), texts
        results = searcher.search(Query((), filters=conditions, limit=100))
        assert ({hit.uuid for hit in results.hits}, results.total) == (truth, len(truth)), texts
        told += bool(truth) and any(text.startswith("!") or "=no" in text for text in texts)
    assert told > 40


@pytest.mark.parametrize(
    "texts",
    [(), ("!year=2024",), ("!folder=/",), ("tags.none=cat,dog", "location=no"), ("!colour=red", "captioned=yes")],
)
def test_facets_count_nothing_that_was_replaced(rewritten: Library, searcher: Searcher, texts: tuple[str, ...]) -> None:
    truth = by_hand(rewritten.records[key] for key in passing(rewritten, *texts))
    assert searcher.facets(tuple(map(Condition.parse, texts))) == truth


def test_a_new_library_holds_nothing_that_an_older_loupe_stored(searcher: Searcher) -> None:
    assert searcher.undescribed() == 0


def test_a_folder_and_then_its_parent_with_other_words_for_the_copies(
    client: weaviate.WeaviateClient, colours: ColourEncoder, tmp_path: Path
) -> None:
    """As it was found: 16 pictures "that an older Loupe stored" in a library that is a minute old."""
    encoder = ColourEncoder(revision="copies")
    inside = tmp_path / "photos" / "inside"
    paint_many(inside, 12)
    pictures = ensure_pictures(client, encoder.identity, StorageOptions(), new_collection=True)
    try:
        for root in (inside, inside.parent):
            lines = "".join(f"{path.relative_to(root)},words of {root.name}\n" for path in sorted(inside.glob("*.png")))
            (root / "metadata.csv").write_text("file_name,text\n" + lines)
            thumbnails = ThumbnailStore(tmp_path / "thumbs")
            Ingest(Ledger(pictures, wait_s=10), encoder, thumbnails, limits=Limits()).run(root)
        searcher = Searcher(pictures, encoder)
        assert (searcher.count(), searcher.undescribed()) == (12, 0)
        assert searcher.count((Condition.parse("!width>0"),)) == 0
        assert searcher.search(Query((RED,), filters=(Condition.parse("!captioned=no"),))).total == 12
    finally:
        client.collections.delete(pictures.name)
