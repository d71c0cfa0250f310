"""Names in every spelling: composed and decomposed letters, cases, slashes, formats; and what was meant by a name that
nothing has. A real Weaviate."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest
import weaviate
from PIL import Image

import schema.record
from ingest.files import check_root
from ingest.ledger import Ledger
from schema.collection import StorageOptions, ensure_pictures
from schema.documents import DocumentStore
from schema.record import ImageRecord, Place, sha256_of
from search.albums import find, keep
from search.explain import MOST, alike, find_meant
from search.filters import Condition
from search.grammar import parse
from search.query import Query, Term
from search.results import note
from search.searcher import Searcher
from tests.colours import ColourEncoder


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


PICTURES = {  # path, root, tags, camera, format
    "mac": (
        nfd("/Volumes/Fotos/Été/Café Zürich.jpg"),
        "/Volumes/Fotos",
        ("Café", "dog"),
        "Apple iPhone 12 Pro",
        "JPEG",
    ),
    "nas": (nfc("/nas/Été/CAFÉ.JPG"), nfc("/nas/Été"), ("cat",), "Apple iPhone 13", "MPO"),
    "root": (nfd("/media/Ångström/a.heic"), nfd("/media/Ångström"), ("cat", "night"), "NIKON D90", "HEIF"),
    "hangul": (nfd("/média/사진/한국.tif"), nfd("/média/사진"), ("Paris, France",), "Nikon Z6", "TIFF"),
    "plain": ("/photos/2023/bridge.png", "/photos", ("bridge",), "", "PNG"),
    "mixed": (nfc("/zip/Été/") + nfd("Brücke/Größe.png"), nfc("/zip/Été/") + nfd("Brücke"), (), "", "PNG"),
}
"""The last one was unpacked on a NAS from a Mac's archive."""


def store(client: weaviate.WeaviateClient, encoder: ColourEncoder) -> Searcher:
    pictures = ensure_pictures(client, encoder.identity, StorageOptions(), new_collection=True)
    records = []
    for name, (path, root, tags, camera, kind) in PICTURES.items():
        places = (Place(path, 10, 0, root),)
        records.append(
            ImageRecord(
                sha256_of(name.encode()), places, 40, 30, 10, kind, "a café at night" if name == "nas" else "",
                file_tags=tags, camera=camera, described=schema.record.DESCRIBED,
            )
        )  # fmt: skip
    rows = encoder.encode_images([Image.new("RGB", (4, 4), (50 * i, 9, 9)) for i in range(len(records))])
    vectors = [{"image": image, "caption": image, "look": look} for image, look in zip(*rows.values(), strict=True)]
    assert Ledger(pictures, wait_s=10).add(list(zip(records, vectors, strict=True))) == []
    return Searcher(pictures, encoder)


@pytest.fixture(scope="module")
def searcher(client: weaviate.WeaviateClient) -> Iterator[Searcher]:
    searcher = store(client, ColourEncoder(revision="names"))
    yield searcher
    client.collections.delete(searcher.pictures.name)


