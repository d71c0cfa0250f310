"""What a person keeps under a name: albums and profiles, in Weaviate, one collection without vectors for each kind.

A document is a JSON object, whatever is in it.

The user's data in Weaviate: unlike pictures, which `python -m ingest` stores again, these documents exist nowhere else.
A backup has to include the collections `COLLECTIONS`. They belong to no library: `delete_library` (python -m server
reset) and an encoder's change leave them, `list_pictures` does not see them.
"""

import json
import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import weaviate
from weaviate.classes.config import Configure, DataType, Property
from weaviate.classes.data import DataObject
from weaviate.collections import Collection
from weaviate.exceptions import UnexpectedStatusCodeError

from errors import DocumentError, NameTaken, NameUnknown, SchemaError
from schema.client import answering
from schema.collection import ALIAS, text_property
from schema.patience import Patience
from schema.record import NAMESPACE, now

Kind = Literal["Albums", "Profiles"]
COLLECTIONS: Mapping[Kind, str] = {"Albums": "LoupeAlbums", "Profiles": "LoupeProfiles"}
ONE: Mapping[Kind, str] = {"Albums": "album", "Profiles": "profile"}
MAX_NAME = 100
MAX_BYTES = 1_000_000
"""Of a document, as UTF-8 JSON."""
MAX_NAMES = 1000
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode's categories of control characters, marks without a shape, halves of pairs, unassigned ones, line ends."""
JOINERS = "\u200c\u200d"
"""Persian words and composed emoji are written with them."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Entry:
    """What is kept, without its document."""

    name: str
    encoder: str
    """Id of the encoder whose library was open when it was saved."""
    changed_at: datetime


@dataclass(frozen=True)
class Document(Entry):
    document: Mapping[str, Any]


class DocumentStore:
    """Every method raises Unreachable while Weaviate is away, and DocumentError for what cannot be done as asked.

    Names that differ in case, in blanks around or between words, or in how an accent is written are one name.
    """

    def __init__(self, client: weaviate.WeaviateClient, kind: Kind, patience: Patience | None = None) -> None:
        self._client = client
        self._kind = kind
        self._one = ONE[kind]
        self._patience = patience or Patience()
        self._name = COLLECTIONS[kind]
        self._collection: Collection[Any, Any] = client.collections.use(self._name)

    def save(self, name: str, document: Mapping[str, Any], encoder: str, *, new: bool = False) -> Document:
        """Kept from now on, in the place of what had that name; with `new`, NameTaken where there is one already.

        Weaviate has no "insert if absent": of two who take a new name in the same moment, the later one stays.
        """
        name = check_name(name, self._one)
        text = self._check_document(name, document)
        entry = Document(name, encoder, now(), document)
        key = self._key(name)

        def store() -> None:
            if not self._collection.exists():
                self._create()
            if not self._collection.data.exists(key):
                self._check_room(name)
            elif new:
                raise self._taken(name)
            self._put(key, entry, text)

        self._ask(store)
        return entry

    def load(self, name: str) -> Document:
        name = check_name(name, self._one)
        found = self._ask(
            lambda: self._collection.query.fetch_object_by_id(self._key(name)) if self._collection.exists() else None
        )
        if found is None:
            raise self._unknown(name)
        entry = _entry(found.properties)
        try:
            document = json.loads(str(found.properties.get("document")))
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise DocumentError(
                f"The {self._one} {name!r} cannot be read: another program changed its document. Delete it."
            )
        return Document(entry.name, entry.encoder, entry.changed_at, document)

    def list(self) -> list[Entry]:
        found = self._ask(
            lambda: (
                self._collection.query.fetch_objects(
                    limit=10 * MAX_NAMES, return_properties=["name", "encoder", "changed_at"]
                ).objects
                if self._collection.exists()
                else []
            )
        )
        return sorted((_entry(one.properties) for one in found), key=lambda entry: (_folded(entry.name), entry.name))

    def delete(self, name: str) -> None:
        name = check_name(name, self._one)
        key = self._key(name)
        if not self._ask(lambda: self._collection.exists() and self._collection.data.delete_by_id(key)):
            raise self._unknown(name)

    def rename(self, old: str, new: str) -> Document:
        """Raises NameUnknown and NameTaken. The new name is stored before the old one goes: what is cut off in between
        leaves both."""
        kept = self.load(old)
        name = check_name(new, self._one)
        same = self._key(name) == self._key(kept.name)
        saved = self.save(name, kept.document, kept.encoder, new=not same)
        if not same:
            self.delete(old)
        return saved

    def _key(self, name: str) -> uuid.UUID:
        return uuid.uuid5(NAMESPACE, f"{self._kind}:{_folded(name)}")

    def _put(self, key: uuid.UUID, entry: Document, text: str) -> None:
        properties = {
            "name": entry.name,
            "document": text,
            "encoder": entry.encoder,
            "changed_at": entry.changed_at,
        }
        if errors := self._collection.data.insert_many([DataObject(uuid=key, properties=properties)]).errors:
            raise SchemaError(f"Weaviate refused the {self._one} {entry.name!r}: {errors[0].message}.")

    def _check_room(self, name: str) -> None:
        count = self._collection.aggregate.over_all(total_count=True).total_count or 0
        if count >= MAX_NAMES:
            raise DocumentError(
                f"There are {count:,} {self._one}s, the most there can be. Delete one to save {name!r}."
            )

    def _check_document(self, name: str, document: Mapping[str, Any]) -> str:
        try:
            text = json.dumps(dict(document), ensure_ascii=False, allow_nan=False)
            size = len(text.encode())
        except (TypeError, ValueError) as error:
            raise DocumentError(f"The {self._one} {name!r} cannot be kept: it is no JSON ({error}).") from None
        if size > MAX_BYTES:
            raise DocumentError(
                f"The {self._one} {name!r} takes {size:,} bytes; at most {MAX_BYTES:,} are kept. Take something away."
            )
        return text

    def _taken(self, name: str) -> NameTaken:
        return NameTaken(f"There is {_a(self._one)} {name!r} already. Choose another name, or delete that one.")

    def _unknown(self, name: str) -> NameUnknown:
        return NameUnknown(f"There is no {self._one} {name!r} (any more).")

    def _create(self) -> None:
        try:
            self._client.collections.create(
                self._name,
                description=f"The {self._kind.lower()} of Loupe's users. They exist nowhere else: back them up.",
                properties=PROPERTIES,
                vector_config=Configure.Vectors.self_provided(vector_index_config=Configure.VectorIndex.flat()),
                inverted_index_config=Configure.inverted_index(index_null_state=False, index_property_length=False),
                replication_config=Configure.replication(factor=self._replication()),
            )
        except UnexpectedStatusCodeError:
            if not self._collection.exists():  # else another process made it in the same moment
                raise

    def _replication(self) -> int:
        """As many copies as the pictures have."""
        live = self._client.alias.get(alias_name=ALIAS)
        if live is None:
            return 1
        return int(self._client.collections.use(live.collection).config.get().replication_config.factor)

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        with self._patience.question():
            with answering(self._patience, SchemaError, f"what was asked of its {self._kind}"):
                return question()


def check_name(name: str, one: str = "album") -> str:
    """The name as it is kept: without blanks around it, and with single ones inside. Raises DocumentError."""
    if not isinstance(name, str):
        raise DocumentError(f"The name of {_a(one)} is a text, got {type(name).__name__}.")
    kept = re.sub(r" +", " ", unicodedata.normalize("NFC", name).strip())
    if not kept:
        raise DocumentError(f"The name is empty. Type one for the {one}.")
    if len(kept) > MAX_NAME:
        raise DocumentError(f"The name {kept[:20]!r}… has {len(kept):,} characters; at most {MAX_NAME} are allowed.")
    if bad := next((c for c in kept if unicodedata.category(c) in UNSEEN and c not in JOINERS), None):
        raise DocumentError(f"The name {kept!r} holds {bad!r}, which cannot be seen. Type it again without it.")
    return kept


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _a(one: str) -> str:
    return f"{'an' if one[0] in 'aeiou' else 'a'} {one}"


def _entry(properties: Mapping[str, Any]) -> Entry:
    return Entry(str(properties["name"]), str(properties.get("encoder") or ""), properties["changed_at"])


PROPERTIES = [
    text_property("name"),
    text_property("document", filterable=False),
    text_property("encoder"),
    Property(name="changed_at", data_type=DataType.DATE, index_filterable=True),
]
