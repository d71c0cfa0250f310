"""Files, names and vectors that cannot be stored: named in the report, and their neighbours are stored."""

import json
import os
import threading
import unicodedata
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ingest.records
from ingest.ledger import Ledger
from schema.collection import Pictures
from schema.record import ImageRecord, sha256_of
from tests.colours import ColourEncoder
from tests.conftest import all_records
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Run, counts, stored


def test_row_1_good_files_are_stored_and_a_broken_one_is_named(run: Run, folder: Path, pictures: Pictures) -> None:
    """Row 1: 20 good files and an empty one: 20 objects, and the report lists the one, with its reason."""
    paint_many(folder, 20)
    (folder / "0-byte.jpg").write_bytes(b"")
    report = run(folder)
    assert counts(report) == {"added": 20, "encoded": 20}
    [failure] = report.unreadable
    assert failure.path == str(folder / "0-byte.jpg")
    assert failure.reason.startswith("empty: ")
    assert len(stored(pictures)) == 20


@pytest.mark.parametrize("broken", [np.nan, 0.0, np.inf])
def test_row_52_a_vector_that_is_none_is_rejected_before_weaviate_sees_it(
    run: Run, folder: Path, pictures: Pictures, colours: ColourEncoder, broken: float
) -> None:
    """Row 52, invariant I1: NaN, zero, infinite: the picture is named, its neighbours in the batch are stored."""
    colours.broken = broken
    paint_many(folder, 3)
    bad = paint(folder / "bad.png", (1, 2, 3))
    report = run(folder)
    assert counts(report) == {"added": 3, "encoded": 4}
    [failure] = report.rejected
    assert failure.path == str(bad)
    assert failure.reason.startswith("vector_unusable: vector 'image': not a finite unit vector")
    assert str(bad) not in stored(pictures)


