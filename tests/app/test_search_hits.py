"""What the search page makes of the hits: likely and unlikely ones, near-duplicates, deep pages, places."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
import weaviate
from PIL import Image
from streamlit.testing.v1 import AppTest

from api.connection import Connection
from api.context import AppContext
from app_pages.search import page as search_page
from encoder.protocol import Encoder
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.client import Address
from schema.collection import StorageOptions, delete_library, ensure_pictures
from schema.record import ImageRecord
from search.ranking import WINDOWS
from search.relevance import ThresholdOptions
from search.results import Hit, Results, Timing
from tests.app.conftest import open_page, parts_of, search_script, texts, tiles
from tests.conftest import SAMPLES

NONSENSE = "quarterly tax spreadsheet"


def results(hits: int = 24, **changes: object) -> Results:
    made = tuple(Hit(uuid.UUID(int=n), ImageRecord(f"{n:064}", (), 1, 1, 1, "PNG"), 0.5) for n in range(hits))
    values = {"total": 700, "offset": 0, "limit": 24, "timing": Timing(1, 2, 23.4), "above": 48, "threshold": 2.0}
    return Results(made, **(values | changes))  # type: ignore[arg-type]


def below(page: AppTest) -> list[str]:
    """The grids of pictures that are drawn faint."""
    return [e.value for e in page.html if "loupe-faint" in e.value]


def test_unlikely_hits_are_folded_and_drawn_only_when_opened(context: AppContext) -> None:
    page = open_page(search_script, context, q="a castle")
    [toggle] = [toggle for toggle in page.toggle if toggle.key == "unlikely-open"]
    likely = len(tiles(page))
    assert 0 < likely < 24 and not below(page)
    assert toggle.label == f"{24 - likely} more, unlikely"
    page.toggle(key="unlikely-open").set_value(True).run()
    assert len(tiles(page)) == 24 and len(below(page)) == 24 - likely


def test_nonsense_is_no_good_match_with_the_nearest_three(context: AppContext) -> None:
    page = open_page(search_script, context, q=NONSENSE)
    assert not page.exception
    assert "No good match." in texts(page) and "0 likely of 100 pictures" in texts(page)
    assert len(tiles(page)) == 3 == len(below(page))
    assert "21 more, unlikely" in [toggle.label for toggle in page.toggle]


def test_a_page_beyond_the_likely_ones_is_drawn_and_said_to_be(context: AppContext) -> None:
    page = open_page(search_script, context, q=NONSENSE, offset="48")
    assert "every picture lies below the line" in texts(page)
    assert len(tiles(page)) == 24 == len(below(page))


def test_every_tile_says_where_it_lies_on_the_scale(context: AppContext) -> None:
    page = open_page(search_script, context, q="a castle on a hill")
    shown = [e.value for e in page.html if "loupe-number" in e.value]
    assert all("loupe-marked" in html and 'title="Likely. Similarity' in html for html in shown)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "48 likely of 700 pictures · 23 ms"),
        ({"above": WINDOWS[0]}, f"at least {WINDOWS[0]} likely of 700 pictures · 23 ms"),
        ({"threshold": None, "above": 24}, "700 pictures · 23 ms"),
        ({"total": 1, "above": 1}, "1 likely of 1 picture · 23 ms"),
    ],
)
def test_the_count_says_what_is_known(changes: dict[str, object], said: str) -> None:
    assert search_page.summary(results(**changes)) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "Counts of all that pass the filters."),
        (results(counted=12), "Counts of 12 likely pictures."),
        (results(counted=1), "Counts of 1 likely picture."),
        (results(counted=WINDOWS[0]), f"Counts of the {WINDOWS[0]} best."),
        (results(counted=100, above=0), "Counts of the 100 nearest pictures, none of them likely."),
    ],
)
def test_the_facets_say_what_they_count(made: Results | None, said: str) -> None:
    assert search_page.counted(made) == said


def paging_script(total):
    import uuid

    from app_pages import address
    from app_pages.search import page as search_page
    from schema.record import ImageRecord
    from search.results import Hit, Results, Timing

    hit = Hit(uuid.UUID(int=1), ImageRecord("0" * 64, (), 1, 1, 1, "PNG"), 0.5)
    offset = address.read().offset
    search_page.draw_paging(Results((hit,), total, offset, address.page_size(), Timing(1, 1, 1)))


def paging(total: int, **params: str) -> AppTest:
    page = AppTest.from_function(paging_script, args=(total,))
    for name, value in params.items():
        page.query_params[name] = value
    return page.run()


def test_few_pages_need_no_jump() -> None:
    page = paging(160, q="cat")
    assert not page.number_input and not page.exception


def test_one_jumps_to_any_page_up_to_the_last() -> None:
    """10,000 is where paging ends: page 417 of 24."""
    page = paging(200_000, q="cat")
    [field] = page.number_input
    assert (field.min, field.max, field.value) == (1, 417, None)
    field.set_value(417).run()
    assert page.query_params["offset"] == str(416 * 24)
    assert not page.exception
    page.number_input[0].set_value(1).run()
    assert "offset" not in page.query_params


def test_what_cannot_be_read_is_pointed_at(context: AppContext) -> None:
    page = open_page(search_script, context, q="castle + -night")
    assert not page.exception and not tiles(page)
    [pointer] = [e.value for e in page.html if "loupe-pointer" in e.value]
    assert "castle + -night\n       ^" in pointer
    assert "Two signs in a row at character 8" in page.warning[0].value.replace("\\", "")
    assert page.text_input(key="words").value == "castle + -night"


def test_every_example_of_how_to_ask_finds_something(context: AppContext) -> None:
    for number in range(5):
        page = open_page(search_script, context, q="cat")
        page.button(key=f"ask-how-{number}").click().run()
        assert not page.exception and not page.warning and not page.error, page.query_params
        assert tiles(page), page.query_params
        assert "No good match" not in texts(page), page.query_params


def test_filters_alone_show_what_passes(context: AppContext) -> None:
    page = open_page(search_script, context, filter="tags.any=cat")
    assert not page.exception and not page.warning and not page.info
    assert 0 < len(tiles(page)) < 24 and f"{len(tiles(page))} pictures" in texts(page)
    assert "No good match" not in texts(page)


def test_a_picture_and_words_are_one_question(context: AppContext) -> None:
    """This, but red: words move what the picture alone finds."""
    data = (context.samples / "photos" / "eiffel-tower.jpg").read_bytes()
    page = open_page(search_script, context)
    page.file_uploader[0].upload("tower.jpg", data).run()
    alone = tiles(page)
    assert page.text_input(key="words").placeholder == "Like this picture, but ..."
    page.text_input(key="words").set_value("at night")
    page.form_submit_button[0].click().run()
    assert not page.exception
    assert "tower.jpg" in texts(page).replace("\\", "")
    assert tiles(page)[:3] != alone[:3]


def picture_with_place(path: Path, sample: str, latitude: int, side: int = 640) -> None:
    image = Image.open(SAMPLES / "photos" / sample).convert("RGB")
    image.thumbnail((side, side))
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2019:04:11 10:00:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (float(latitude), 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)})
    path.parent.mkdir(exist_ok=True)
    image.save(path, exif=exif, quality=90)


@pytest.fixture
def trip(
    empty: weaviate.WeaviateClient, address: Address, specialists: Encoder, threshold: ThresholdOptions, tmp_path: Path
) -> Iterator[AppContext]:
    """Three pictures with places, one of them twice in two sizes."""
    folder = tmp_path / "trip"
    picture_with_place(folder / "tower.jpg", "eiffel-tower.jpg", 48)
    picture_with_place(folder / "small.jpg", "eiffel-tower.jpg", 48, side=420)
    picture_with_place(folder / "castle.jpg", "neuschwanstein-castle.jpg", 47)
    picture_with_place(folder / "gate.jpg", "brandenburg-gate-at-dusk.jpg", 52)
    pictures = ensure_pictures(empty, specialists.identity, StorageOptions())
    thumbnails = ThumbnailStore(tmp_path / "thumbs")
    report = Ingest(Ledger(pictures, wait_s=10), specialists, thumbnails, limits=Limits()).run(folder)
    assert not report.failed
    connection = Connection(lambda: address, lambda: specialists, threshold=threshold)
    st.cache_data.clear()  # counts and places of the samples, whose collection has the same name
    yield parts_of(tmp_path, connection, thumbnails)
    st.cache_data.clear()
    connection.close()
    delete_library(empty)  # the next test of the samples must not take this for them


def test_near_duplicates_stand_behind_one_and_are_seen_in_its_details(trip: AppContext) -> None:
    apart = open_page(search_script, trip, q="a tower")
    assert len(tiles(apart)) == 4
    page = open_page(search_script, trip, q="a tower", collapse="1")
    assert len(tiles(page)) == 3
    [badge] = [button for button in page.button if (button.key or "").startswith("copies-")]
    assert badge.label == "+1"
    badge.click().run()
    assert page.query_params["item"] == badge.key.removeprefix("copies-")
    [copy] = [button for button in page.button if (button.key or "").startswith("go-copy-")]
    assert copy.label.partition(" x ")[0] in ("420", "640", "277", "422")
    [behind] = set(tiles(apart)) - set(tiles(page))
    assert copy.key == f"go-copy-{behind}"


def test_a_question_that_begins_in_the_page_shows_near_duplicates_once(trip: AppContext) -> None:
    page = open_page(search_script, trip)
    page.text_input(key="words").set_value("a tower")
    page.form_submit_button[0].click().run()
    assert page.query_params["collapse"] == "1" and len(tiles(page)) == 3
    page.toggle(key="collapse").set_value(False).run()
    assert "collapse" not in page.query_params and len(tiles(page)) == 4


def test_places_and_dates_are_offered_where_pictures_have_them(trip: AppContext) -> None:
    page = open_page(search_script, trip, q="a tower", filter=["near=48,2,25", "taken>=2019"])
    page.toggle(key="filters_open").set_value(True).run()
    assert not page.exception and not page.warning
    assert len(tiles(page)) == 2
    assert "Near a place" in texts(page) and "Taken in 2019" in texts(page)
    page.select_slider(key="radius-km").set_value(250).run()
    assert page.query_params["filter"] == ["taken>=2019", "near=48.00000,2.00000,250"]
    assert len(tiles(page)) == 3
    page.button(key="all-dates").click().run()
    assert page.query_params["filter"] == "near=48.00000,2.00000,250"
