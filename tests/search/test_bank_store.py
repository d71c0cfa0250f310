"""The bank's embeddings on disk: read again, never another encoder's, and no file that spoils a search."""

from pathlib import Path

import numpy as np
import pytest

from search.relevance import keep_bank
from tests.colours import ColourEncoder


def test_the_second_process_encodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = keep_bank(ColourEncoder(), tmp_path / "banks")
    encoder = ColourEncoder()
    monkeypatch.setattr(encoder, "encode_texts", None)
    again = keep_bank(encoder, tmp_path / "banks")
    np.testing.assert_array_equal(again.unrelated, first.unrelated)
    np.testing.assert_array_equal(again.sensible, first.sensible)
    assert [path.suffix for path in (tmp_path / "banks").iterdir()] == [".npz"]


def test_another_encoder_has_its_own(tmp_path: Path) -> None:
    keep_bank(ColourEncoder(), tmp_path)
    keep_bank(ColourEncoder(revision="2"), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"no archive at all", b"PK\x03\x04"], ids=["empty", "text", "cut off"])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: bytes) -> None:
    first = keep_bank(ColourEncoder(), tmp_path)
    [path] = tmp_path.iterdir()
    path.write_bytes(damage)
    np.testing.assert_array_equal(keep_bank(ColourEncoder(), tmp_path).unrelated, first.unrelated)
    np.testing.assert_array_equal(np.load(path)["unrelated"], first.unrelated)


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "banks").write_text("a file where the folder should be")
    assert len(keep_bank(ColourEncoder(), tmp_path / "banks").unrelated)
    assert len(keep_bank(ColourEncoder(), None).sensible)
