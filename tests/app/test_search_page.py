"""The search page, state by state, on the samples."""

import io
import uuid
from pathlib import Path

import numpy as np
import psutil
import pytest
import weaviate
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from api.connection import Connection
from api.context import AppContext
from encoder.protocol import Encoder
from errors import EncoderError, Unreachable
from schema.client import Address
from schema.collection import StorageOptions, ensure_pictures
from tests.app.conftest import open_page, parts_of, search_script, texts, tiles
from tests.conftest import SAMPLES

CASTLE = "castle"


def ask(page: AppTest, words: str) -> AppTest:
    page.text_input(key="words").set_value(words)
    return page.form_submit_button[0].click().run()


def chip(page: AppTest, label: str) -> Button:
    """The button of one part of the question."""
    [found] = [b for b in page.button if (b.key or "").startswith("chip-") and b.label.replace("\\", "") == label]
    return found


def unfold(page: AppTest) -> AppTest:
    """The unlikely ones too."""
    if any(toggle.key == "unlikely-open" for toggle in page.toggle):
        page.toggle(key="unlikely-open").set_value(True).run()
    return page


def upload(page: AppTest, name: str, data: bytes) -> AppTest:
    return page.file_uploader[0].upload(name, data).run()


def png(size: tuple[int, int]) -> bytes:
    output = io.BytesIO()
    Image.new("1", size).save(output, "PNG")
    return output.getvalue()


def test_the_first_page_asks_and_gives_six_examples(context: AppContext) -> None:
    page = open_page(search_script, context)
    assert not page.exception
    assert page.title[0].value == "Find a picture"
    assert "100 pictures" in texts(page)
    assert len([b for b in page.button if (b.key or "").startswith("go-example-")]) == 6
    assert not tiles(page)


def test_every_example_question_works_on_the_samples(context: AppContext) -> None:
    """The picture an example is shown with has one of these words in its caption."""
    expected = {
        "musical instruments": ("drum", "guitar", "violin", "music"),
        "a bridge at night": ("bridge",),
        "somebody reading a book": ("reading",),
        "a green bicycle": ("bicycle",),
        "a castle": ("castle",),
        "something to eat": ("banana", "fig", "melon", "citrus", "fruit"),
    }
    for text, words in expected.items():
        page = open_page(search_script, context, q=text, limit="24")
        first = next(e.value for e in page.html if "loupe-number" in e.value).lower()
        assert any(word in first for word in words), (text, first[:200])


def test_words_find_pictures_and_stand_in_the_address(context: AppContext) -> None:
    page = ask(open_page(search_script, context), "a castle on a hill")
    assert not page.exception
    assert page.query_params["q"] == "a castle on a hill"
    assert "100 pictures · " in texts(page)
    assert len(tiles(unfold(page))) == 24
    alts = [e.value for e in page.html if "loupe-tile" in e.value]
    assert len(alts) == 24 and all('alt="' in alt and "/app/static/thumbs/" in alt for alt in alts)


def test_a_shared_address_shows_the_same_hits(context: AppContext) -> None:
    """The whole question: words, filter, weights, page size and page."""
    page = ask(open_page(search_script, context), "water")
    page.toggle(key="filters_open").set_value(True).run()
    page.button(key=f"folder1-{SAMPLES}/photos").click().run()
    page.pills(key="preset").set_value("What it says").run()
    page.segmented_control(key="size").set_value(48).run()
    page.get("pagination")[0]
    address = {name: page.query_params[name] for name in page.query_params}
    assert set(address) == {"q", "filter", "target", "limit", "collapse"}
    again = open_page(search_script, context, **address, offset="48")
    first = open_page(search_script, context, **address)
    assert tiles(first) == tiles(page)
    assert len(tiles(again)) == 12 and not set(tiles(again)) & set(tiles(first))


def test_more_like_this_asks_with_the_picture(context: AppContext) -> None:
    page = ask(open_page(search_script, context), "a castle")
    first = tiles(page)[0]
    page.button(key=f"like-{first}").click().run()
    assert not page.exception
    assert page.query_params["like"] == first
    assert "q" not in page.query_params
    assert first not in tiles(page)
    page.button(key="chip-plus-0").click().run()
    assert not tiles(page)


