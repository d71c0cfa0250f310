"""The layout of a real library of sixty colours, against what was stored."""

import uuid
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from encoder.protocol import Encoder
from errors import LayoutError
from evaluation.__main__ import main as evaluation_main
from layout import library as library_layout
from layout import projection as drawing
from layout.library import lay_out, run_layout
from layout.store import Layout, LayoutStore
from schema.collection import Pictures
from search.index import library_version
from tests.search.colour_library import Library, fill


@pytest.fixture
def store(tmp_path: Path) -> LayoutStore:
    return LayoutStore(tmp_path / "layouts")


@pytest.fixture(autouse=True)
def _quick_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP itself is tested beside `layout`; compiling it takes longer than all of this."""
    monkeypatch.setattr(drawing, "umap", lambda rows, on_epoch: np.asarray(rows, np.float32)[:, :2])


def silent(stage: str, share: float) -> None:
    pass


def rows_of(layout: Layout, library: Library, name: str, captions: bool = False) -> np.ndarray:
    chosen = np.flatnonzero(layout.is_caption == captions)
    return np.array([library.vectors[layout.key(int(index))][name] for index in chosen])


def test_every_picture_is_a_point_with_what_is_known_of_it(library: Library, store: LayoutStore) -> None:
    layout = lay_out(library.pictures, "image", store, silent)
    assert {layout.key(index) for index in range(60)} == set(library.records) and len(layout) == 60
    assert layout.total == 60 and layout.version == str(library_version(library.pictures))
    assert layout.complete and layout.umap.shape == (60, 2) and not layout.is_caption.any() and layout.notes == ()
    folders, names = layout.folders.all(), layout.tag_names.all()
    for index in range(60):
        record = library.records[layout.key(index)]
        assert layout.thumbnail(index) == record.sha256
        assert layout.titles[index] == (record.caption or Path(record.places[0].path).name)
        assert folders[layout.folder[index]] == str(Path(record.places[0].path).parent)
        start = layout.tag_ends[index - 1] if index else 0
        assert tuple(names[code] for code in layout.tags[start : layout.tag_ends[index]]) == record.tags
        assert bool(layout.captioned[index]) == record.captioned
    rows = rows_of(layout, library, "image")
    expected, axes = drawing.pca(rows, 3)
    np.testing.assert_allclose(layout.pca, expected, atol=1e-4)
    np.testing.assert_allclose(layout.explained, axes.explained, atol=1e-5)
    assert layout.figures["trust_pca3"] == pytest.approx(drawing.trust(rows, expected), abs=1e-6)
    assert set(layout.figures) == {"trust_pca2", "trust_pca3", "trust_umap"}


def test_captions_are_a_second_cloud_with_a_gap(library: Library, store: LayoutStore) -> None:
    """Only of pictures that have one; the gap is that of the two clouds as they are drawn."""
    layout = lay_out(library.pictures, "both", store, silent)
    captioned = {key for key, record in library.records.items() if record.captioned}
    drawn = {layout.key(int(index)) for index in np.flatnonzero(layout.is_caption)}
    assert drawn == captioned and len(layout) == 60 + len(captioned)
    assert layout.is_caption.tolist() == sorted(layout.is_caption.tolist())
    pictures, captions = rows_of(layout, library, "image"), rows_of(layout, library, "caption", captions=True)
    assert layout.figures["gap"] == pytest.approx(drawing.modality_gap(pictures, captions), abs=1e-5)
    axes = drawing.Axes(layout.mean, layout.directions, layout.explained)
    np.testing.assert_allclose(layout.pca, axes.place(np.concatenate([pictures, captions])), atol=1e-4)


def test_the_layout_of_captions_leaves_the_others_out_and_says_so(library: Library, store: LayoutStore) -> None:
    layout = lay_out(library.pictures, "caption", store, silent)
    captioned = sum(record.captioned for record in library.records.values())
    assert len(layout) == captioned and layout.captioned.all()
    assert layout.notes == (f"{60 - captioned} of 60 pictures have no caption and are not in this layout.",)


@pytest.mark.parametrize("space", ["image", "both", "look"])
def test_a_library_that_is_too_large_is_sampled_and_that_is_said(
    library: Library, store: LayoutStore, space: str
) -> None:
    """The same pictures each time: the first in the order of their uuids, which are hashes."""
    layout = lay_out(library.pictures, space, store, silent, at_most=20)
    pictures = [layout.key(int(index)) for index in np.flatnonzero(~layout.is_caption)]
    assert pictures == sorted(library.records)[: len(pictures)]
    assert 19 <= len(layout) <= 20
    assert layout.notes == (f"The library has 60 pictures; {len(pictures)} of them, chosen by chance, are drawn.",)


def test_pca_is_there_before_umap_begins(library: Library, store: LayoutStore, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Layout | None] = []

    def late(rows: np.ndarray, on_epoch: object) -> np.ndarray:
        found.append(store.read("look"))
        return np.zeros((len(rows), 2), np.float32)

    monkeypatch.setattr(drawing, "umap", late)
    lay_out(library.pictures, "look", store, silent)
    assert found[0] is not None and len(found[0]) == 60 and not found[0].complete and not len(found[0].umap)
    layout = store.read("look")
    assert layout is not None and layout.complete and layout.id != found[0].id


def test_without_umap_there_is_pca_and_the_way_to_get_it(
    library: Library, store: LayoutStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_layout, "umap_is_there", lambda: False)
    text = run_layout(library.pictures, "image", store)
    layout = store.read("image")
    assert layout is not None and layout.complete and not len(layout.umap)
    assert "60 points" in text and "pip install umap-learn" in text


def test_what_is_being_done_is_said_in_order(library: Library, store: LayoutStore) -> None:
    said: list[tuple[str, float]] = []
    lay_out(library.pictures, "image", store, lambda stage, share: said.append((stage, share)))
    assert [share for _, share in said] == sorted(share for _, share in said)
    assert said[0][0] == "Reading 60 of 60 pictures" and any("UMAP" in stage for stage, _ in said)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_small_a_library_is_a_sentence_that_the_page_can_show(
    pictures: Pictures, colours: Encoder, store: LayoutStore, count: int
) -> None:
    if count:
        fill(pictures, colours, count=count if count > 1 else 2)
    if count == 1:
        found = pictures.collection.query.fetch_objects(limit=1).objects[0].uuid
        pictures.collection.data.delete_by_id(found)
    with pytest.raises(LayoutError, match="at least 3 pictures"):
        run_layout(pictures, "image", store)
    progress = store.status("image").read()
    assert progress is not None and "at least 3 pictures" in progress.error


def test_too_few_captions_are_a_sentence(pictures: Pictures, colours: Encoder, store: LayoutStore) -> None:
    stored = fill(pictures, colours, count=4)
    assert 0 < sum(record.captioned for record in stored.records.values()) < 3
    with pytest.raises(LayoutError, match="at least 3 captions; there"):
        lay_out(pictures, "caption", store, silent)


def test_an_object_without_the_vector_is_counted(pictures: Pictures, colours: Encoder, store: LayoutStore) -> None:
    """Another program stored it, without a look and without any property."""
    fill(pictures, colours, count=6)
    bare = uuid.UUID(int=7)
    pictures.collection.data.insert({}, uuid=bare, vector={name: [0.0, 1, 0, 0] for name in ("image", "caption")})
    layout = lay_out(pictures, "look", store, silent)
    assert len(layout) == 6 and layout.total == 7
    assert layout.notes == ("1 object has no such vector (another program stored it) and is not drawn.",)
    layout = lay_out(pictures, "image", store, silent)
    [index] = layout.indices_of([bare]).values()
    assert layout.titles[index] == "" and layout.thumbnail(index) == "00" * 32


def test_the_old_name_of_the_command_runs_the_new_one_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That `python -m layout` computes what the Map shows is tested where the app starts it."""
    asked: list[str] = []
    monkeypatch.setattr("layout.__main__.main", lambda space: asked.append(space) or 7)
    assert evaluation_main(Namespace(command="layout", space="look")) == 7 and asked == ["look"]
    assert capsys.readouterr().err == "python -m evaluation layout is called python -m layout now.\n"
