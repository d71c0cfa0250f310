"""Collections of pictures: made, opened, switched. Refuses an encoder whose vectors they do not hold.

The app speaks to the alias `Pictures` (invariant I5); the collection behind it is named for its encoder and says in
its description which one that is (invariant I3).
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

import weaviate
from weaviate.classes.config import Configure, DataType, Property, Tokenization, VectorDistances
from weaviate.classes.query import QueryNested
from weaviate.collections import Collection
from weaviate.exceptions import UnexpectedStatusCodeError

from encoder.protocol import EncoderIdentity
from errors import EncoderMismatch, NoLibrary, SchemaError
from schema.record import RECORD_FIELDS

ALIAS = "Pictures"
MODULE = "multi2vec-clip"
UNFILLED = "picture_base64"
"""The field multi2vec-clip would embed. Loupe never fills it: objects bring their vectors, the module answers
near_text."""
PLACES = QueryNested(name="places", properties=["path", "size", "mtime_us", "root"])


@dataclass(frozen=True)
class StorageOptions:
    """Chosen when a collection is made; `shards` cannot be changed afterwards."""

    shards: int = 1
    replication: int = 1
    quantization: str = "none"


@dataclass(frozen=True)
class Pictures:
    """An opened collection and the encoder whose vectors it holds."""

    name: str
    identity: EncoderIdentity
    near_text: bool
    """Whether the server itself can embed words and pictures for this collection (module multi2vec-clip)."""
    collection: Collection[Any, Any]
    properties: frozenset[str]
    """What the collection had when it was opened: one that an older Loupe made lacks some until the next ingest."""

    @property
    def older(self) -> bool:
        """Whether it lacked some. What the next ingest adds is seen by who opens it again."""
        return not self.properties >= {prop.name for prop in PROPERTIES}

    @property
    def record_properties(self) -> list[str | QueryNested]:
        """What to read of an object for `from_properties`. The rest is there for filters, and as long again."""
        return [*sorted(RECORD_FIELDS & self.properties), PLACES]


def collection_name(identity: EncoderIdentity) -> str:
    """`Pictures_` and the encoder's id, in the characters Weaviate allows."""
    return f"{ALIAS}_{re.sub(r'[^0-9A-Za-z]', '_', identity.id)}"


def ensure_pictures(
    client: weaviate.WeaviateClient, identity: EncoderIdentity, options: StorageOptions, *, new_collection: bool = False
) -> Pictures:
    """The collection to ingest into; made when there is none, given the properties that it lacks when an older Loupe
    made it. Raises EncoderMismatch.

    `new_collection`: make or go on filling this encoder's own collection beside the live one; `switch_alias` puts it
    in place.
    """
    pictures = find_pictures(client, identity, new_collection=new_collection)
    if pictures is None:
        name = collection_name(identity)
        _create(client, name, identity, options)
        pictures = _open(client, name)
    pictures = _with_every_property(pictures)
    if client.alias.get(alias_name=ALIAS) is None:
        _create_alias(client, pictures.name)
    return pictures


def find_pictures(
    client: weaviate.WeaviateClient, identity: EncoderIdentity, *, new_collection: bool = False
) -> Pictures | None:
    """What `ensure_pictures` would give; None where it would have to make it. Raises EncoderMismatch."""
    if new_collection or client.alias.get(alias_name=ALIAS) is None:
        name = collection_name(identity)
        return _open(client, name) if client.collections.exists(name) else None
    return open_pictures(client, identity)


def live_pictures(client: weaviate.WeaviateClient) -> Pictures | None:
    """What the alias stands for, whichever encoder filled it; None while there is no library."""
    current = client.alias.get(alias_name=ALIAS)
    return None if current is None else _open(client, current.collection)


def open_pictures(client: weaviate.WeaviateClient, identity: EncoderIdentity | None = None) -> Pictures:
    """The live collection. Raises NoLibrary, and EncoderMismatch when `identity` is given and another encoder filled
    it."""
    pictures = live_pictures(client)
    if pictures is None:
        raise NoLibrary("There is no library yet. Make one with: python -m ingest FOLDER")
    if identity is not None and pictures.identity != identity:
        updated = pictures.identity.name == identity.name
        back = (
            f"An update of Loupe, of its settings or of the model changed {identity.name!r}"
            if updated
            else f"To search it, set LOUPE_ENCODER back ({pictures.identity.name})"
        )
        raise EncoderMismatch(
            f"The library {pictures.name} holds vectors of the encoder {pictures.identity.id!r}, "
            f"but this is {identity.id!r}. {back}. To change over: "
            "python -m ingest FOLDER --new-collection, then python -m server switch. The old library stays as it is."
        )
    return pictures


def list_pictures(client: weaviate.WeaviateClient) -> list[Pictures]:
    return [_open(client, name) for name in sorted(client.collections.list_all()) if name.startswith(f"{ALIAS}_")]


def switch_alias(client: weaviate.WeaviateClient, identity: EncoderIdentity) -> Pictures:
    """Point the alias at this encoder's collection, in one step. Raises NoLibrary when it was not made yet."""
    name = collection_name(identity)
    if not client.collections.exists(name):
        raise NoLibrary(f"There is no collection {name} yet. Fill it with: python -m ingest FOLDER --new-collection")
    if client.alias.get(alias_name=ALIAS) is None:
        _create_alias(client, name)
    else:
        client.alias.update(alias_name=ALIAS, new_target_collection=name)
    return _open(client, name)


def delete_library(client: weaviate.WeaviateClient) -> None:
    client.alias.delete(alias_name=ALIAS)
    for pictures in list_pictures(client):
        client.collections.delete(pictures.name)