def test_the_details_show_the_whole_picture_its_data_and_its_neighbours(context: AppContext) -> None:
    page = ask(open_page(search_script, context), "a castle")
    first = tiles(page)[0]
    page.button(key=f"open-{first}").click().run()
    assert not page.exception
    assert page.query_params["item"] == first
    html = "\n".join(e.value for e in page.html)
    assert f"/originals/{first}" in html
    assert "neuschwanstein-castle.jpg" in html
    assert "Number 1 of 100 for your question" in texts(page)
    assert len([b for b in page.button if (b.key or "").startswith("go-")]) == 12
    page.button(key="detail-like").click().run()
    assert page.query_params["like"] == first
    assert "item" not in page.query_params


def test_details_are_shareable_by_themselves(context: AppContext) -> None:
    item = tiles(open_page(search_script, context, q="a castle"))[0]
    page = open_page(search_script, context, item=item)
    assert f"/originals/{item}" in "\n".join(e.value for e in page.html)


def test_each_part_of_the_question_can_be_taken_away(context: AppContext) -> None:
    page = open_page(search_script, context, q=["a castle", "at night"], filter=["tags.any=photo"])
    chip(page, "at night").click().run()
    assert page.query_params["q"] == "a castle"
    chip(page, "tags.any:photo").click().run()
    assert "filter" not in page.query_params
    page.button(key="start-over").click().run()
    assert not page.query_params
    assert page.text_input(key="words").value == ""


def test_weights_and_words_too(context: AppContext) -> None:
    page = open_page(search_script, context, q="violin")
    page.slider(key="weight-look").set_value(0.3).run()
    assert page.query_params["target"] == ["image=1", "look=0.3", "caption=1"]
    page.pills(key="preset").set_value("Automatic").run()
    assert "target" not in page.query_params
    page.toggle(key="hybrid").set_value(True).run()
    assert page.query_params["words"] == "1"
    assert "violin" in next(e.value for e in page.html if "loupe-number" in e.value).lower()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"limit": "1000000000"}, "Limit must be 1 to 1000"),
        ({"offset": "-1"}, "Offset must be 0 or more"),
        ({"offset": "1e3"}, "must be a whole number"),
        ({"filter": "flavour=red"}, "Unknown filter 'flavour'"),
        ({"filter": "colour=mauve"}, "'mauve' is no colour"),
        ({"filter": "near=91,0,5"}, "latitude is from -90 to 90"),
        ({"diversity": "nan"}, "Diversity must be 0 to 1"),
        ({"strategy": "median"}, "Strategy is one of"),
        ({"filter": "taken>=someday"}, "is not a date"),
        ({"filter": "%%%"}, "cannot be read"),
        ({"like": "nonsense"}, "is not the uuid of a picture"),
        ({"like": str(uuid.UUID(int=1))}, "There is no picture"),
        ({"target": "look=1"}, "Words cannot be compared"),
        ({"target": "colour=1"}, "Unknown target"),
        ({"q": "x" * 2500}, "2500 characters"),
    ],
)
def test_a_nonsense_address_is_a_sentence(context: AppContext, params: dict[str, str], words: str) -> None:
    page = open_page(search_script, context, **({"q": "cat"} | params))
    assert not page.exception
    assert words in (page.warning or page.error)[0].value.replace("\\", "")
    assert not tiles(page)


@pytest.mark.parametrize("item", ["nonsense", str(uuid.UUID(int=1))])
def test_details_of_nothing_are_a_sentence(context: AppContext, item: str) -> None:
    page = open_page(search_script, context, q="cat", item=item)
    assert not page.exception
    assert item in page.warning[0].value.replace("\\", "")
    assert tiles(page)


def test_beyond_the_last_page_leads_back(context: AppContext) -> None:
    page = open_page(search_script, context, q="cat", offset="240")
    assert "There are 100 pictures" in page.info[0].value
    page.button[-1].click().run()
    assert len(tiles(unfold(page))) == 24


def test_an_uploaded_picture_finds_itself_and_is_not_kept(context: AppContext) -> None:
    data = (context.samples / "drawings" / "violin.png").read_bytes()
    page = upload(open_page(search_script, context), "my *violin*.png", data)
    assert not page.exception
    assert "violin" in next(e.value for e in page.html if "loupe-number" in e.value).lower()
    assert "not part of the address" in texts(page)
    assert page.query_params == {"collapse": "1"}
    assert page.file_uploader[0].value is None
    assert len(tiles(unfold(ask(page, "red")))) == 24
    page.button(key="chip-picture").click().run()
    assert page.query_params["q"] == "red"
    assert "chip-picture" not in [b.key for b in page.button]


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "0 bytes"), (b"GIF89a", "cannot be decoded"), (b"hello", "no picture format")]
)
def test_a_corrupt_upload_is_a_sentence(context: AppContext, data: bytes, words: str) -> None:
    page = upload(open_page(search_script, context), "holiday.png", data)
    assert not page.exception
    message = page.error[0].value.replace("\\", "")
    assert "holiday.png cannot be used" in message and words in message


