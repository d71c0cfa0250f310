"""A Weaviate that answers and does not store: what the report counts is what is found there (row 55)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

import ingest.ledger as ledger_module
from errors import ReadOnly, Refused
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.report import Progress
from ingest.tagging import tag
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.client import Address
from schema.collection import Pictures
from schema.record import now
from tests.colours import ColourEncoder
from tests.conftest import all_records
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Run, counts, stored


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schema.outage.REFUSING_S", 0.2)


ReadOnlyLibrary = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def read_only(pictures: Pictures, address: Address) -> Iterator[ReadOnlyLibrary]:
    """The library as a full disk makes it."""
    [shard] = pictures.collection.config.get_shards()

    def put(status: str) -> None:
        url = f"{address.url}/v1/schema/{pictures.name}/shards/{shard.name}"
        key = {"Authorization": f"Bearer {address.api_key}"}
        httpx.put(url, json={"status": status}, headers=key).raise_for_status()

    @contextmanager
    def library() -> Iterator[None]:
        put("READONLY")
        try:
            yield
        finally:
            put("READY")

    yield library


def spoil(monkeypatch: pytest.MonkeyPatch, function: str, prop: str, value: object, when: Callable[..., bool]) -> None:
    """One property of some records gets a value that Weaviate refuses."""
    real: Callable[..., dict[str, Any]] = getattr(ledger_module, function)
    monkeypatch.setattr(ledger_module, function, lambda what: real(what) | ({prop: value} if when(what) else {}))


def test_row_55_one_refused_object_of_a_batch_is_named_and_the_others_are_stored(
    run: Run, folder: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = paint_many(folder, 10)
    with monkeypatch.context() as patch:
        spoil(patch, "to_properties", "camera", 7, lambda record: record.places[0].path == str(paths[5]))
        report = run(folder)
    assert counts(report) == {"added": 9, "encoded": 10}
    [failure] = report.rejected
    assert failure.path == str(paths[5])
    assert failure.reason.startswith("refused_by_weaviate: invalid text property 'camera'")
    assert set(stored(pictures)) == {str(path) for path in paths if path != paths[5]}
    assert not report.ended_by
    assert counts(run(folder)) == {"added": 1, "unchanged": 9, "encoded": 1}


def test_row_55_a_batch_that_is_refused_whole_is_named_whole(
    run: Run, folder: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four a batch: the middle one is refused, and the run goes on behind it."""
    paths = paint_many(folder, 12)
    with monkeypatch.context() as patch:
        bad = {str(path) for path in paths[4:8]}
        spoil(patch, "to_properties", "camera", 7, lambda record: record.places[0].path in bad)
        report = run(folder)
    assert {failure.path for failure in report.rejected} == bad
    assert (report.added, len(stored(pictures)), report.ended_by) == (8, 8, "")


def test_row_55_a_read_only_library_counts_nothing_as_added_and_ends_the_run(
    run: Run, folder: Path, pictures: Pictures, read_only: ReadOnlyLibrary, colours: ColourEncoder
) -> None:
    """Weaviate names one object of a batch and stores none. The run ends with a sentence instead of encoding every
    picture for nothing; the next one goes on."""
    paint_many(folder, 40)
    with read_only():
        report = run(folder)
    assert stored(pictures) == {}
    assert (report.added, len(report.rejected), report.not_reached) == (0, 4, 36)
    assert colours.pictures_encoded == 4
    assert "store is read-only due to: manually set by user" in report.rejected[0].reason
    assert report.ended_by.startswith(
        "Weaviate makes no changes at present: store is read-only due to: manually set by user. Free some space"
    )
    assert report.failed and report.interrupted
    assert counts(run(folder)) == {"added": 40, "encoded": 40}


def test_row_55_a_library_that_becomes_read_only_in_the_middle(
    ledger: Ledger, colours: ColourEncoder, folder: Path, tmp_path: Path, pictures: Pictures, read_only: ReadOnlyLibrary
) -> None:
    """What was stored before is counted, and nothing else."""
    paint_many(folder, 40)
    library = read_only()

    def show(progress: Progress) -> None:
        if progress.done == 12:
            library.__enter__()

    ingest = Ingest(
        ledger, colours, ThumbnailStore(tmp_path / "thumbs"), limits=Limits(), batch_size=4, on_progress=show
    )
    try:
        report = ingest.run(folder)
    finally:
        library.__exit__(None, None, None)
    assert (report.added, len(report.rejected), report.not_reached) == (12, 4, 24)
    assert len(stored(pictures)) == 12


