"""Layouts on disk: whole or not at all; and what the computing process says of itself."""

import os
import subprocess
import sys
import threading
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from errors import FolderError, LayoutError
from host.jobs import Status
from layout.store import Layout, LayoutBusy, LayoutStore, Texts

KEYS = [uuid.UUID(int=n << 64 | 5) for n in range(1, 5)]


def some_layout(space: str = "image", **changes: object) -> Layout:
    """Four pictures, of which the last has its caption as a fifth point."""
    keys = [*KEYS, KEYS[3]]
    made = Layout(
        space=space,
        version="Pictures_x 4 2026",
        total=4,
        uuids=np.array([list(key.bytes) for key in keys], np.uint8),
        sha256=np.array([[n] * 32 for n in (1, 2, 3, 255, 255)], np.uint8),
        is_caption=np.array([False] * 4 + [True]),
        captioned=np.array([False, False, True, True, True]),
        titles=Texts.of(["one", "zwölf", "", "four", "four"]),
        folder=np.array([0, 0, 1, 1, 1], np.int32),
        folders=Texts.of(["/a/b", "/a/c"]),
        tags=np.array([0, 1, 0], np.int32),
        tag_ends=np.array([2, 2, 3, 3, 3]),
        tag_names=Texts.of(["cat", "dog"]),
        cluster=np.array([0, 0, 1, 1, 1], np.uint8),
        clusters=Texts.of(["1", "2"]),
        pca=np.arange(15, dtype=np.float32).reshape(5, 3),
        mean=np.zeros(4, np.float32),
        directions=np.eye(3, 4, dtype=np.float32),
        explained=np.array([0.5, 0.3, 0.1], np.float32),
        umap=np.zeros((5, 2), np.float32),
        figures={"gap": 0.25},
        notes=("Something was left out.",),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> LayoutStore:
    return LayoutStore(tmp_path / "layouts")


def test_texts_come_back_as_they_went_in() -> None:
    """Empty ones, and letters of several bytes."""
    words = ["", "a", "ß→", "", "日本"]
    packed = Texts.of(words)
    assert packed.all() == words and len(packed) == 5
    assert Texts.of([]).all() == []


def test_a_layout_comes_back_as_it_was_written(store: LayoutStore) -> None:
    layout = some_layout()
    store.write(layout)
    back = LayoutStore(store._folder).read("image")
    assert back is not None and back.id == layout.id
    assert (back.figures, back.notes, back.version, back.total) == (
        layout.figures, layout.notes, layout.version, layout.total,
    )  # fmt: skip
    for name in ("uuids", "sha256", "is_caption", "captioned", "folder", "tags", "tag_ends", "cluster", "pca", "umap"):
        np.testing.assert_array_equal(getattr(back, name), getattr(layout, name))
    assert back.titles.all() == layout.titles.all() and back.tag_names.all() == ["cat", "dog"]
    assert store.read("look") is None


def test_a_newer_layout_takes_the_old_ones_place(store: LayoutStore) -> None:
    """One file a space: nothing stale stays, and a reader that has the old one sees the new one."""
    store.write(some_layout())
    first = store.read("image")
    store.write(some_layout(version="Pictures_x 5 2027", umap=np.ones((5, 2), np.float32)))
    second = store.read("image")
    assert first is not None and second is not None
    assert second.version.endswith("2027") and first.id != second.id
    assert [path.name for path in store._folder.iterdir()] == ["image.npz"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"hello"])
def test_a_file_that_cannot_be_read_is_no_layout(store: LayoutStore, content: bytes) -> None:
    store.write(some_layout())
    (store._folder / "image.npz").write_bytes(content)
    assert store.read("image") is None
    (store._folder / "image.json").write_bytes(content)
    assert store.status("image").read() is None


def test_a_layout_of_another_format_is_computed_anew(store: LayoutStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(some_layout())
    monkeypatch.setattr("layout.store.FORMAT", 99)
    assert LayoutStore(store._folder).read("image") is None


def test_no_file_holds_a_pickle(store: LayoutStore) -> None:
    store.write(some_layout())
    with np.load(store._folder / "image.npz", allow_pickle=False) as file:
        assert {file[name].dtype.kind for name in file.files} <= set("uifbU")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "layouts").write_text("a file where the folder should be")
    with pytest.raises(FolderError, match="is a file where Loupe needs a folder"):
        LayoutStore(tmp_path / "layouts").write(some_layout())


def test_a_full_disk_leaves_the_last_layout(store: LayoutStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(some_layout())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(FolderError, match=r"MB are free in .*No space left on device"):
        store.write(some_layout(version="newer"))
    monkeypatch.undo()
    layout = store.read("image")
    assert layout is not None and layout.version == "Pictures_x 4 2026"
    assert [path.name for path in store._folder.iterdir()] == ["image.npz"]


def test_an_unknown_space_is_refused_with_the_known_ones(store: LayoutStore) -> None:
    with pytest.raises(LayoutError, match=r"no space '\.\./x'; there are image, caption, both, look"):
        store.read("../x")


def test_points_are_found_by_uuid() -> None:
    layout = some_layout()
    stranger = uuid.UUID(int=KEYS[0].int + 1)  # shares its first half with a known one
    assert layout.indices_of([KEYS[2], stranger, KEYS[3], KEYS[0]]) == {KEYS[2]: 2, KEYS[3]: 3, KEYS[0]: 0}
    assert layout.indices_of(KEYS, captions=True) == {KEYS[3]: 4}
    assert layout.indices_of([]) == {}
    assert layout.key(1) == KEYS[1] and layout.thumbnail(1) == "02" * 32


def test_who_computes_says_how_far_it_is(store: LayoutStore) -> None:
    with store.only_one("look") as say:
        say("Reading", 0.25)
        progress = store.status("look").read()
        assert progress is not None and progress.running
        assert (progress.stage, progress.share, progress.pid) == ("Reading", 0.25, os.getpid())
    ended = store.status("look").read()
    assert ended is not None and ended.report is not None and not ended.running and not ended.died


def test_an_error_is_kept_for_the_page(store: LayoutStore) -> None:
    with pytest.raises(LayoutError), store.only_one("look"):
        raise LayoutError("A map needs at least 3 pictures; there is 1.")
    progress = store.status("look").read()
    assert progress is not None and progress.error.startswith("A map needs") and not progress.running


def test_one_process_at_a_time_computes_a_space(store: LayoutStore) -> None:
    """Another space may be computed beside it."""
    refused: list[str] = []

    def second() -> None:
        try:
            with LayoutStore(store._folder).only_one("image"):
                pass
        except LayoutBusy as error:
            refused.append(str(error))

    with store.only_one("image"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        with LayoutStore(store._folder).only_one("look"):
            pass
    assert refused == ["The layout of 'image' is being computed by another process."]


def test_a_process_that_is_gone_has_died() -> None:
    """A pid alone may be another process by now: it counts with its time of creation."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    created = psutil.Process(process.pid).create_time()
    process.wait()
    assert Status(process.pid, created).died
    assert Status(os.getpid(), created - 1000).died
    assert Status(os.getpid(), psutil.Process().create_time()).running
