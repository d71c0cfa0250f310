"""A picture that is cut off is stored as far as it goes, and somebody is told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingest.report import CUT_OFF_NAMED, IngestReport
from schema.collection import Pictures
from tests.ingest.paint import paint_many
from tests.ingest.runs import Run, counts, stored


def cut(path: Path, percent: int) -> Path:
    pixels = np.random.default_rng(3).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * percent // 100])
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_picture_cut_to_a_third_is_stored_and_named(run: Run, folder: Path, pictures: Pictures, suffix: str) -> None:
    """A warning, no failure; a run over the same files has nothing new to tell; one of a tenth is a failure."""
    paint_many(folder, 3)
    path, gone = cut(folder / f"cut.{suffix}", 35), cut(folder / f"gone.{suffix}", 10)
    report = run(folder)
    assert counts(report) == {"added": 4, "encoded": 4}
    assert stored(pictures)[str(path)].truncated
    assert report.cut_off == [str(path)]
    [warning] = [text for text in report.warnings if "cut off" in text]
    assert str(path) in warning and str(gone) not in warning and "Replace them with intact copies" in warning
    [failure] = report.unreadable
    assert failure.path == str(gone) and "25% are needed" in failure.reason
    assert report.to_json()["cut_off"] == [str(path)]


def test_the_warning_names_a_bounded_number_of_pictures() -> None:
    """Twenty by name, the others counted; none without a cause."""
    report = IngestReport()
    assert report.cut_off_warnings() == []
    report.cut_off += [f"/photos/{number}.jpg" for number in range(CUT_OFF_NAMED + 5)]
    [warning] = report.cut_off_warnings()
    assert warning.startswith("25 pictures are cut off or damaged inside and were stored")
    assert "/photos/19.jpg and 5 more." in warning and "/photos/20.jpg" not in warning
    assert "would be stored" in replace(report, dry_run=True).cut_off_warnings()[0]