def test_row_52_vectors_of_another_dimension_are_rejected_before_weaviate_sees_them(
    run: Run, folder: Path, pictures: Pictures, colours: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint_many(folder, 2)
    encode = colours.encode_images

    def shorter(images: list[Image.Image]) -> dict[str, np.ndarray]:
        rows = encode(images)
        return {
            "image": rows["image"],
            "look": rows["look"][:, :5] / np.linalg.norm(rows["look"][:, :5], axis=1)[:, None],
        }

    monkeypatch.setattr(colours, "encode_images", shorter)
    report = run(folder)
    assert [failure.reason for failure in report.rejected] == [
        "vector_unusable: vector 'look': expected a vector of 13 dimensions, got 5"
    ] * 2
    assert stored(pictures) == {}


def test_what_weaviate_refuses_is_named_and_the_rest_of_the_batch_is_stored(
    run: Run, folder: Path, ledger: Ledger, pictures: Pictures, colours: ColourEncoder
) -> None:
    """An object of a batch that Weaviate does not take: a vector of another length, sent past our own check."""
    paint_many(folder, 3)
    run(folder)
    [first, second, third] = [replace(r, sha256=sha256_of(r.sha256.encode())) for r in all_records(ledger)]
    good = {"image": np.ones(4, np.float32), "caption": np.ones(4, np.float32), "look": np.ones(13, np.float32)}
    bad = good | {"look": np.ones(7, np.float32)}
    refused = ledger.add([(first, good), (second, bad), (third, good)])
    assert [record for record, _ in refused] == [second]
    assert refused[0][1]
    assert [record.sha256 for record, _ in ledger.add([(second, bad)])] == [second.sha256]
    assert pictures.collection.aggregate.over_all(total_count=True).total_count == 5


def test_a_broken_edit_is_named_and_the_picture_stays_as_it_was(run: Run, folder: Path, pictures: Pictures) -> None:
    paths = paint_many(folder, 3)
    run(folder)
    paths[0].write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    report = run(folder)
    assert counts(report) == {"unchanged": 2}
    assert [failure.path for failure in report.unreadable] == [str(paths[0])]
    assert len(stored(pictures)) == 3


def test_row_22_a_file_that_vanishes_between_listing_and_opening_is_named(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 22: the run goes on."""
    paths = paint_many(folder, 3)
    original = Ledger.by_paths

    def vanish(self: Ledger, wanted: list[str]) -> dict[str, list[ImageRecord]]:
        paths[1].unlink(missing_ok=True)
        return original(self, wanted)

    monkeypatch.setattr(Ledger, "by_paths", vanish)
    report = run(folder)
    assert report.added == 2
    assert [failure.path for failure in report.unreadable] == [str(paths[1])]
    assert report.unreadable[0].reason.startswith("vanished: ")


def test_a_pipe_that_took_a_files_place_is_not_waited_for(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = paint_many(folder, 3)
    original = Ledger.by_paths
    waited = []

    def become_pipe(self: Ledger, wanted: list[str]) -> dict[str, list[ImageRecord]]:
        if paths[1].is_file():
            paths[1].unlink()
            os.mkfifo(paths[1])
        return original(self, wanted)

    def end_wait() -> None:
        with suppress(OSError):  # nobody reads
            os.close(os.open(paths[1], os.O_WRONLY | os.O_NONBLOCK))
            waited.append(paths[1])

    monkeypatch.setattr(Ledger, "by_paths", become_pipe)
    timer = threading.Timer(2, end_wait)
    timer.start()
    report = run(folder)
    timer.cancel()
    assert (report.added, [failure.path for failure in report.unreadable], waited) == (2, [str(paths[1])], [])
    assert "not a regular file" in report.unreadable[0].reason


def test_a_folder_of_nothing_but_links_is_no_error(run: Run, folder: Path, tmp_path: Path) -> None:
    """A chunk without a single file asks the database nothing."""
    (folder / "a.jpg").symlink_to(tmp_path / "nowhere.jpg")
    report = run(folder)
    assert (counts(report), len(report.skipped)) == ({}, 1)


def test_row_21_strange_names_go_through_weaviate_and_back_to_the_file(
    run: Run, folder: Path, pictures: Pictures, ledger: Ledger
) -> None:
    """Row 21: both spellings of an accent, emoji, a line break, a leading dash, 255 bytes and what has a meaning in
    filters, JSON or paths: each is stored as the disk has it, is found by its path, opens that very file, is unchanged
    in the next run, is renamed and pruned. A name that is not UTF-8 is named in a report that can be printed."""
    names = [
        unicodedata.normalize("NFC", "café.png"),
        unicodedata.normalize("NFD", "café.png"),
        "🐈‍⬛.png",
        "two\nlines.png",
        "-rf.png",
        "x" * 251 + ".png",
        "猫" * 83 + ".png",
        " .png",
        "a;b|c'\"d.png",
        "a..png",
        "50%_*?.png",
        "\\back.png",
        "\u202egnp.png",
        "tab\t.png",
        "ſtraße.png",
        "STRASSE.png",
        "~.png",
        "&<b>.png",
        "\u00a0.png",
        "null\x01.png",
    ]
    paths = [paint(folder / "ö\n" / name, seed=number) for number, name in enumerate(names)]
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")).write_bytes(paths[0].read_bytes())
    report = run(folder)
    assert counts(report) == {"added": len(names), "encoded": len(names)}
    [failure] = report.unreadable
    assert failure.reason.startswith("name_not_utf8: ")
    json.dumps(report.to_json(), ensure_ascii=False).encode()
    found = stored(pictures)
    assert set(found) == {str(path) for path in paths}
    for path in paths:
        [record] = ledger.by_paths([str(path)])[str(path)]
        assert record == found[str(path)]
        assert sha256_of(Path(record.places[0].path).read_bytes()) == record.sha256 == sha256_of(path.read_bytes())
    assert counts(run(folder)) == {"unchanged": len(names)}
    for number, path in enumerate(paths[:4]):
        path.rename(folder / f"{number}.png")
    paths[4].unlink()
    report = run(folder, remove=True)
    assert counts(report) == {"unchanged": len(names) - 5, "renamed": 4, "removed": 1}
    assert {str(folder / f"{number}.png") for number in range(4)} < set(stored(pictures))


def test_a_file_that_changes_between_its_hash_and_its_decode_is_named(
    run: Run, folder: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a record would hold the hash of one picture and the vectors of another."""
    path = paint(folder / "a.png", "red")
    real = ingest.records.open_image

    def late(file: Path, *rest: Any, **named: Any) -> Any:
        paint(path, "blue", seed=9)
        return real(file, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr("ingest.records.open_image", late)
        report = run(folder)
    assert [failure.reason.split(":")[0] for failure in report.unreadable] == ["changed"]
    assert stored(pictures) == {}
    assert counts(run(folder)) == {"added": 1, "encoded": 1}