def test_an_older_version_that_is_there_is_not_taken_for_the_new_one(
    ledger: Ledger, run: Run, folder: Path, read_only: ReadOnlyLibrary
) -> None:
    paint(folder / "a.png")
    run(folder)
    [record] = all_records(ledger)
    vectors = {"image": ledger.image_vector(record)} | {name: ledger.image_vector(record) for name in ("caption",)}
    newer = replace(record, added_at=now())
    other = replace(newer, sha256="0" * 64)
    with read_only():
        refused = ledger.add([(newer, vectors), (other, vectors)])
    assert [one.sha256 for one, _ in refused] == [record.sha256, other.sha256]
    assert ledger.add([(newer, vectors), (other, vectors)]) == []


def test_a_place_that_is_refused_is_named_and_costs_no_other(
    run: Run, folder: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy, a renamed file and a new one in one run; what Weaviate says of the copy's place is in the report."""
    paths = paint_many(folder, 3)
    run(folder)
    copy = folder / "copy.png"
    copy.write_bytes(paths[0].read_bytes())
    paths[1].rename(folder / "renamed.png")
    paint(folder / "zz.png", seed=99)
    with monkeypatch.context() as patch:
        spoil(patch, "place_properties", "paths", 7, lambda places: str(copy) in {place.path for place in places})
        report = run(folder)
    assert counts(report) == {"added": 1, "renamed": 1, "unchanged": 2, "encoded": 1}
    [failure] = report.rejected
    assert failure.path == str(copy) and failure.reason.startswith("refused_by_weaviate: Weaviate refused a change: ")
    assert str(copy) not in stored(pictures)
    assert counts(run(folder)) == {"copied": 1, "unchanged": 4}


def test_words_that_are_refused_are_named(
    run: Run, folder: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an unchanged file, and of two copies in one batch, whose places are stored nevertheless."""
    first = paint(folder / "a.png")
    run(folder)
    (folder / "a.txt").write_text("red")
    with monkeypatch.context() as patch:
        spoil(patch, "word_properties", "caption", 7, lambda record: True)
        report = run(folder)
        assert [failure.path for failure in report.rejected] == [str(first)]
        assert counts(report) == {}
        (folder / "a.txt").unlink()
        for name in "bc":
            (folder / f"{name}.png").write_bytes(first.read_bytes())
            (folder / f"{name}.txt").write_text("blue")
        report = run(folder)
        assert [failure.path for failure in report.rejected] == [str(folder / f"{name}.png") for name in "bc"]
    assert set(stored(pictures)) == {str(folder / f"{name}.png") for name in "abc"}
    assert run(folder).rejected == []


def test_what_a_read_only_library_would_not_do_is_named(
    run: Run, folder: Path, pictures: Pictures, read_only: ReadOnlyLibrary
) -> None:
    """Pruning names every file, and asks Weaviate once; a copy ends the run."""
    paths = paint_many(folder, 6)
    run(folder)
    for path in paths[:2]:
        path.unlink()
    with read_only():
        report = run(folder, remove=True)
        assert (report.removed, report.missing) == (0, 0)
        assert {failure.path for failure in report.not_removed} == {str(path) for path in paths[:2]}
        assert report.failed and "2 not removed" in str(report)
        (folder / "copy.png").write_bytes(paths[5].read_bytes())
        report = run(folder)
    assert [failure.path for failure in report.rejected] == [str(folder / "copy.png")]
    assert report.ended_by.startswith("Weaviate makes no changes at present: ")
    assert len(stored(pictures)) == 6
    assert counts(run(folder, remove=True)) == {"copied": 1, "removed": 2, "unchanged": 4}


def test_tags_of_a_read_only_library_are_refused_with_a_sentence(
    run: Run, folder: Path, pictures: Pictures, ledger: Ledger, read_only: ReadOnlyLibrary, tmp_path: Path
) -> None:
    paint(folder / "a.png")
    run(folder)
    [record] = all_records(ledger)
    with read_only(), pytest.raises(ReadOnly, match=r"makes no changes at present.*Free some space"):
        tag(pictures, [record.uuid], add=["new"], home=tmp_path)


def test_a_change_that_is_wrong_is_refused_in_weaviates_words(
    run: Run, folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(folder / "a.png")
    run(folder)
    [record] = all_records(ledger)
    spoil(monkeypatch, "tag_properties", "tags", 7, lambda record: True)
    with pytest.raises(Refused, match=r"Weaviate refused a change: .*tags"):
        ledger.set_tags(record)


def test_progress_never_tells_more_pictures_encoded_than_files_done(
    ledger: Ledger, colours: ColourEncoder, folder: Path, tmp_path: Path
) -> None:
    """Not "1 of 100 files, 32 encoded"."""
    paint_many(folder, 20)
    seen: list[Progress] = []
    ingest = Ingest(
        ledger, colours, ThumbnailStore(tmp_path / "thumbs"), limits=Limits(), batch_size=8, on_progress=seen.append
    )
    assert ingest.run(folder).added == 20
    assert seen[-1] == Progress(20, 20, 0)
    assert all(progress.encoded <= progress.done for progress in seen)
