"""The threshold with the shipped encoder: the samples, a few of them, and nonsense; through Weaviate."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import weaviate
from numpy.typing import NDArray
from weaviate.classes.data import DataObject

from encoder.protocol import Embeddings, Encoder
from evaluation.nonsense import nonsense
from evaluation.targets import halved
from schema.collection import Pictures, StorageOptions, ensure_pictures
from search.index import read_vectors
from search.query import Query, Term
from search.relevance import Background, ThresholdOptions, keep_bank
from search.results import note
from search.scoring import LibrarySpace, score
from search.searcher import Searcher
from tests.search.test_relevance import needed, words


def test_the_samples_answer_their_captions_and_no_nonsense(
    samples: Pictures, specialists: Encoder, threshold: ThresholdOptions
) -> None:
    """Through Weaviate, with the shipped encoder and the default level."""
    searcher = Searcher(samples, specialists, threshold=threshold)
    for text in ("qwxz vbnk trlp", "8831-77/2 0x99", "{}[]();;#", "notwithstanding tariff whereas elapsed"):
        found = searcher.search(Query((Term(text=text),), limit=5))
        assert found.threshold is not None and found.above == 0 and all(hit.below for hit in found.hits), text
    for text in ("acoustic guitar", "a blacksmith at work", "three bananas"):
        found = searcher.search(Query((Term(text=text),), limit=5))
        assert found.above > 0 and not found.hits[0].below, text


def likely(
    background: Background, space: LibrarySpace, row: Embeddings, targets: Mapping[str, float]
) -> NDArray[np.bool_]:
    """Of each picture of the sample."""
    asked = [words(row, targets=targets)]
    return np.asarray(
        score(asked, space.sample, space.captioned, space).relevance >= needed(background, *asked, false_alarm=0.01)
    )


@pytest.mark.parametrize("captions", [False, True])
def test_one_to_twenty_pictures_answer_their_captions_and_hardly_any_nonsense(
    samples: Pictures, specialists: Encoder, threshold: ThresholdOptions, captions: bool
) -> None:
    """30 draws from the samples; the nonsense is not the bank's. Whole captions ask where none is stored, else halves
    of them."""
    [stored] = read_vectors(samples, "image", ["caption"])
    whole = [str(one["caption"]) for one in stored.properties]
    rng = np.random.default_rng(0)
    asked = [halved(text, rng) or text for text in whole] if captions else whole
    image, caption = stored.vectors, specialists.encode_texts(whole)
    questions, odd = specialists.encode_texts(asked), specialists.encode_texts([text for _, text in nonsense(80, 3)])
    texts, targets = keep_bank(specialists, threshold.folder), {"image": 1 / 3, "caption": 2 / 3}
    refused, kept = [], []
    for count in (1, 2, 3, 5, 12, 20) * 5:
        some = rng.permutation(len(whole))[:count]
        vectors = {"image": image[some], "caption": (caption if captions else image)[some]}
        space = LibrarySpace.of(vectors, np.full(count, captions), count)
        background = Background(space, texts)
        refused += [not likely(background, space, row, targets).any() for row in odd]
        rows = [likely(background, space, questions[one], targets) for one in some[:5]]
        kept += [bool(row[place]) for place, row in enumerate(rows)]
    assert np.mean(refused) >= 0.98
    assert np.mean(kept) >= 0.9


@pytest.mark.parametrize("count", [1, 3])
def test_a_library_of_a_picture_or_three_does_not_answer_everything(
    client: weaviate.WeaviateClient, samples: Pictures, specialists: Encoder, threshold: ThresholdOptions, count: int
) -> None:
    """Through Weaviate, as a person asks it."""
    objects = samples.collection.query.fetch_objects(limit=count, include_vector=True).objects
    identity = replace(specialists.identity, revision=f"few-{count}")
    few = ensure_pictures(client, identity, StorageOptions(), new_collection=True)
    try:
        kept = [name for name in objects[0].properties if name != "places"]
        few.collection.data.insert_many(
            [
                DataObject(uuid=one.uuid, properties={name: one.properties[name] for name in kept}, vector=one.vector)
                for one in objects
            ]
        )
        searcher = Searcher(replace(few, identity=specialists.identity), specialists, threshold=threshold)
        for text in ("qwxz vbnk trlp", "8831-77/2 0x99", "{}[]();;#", "notwithstanding tariff whereas elapsed"):
            query = Query((Term(text=text),))
            found = searcher.search(query)
            assert (found.total, found.above) == (count, 0) and all(hit.below for hit in found.hits), text
            assert note(query, found).startswith("No good match")
        for one in objects:
            [best, *_] = searcher.search(Query((Term(text=str(one.properties["caption"])),))).hits
            assert best.uuid == one.uuid and not best.below
        neighbours = searcher.search(Query((Term(item=objects[0].uuid),)))
        assert neighbours.threshold is None and len(neighbours.hits) == count - 1
    finally:
        client.collections.delete(few.name)