def test_row_27_a_picture_of_30000_by_30000_is_refused_by_its_pixels(context: AppContext) -> None:
    """It is refused before a pixel is decoded: memory comes back to where it was."""
    data = png((30_000, 30_000))
    page = open_page(search_script, context)
    before = psutil.Process().memory_info().rss
    page = upload(page, "huge.png", data)
    assert not page.exception
    assert "900.0 megapixels (30000 x 30000)" in page.error[0].value.replace("\\", "")
    assert psutil.Process().memory_info().rss - before < 50e6


def test_row_27_sixty_tiles_hold_no_picture_bytes(context: AppContext) -> None:
    """Tiles are addresses: a page of 60 is some tens of kB of HTML, whatever the pictures weigh."""
    page = open_page(search_script, context, q="animal", limit="60")
    page.toggle(key="unlikely-open").set_value(True).run()
    assert len(tiles(page)) == 60
    assert not page.get("imgs")
    assert sum(len(e.value) for e in page.html if "loupe-tile" in e.value) < 60 * 1500


def test_a_hostile_caption_is_text(
    context: AppContext, empty: weaviate.WeaviateClient, colours: Encoder, address: Address, tmp_path: Path
) -> None:
    """A caption is whatever somebody wrote into a file."""
    from schema.record import ImageRecord, Place, to_properties

    caption = '"><img src=x onerror=alert(1)><script>alert(2)</script> **bold** :red[x]'
    record = ImageRecord("0" * 64, (Place("/a/b.jpg", 1, 1, "/a"),), 10, 10, 1, "JPEG", caption=caption)
    pictures = ensure_pictures(empty, colours.identity, StorageOptions())
    vectors = {name: np.eye(dim)[0].tolist() for name, dim in pictures.identity.dims.items()}
    pictures.collection.data.insert(to_properties(record), uuid=record.uuid, vector=vectors)
    connection = Connection(lambda: address, lambda: colours)
    page = open_page(search_script, parts_of(tmp_path, connection), q="red", item=str(record.uuid))
    html = "\n".join(e.value for e in page.html)
    assert "<script>alert" not in html and "<img src=x" not in html
    assert "&lt;script&gt;" in html
    connection.close()


def test_an_empty_library_offers_the_samples_and_a_folder(
    empty: weaviate.WeaviateClient, context: AppContext, address: Address, specialists: Encoder, tmp_path: Path
) -> None:
    from schema.collection import delete_library

    delete_library(empty)
    connection = Connection(lambda: address, lambda: specialists)
    page = open_page(search_script, parts_of(tmp_path, connection))
    assert not page.exception
    assert page.title[0].value == "There are no pictures yet"
    assert page.button(key="samples").label == "Try the sample pictures"
    assert page.text_input(key="folder").label == "A folder of pictures"
    connection.close()


def test_row_36_without_a_database_the_page_says_how_to_start_it(tmp_path: Path, specialists: Encoder) -> None:
    def nowhere() -> Address:
        raise Unreachable("Weaviate did not answer at http://127.0.0.1:8080. Start it with: python -m server start.")

    page = open_page(search_script, parts_of(tmp_path, Connection(nowhere, lambda: specialists)), q="cat")
    assert not page.exception
    assert "python -m server start" in page.error[0].value.replace("\\", "")
    assert "goes on by itself" in texts(page)


def test_an_encoder_that_cannot_be_loaded_asks_for_a_restart(
    context: AppContext, address: Address, tmp_path: Path
) -> None:
    def load() -> Encoder:
        raise EncoderError("The encoder 'clop' is not known.")

    connection = Connection(lambda: address, load)
    page = open_page(search_script, parts_of(tmp_path, connection), q="cat")
    connection.close()
    assert "restart the app after correcting LOUPE_ENCODER" in page.error[0].value.replace("\\", "")
    assert "goes on by itself" not in texts(page)


@pytest.mark.parametrize("name", ["scan.jfif", "3d.MPO", "film.j2k", "phone.HIF"])
def test_whatever_is_ingested_may_ask_too(context: AppContext, name: str) -> None:
    """What the file is called is no reason against it; what it holds is told by its first bytes."""
    data = (SAMPLES / "photos" / "eiffel-tower.jpg").read_bytes()
    page = upload(open_page(search_script, context), name, data)
    assert not page.exception and not page.error
    assert name in texts(page).replace("\\", "")