def has_clip_module(client: weaviate.WeaviateClient) -> bool:
    return MODULE in client.get_meta().get("modules", {})


def _open(client: weaviate.WeaviateClient, name: str) -> Pictures:
    collection = client.collections.use(name)
    config = collection.config.get(simple=True)
    try:
        stored = json.loads("{" + (config.description or "").partition("{")[2])
        identity = EncoderIdentity.from_json(stored["encoder"])
    except (ValueError, KeyError, TypeError):
        raise SchemaError(
            f"The collection {name} does not say whose vectors it holds (its description is {config.description!r}), "
            "so it cannot be searched. It was not made by Loupe, or was changed by another program."
        ) from None
    properties = frozenset(prop.name for prop in config.properties)
    return Pictures(name, identity, bool(stored.get("near_text")), collection, properties)


def _with_every_property(pictures: Pictures) -> Pictures:
    """Objects that are there already have no value for a new property; the ingest gives them one."""
    missing = [prop for prop in PROPERTIES if prop.name not in pictures.properties]
    for prop in missing:
        try:
            pictures.collection.config.add_property(prop)
        except UnexpectedStatusCodeError:  # refused when another process added it in the same moment
            if prop.name not in {one.name for one in pictures.collection.config.get(simple=True).properties}:
                raise
    return replace(pictures, properties=pictures.properties | {prop.name for prop in missing})


def _create(client: weaviate.WeaviateClient, name: str, identity: EncoderIdentity, options: StorageOptions) -> None:
    near_text = has_clip_module(client)
    about = json.dumps({"encoder": identity.to_json(), "near_text": near_text}, sort_keys=True)
    try:
        client.collections.create(
            name,
            description=f"Pictures of a Loupe library; every object has three vectors of one encoder. {about}",
            properties=PROPERTIES,
            vector_config=_vectors(near_text, options),
            inverted_index_config=Configure.inverted_index(index_null_state=False, index_property_length=False),
            sharding_config=Configure.sharding(desired_count=options.shards),
            replication_config=Configure.replication(factor=options.replication),
        )
    except UnexpectedStatusCodeError:
        if not client.collections.exists(name):  # else another process made it in the same moment
            raise


def _create_alias(client: weaviate.WeaviateClient, name: str) -> None:
    try:
        client.alias.create(alias_name=ALIAS, target_collection=name)
    except UnexpectedStatusCodeError:
        if client.alias.get(alias_name=ALIAS) is None:
            raise


def _vectors(near_text: bool, options: StorageOptions) -> list[Any]:
    quantizer = Configure.VectorIndex.Quantizer.rq() if options.quantization == "rq8" else None
    index = Configure.VectorIndex.hnsw(distance_metric=VectorDistances.COSINE, quantizer=quantizer)
    look = Configure.Vectors.self_provided(name="look", vector_index_config=index)
    if not near_text:
        return [
            *(Configure.Vectors.self_provided(name=n, vector_index_config=index) for n in ("image", "caption")),
            look,
        ]
    # No inference URL here: it could never be changed. The server's CLIP_INFERENCE_API decides.
    shared = [
        Configure.Vectors.multi2vec_clip(name=n, image_fields=[UNFILLED], vector_index_config=index)
        for n in ("image", "caption")
    ]
    return [*shared, look]


def text_property(name: str, *, many: bool = False, words: bool = False, filterable: bool = True) -> Property:
    """A text property: whole and exact (`FIELD`), or split into words for BM25."""
    return Property(
        name=name,
        data_type=DataType.TEXT_ARRAY if many else DataType.TEXT,
        tokenization=Tokenization.WORD if words else Tokenization.FIELD,
        index_filterable=filterable,
        index_searchable=words,
    )


def _numbers(names: str, data_type: DataType) -> list[Property]:
    return [
        Property(name=name, data_type=data_type, index_filterable=True, index_range_filters=True)
        for name in names.split()
    ]


_UNINDEXED = {"index_filterable": False, "index_searchable": False}
PROPERTIES = [
    Property(
        name="places",
        data_type=DataType.OBJECT_ARRAY,
        nested_properties=[
            Property(name="path", data_type=DataType.TEXT, **_UNINDEXED),
            Property(name="size", data_type=DataType.INT, index_filterable=False),
            Property(name="mtime_us", data_type=DataType.INT, index_filterable=False),
            Property(name="root", data_type=DataType.TEXT, **_UNINDEXED),
        ],
        **_UNINDEXED,
    ),
    *(text_property(name, words=True) for name in ("file_name", "caption", "tag_words")),
    *(text_property(name) for name in ("sha256", "caption_source", "tags_source", "taken_source", "month")),
    *(text_property(name) for name in ("format", "camera", "camera_folded", "orientation")),
    *(text_property(name, many=True) for name in ("paths", "paths_folded", "folders", "roots", "tags", "own_tags")),
    *(text_property(name, many=True) for name in ("phrases", "name_phrases", "colours", "cells")),
    *(text_property(name, many=True, filterable=False) for name in ("file_tags", "swatches")),
    *(text_property(name, filterable=False) for name in ("caption_place", "tags_place", "phash")),
    *(text_property(name, filterable=False) for name in ("sidecars", "sidecars_place")),
    *_numbers("width height bytes n_frames year described", DataType.INT),
    *_numbers("latitude longitude megapixels", DataType.NUMBER),
    *_numbers("taken_at taken_local modified_at added_at", DataType.DATE),
    *(Property(name=name, data_type=DataType.BOOL) for name in ("captioned", "truncated", "animated")),
]