@pytest.fixture(scope="module")
def older(client: weaviate.WeaviateClient) -> Iterator[Searcher]:
    """The same as an older Loupe stored it: names as the disk writes them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(schema.record, "folded", str.casefold)
        patched.setattr(schema.record, "folder_of", lambda folder: folder)
        searcher = store(client, ColourEncoder(revision="older names"))
    yield searcher
    client.collections.delete(searcher.pictures.name)


def found(searcher: Searcher, line: str) -> set[str]:
    """Names in PICTURES."""
    terms, conditions = parse(line)
    names = {record[0]: name for name, record in PICTURES.items()}
    hits = searcher.search(Query(terms, filters=conditions)).hits
    return {names[hit.record.places[0].path] for hit in hits}


SPELLED = [
    ("path:café", {"mac", "nas"}),
    ("path:CAFÉ", {"mac", "nas"}),
    ("path:zürich", {"mac"}),
    ("path:한국", {"hangul"}),
    ("folder:/Volumes/Fotos/Été", {"mac"}),
    ("folder://Volumes//Fotos/Été/", {"mac"}),
    ("folder:/nas/Été", {"nas"}),
    ("folder:/nas", {"nas"}),
    ("folder:/media/Ångström", {"root"}),
    ("folder:/media/", {"root"}),
    ("folder:/média", {"hangul"}),
    ("-folder:/média/사진", {"mac", "nas", "root", "plain", "mixed"}),
    ("folder:/zip/Été", {"mixed"}),
    ("tag:Café", {"mac"}),
    ("tags.none:Café,cat", {"hangul", "plain", "mixed"}),
    ("“CAFÉ zürich”", {"mac"}),
    ("«café at night»", {"nas"}),
]
FORMS = [
    ("path:été/brücke/GRÖSSE", {"mixed"}),
    ("folder:/zip/Été/Brücke", {"mixed"}),
    ("folder:/zip", {"mixed"}),
    ("camera:iphone", {"mac", "nas"}),
    ("camera:NIKON", {"root", "hangul"}),
    ("camera=NIKON", set()),
    ('camera="Apple iPhone 13"', {"nas"}),
    ("-camera:iphone", {"root", "hangul", "plain", "mixed"}),
    ("format:jpeg", {"mac", "nas"}),
    ("format:jpg", {"mac", "nas"}),
    ("format:.JPG", {"mac", "nas"}),
    ("-format:JPEG", {"root", "hangul", "plain", "mixed"}),
    ("format:mpo", {"nas"}),
    ("format:HEIC", {"root"}),
    ("format:tif", {"hangul"}),
    ("format：png", {"plain", "mixed"}),
    ("–tag:cat −tag:dog", {"hangul", "plain", "mixed"}),
    ("width：40 captioned:Yes", {"nas"}),
]


@pytest.mark.parametrize("form", [nfc, nfd])
@pytest.mark.parametrize(("line", "expected"), SPELLED + FORMS)
def test_a_name_is_found_in_every_spelling(searcher: Searcher, line: str, expected: set[str], form: object) -> None:
    assert found(searcher, form(line)) == expected  # type: ignore[operator]


@pytest.mark.parametrize("form", [nfc, nfd])
@pytest.mark.parametrize(("line", "expected"), SPELLED)
def test_names_of_an_older_library_are_found_before_the_next_ingest(
    older: Searcher, line: str, expected: set[str], form: object
) -> None:
    assert found(older, form(line)) == expected  # type: ignore[operator]


@pytest.mark.parametrize(
    "path",
    [
        *(form(path) for form in (nfc, nfd) for path, *_ in PICTURES.values()),
        *(
            "Café Zürich.jpg",
            "café zürich.JPG",
            "//Volumes//Fotos/Été/Café Zürich.jpg",
            "été/cafe\u0301.jpg",
            "사진/한국.tif",
        ),
    ],
)
def test_a_picture_is_named_by_its_path_in_every_spelling(searcher: Searcher, older: Searcher, path: str) -> None:
    for one in (searcher,) if path.startswith("/zip") else (searcher, older):
        hits = one.search(Query((Term(path=path),))).hits
        assert len(hits) == len(PICTURES) - 1
        [left_out] = {record[0] for record in PICTURES.values()} - {hit.record.places[0].path for hit in hits}
        assert nfc(PurePath(path).name).casefold() == nfc(PurePath(left_out).name).casefold()


def test_facets_of_an_older_library_have_one_form_too(older: Searcher) -> None:
    values = [value for facet in older.facets().values() for value, _ in facet]
    assert values == [nfc(value) for value in values] and nfc("/media/Ångström") in values


def test_facets_have_one_form_and_lead_back_to_what_they_count(searcher: Searcher) -> None:
    facets = searcher.facets()
    asked = searcher.search(Query((Term(text="red"),), facets=True, limit=5)).facets
    assert dict(asked["format"]).keys() <= dict(facets["format"]).keys()
    assert {value for value, _ in asked["folder"]} <= {value for value, _ in facets["folder"]}
    assert dict(facets["format"]) == {"JPEG": 2, "HEIF": 1, "PNG": 2, "TIFF": 1}
    for facet, field in (("folder", "folder"), ("camera", "camera"), ("format", "format"), ("tag", "tags.any")):
        for value, count in facets[facet]:
            assert value == nfc(value)
            text = f'{field}="{value}"' if field == "tags.any" else f"{field}={value}"
            assert searcher.count((Condition.parse(text),)) == count, text


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("tag:Cat", "No picture has tag:Cat. Did you mean tag:cat?"),
        ("tag:brigde", "No picture has tag:brigde. Did you mean tag:bridge?"),
        ("red tag:Paris", 'No picture has tag:Paris. Did you mean tag:"Paris, France"?'),
        ("tags.all:cat,nihgt", "No picture has tag:nihgt. Did you mean tags.all:cat,night?"),
        ("camera=iphone", "No picture has camera=iphone. Did you mean camera~iphone?"),
        ("camera:Niokn", 'No picture has camera~Niokn. Did you mean camera="Nikon Z6"?'),
        ("format:JPGE", "No picture has format:JPGE. Did you mean format:JPEG?"),
        ("folder:2023", "No picture has folder:2023. Did you mean folder:/photos/2023?"),
        ("folder:/photos/2032", "No picture has folder:/photos/2032. Did you mean folder:/photos/2023?"),
        ("red -tag:Dog", "No picture has tag:Dog. Did you mean -tag:dog?"),
        ("red tags.none:Cat,dog", "No picture has tag:Cat. Did you mean tags.none:cat,dog?"),
        ("tag:zeppelin", "No picture of the library passes tags=zeppelin. Take a filter away, or correct it."),
        ("tag:cat tag:bridge", "No picture of the library passes tags=cat, tags=bridge. Take a filter away"),
    ],
)
def test_a_name_that_nothing_has_is_said_with_what_it_may_have_meant(
    searcher: Searcher, line: str, sentence: str
) -> None:
    terms, conditions = parse(line)
    query = Query(terms, filters=conditions)
    said = note(query, searcher.answer(query))
    assert sentence in said
    assert said.count("Did you mean") == ("Did you mean" in sentence)


def test_what_is_there_is_never_corrected(searcher: Searcher) -> None:
    for line in ("tag:cat,Cat", "red -tag:dog", "camera:iphone", "format:jpg", "folder:/media", "tag:cat tag:bridge"):
        assert searcher.answer(Query(parse(line)[0], filters=parse(line)[1])).meant == (), line


def test_nothing_is_offered_that_does_not_look_alike() -> None:
    known = {"cat": 3, "Apple iPhone 12": 1, "/photos/2023": 9, "bride": 2}
    assert alike("zeppelin", known) is alike("x", known) is alike("12 monkeys", known) is None
    assert alike("ho", known) is alike("20", known) is None, "two letters are in too many names"
    assert (alike("CAT", known), alike("brides", known), alike("iPhone", known)) == ("cat", "bride", "Apple iPhone 12")


def test_of_a_thousand_tags_a_few_are_looked_up() -> None:
    """Each costs a count, within the seconds that a question has."""
    counted: list[Condition] = []
    tags = Condition.parse("tags.none=" + ",".join(f"t{number}" for number in range(400)))
    find_meant([tags], 9, lambda some: counted.extend(some) or 0, lambda names: {name: {} for name in names})
    assert 0 < len(counted) <= MOST


def test_an_album_is_found_in_every_spelling(client: weaviate.WeaviateClient) -> None:
    albums = DocumentStore(client, "Albums")
    keep(albums, nfd("Été à Zürich"), Query((Term(text="red"),)), "colours")
    try:
        for name in (nfc("Été à Zürich"), nfd("ÉTÉ À ZÜRICH"), "  été  à zürich "):
            assert find(albums, name).name == nfc("Été à Zürich")
    finally:
        albums.delete("Été à Zürich")


def test_two_slashes_before_a_root_are_one(tmp_path: Path) -> None:
    assert check_root(Path(f"/{tmp_path}")) == check_root(Path(f"{tmp_path}//")) == tmp_path
