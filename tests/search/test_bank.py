"""The bank: its texts, its score, and its embeddings on disk: never another encoder's, and no file spoils a search."""

from pathlib import Path

import numpy as np
import pytest

from encoder.protocol import Embeddings, unit
from search.relevance import Bank, keep_bank, sensible_texts, unrelated_texts
from tests.colours import ColourEncoder


def test_the_bank_is_of_different_texts_none_of_them_blank() -> None:
    unrelated, sensible = unrelated_texts(), sensible_texts()
    assert len(unrelated) == 400 and len(sensible) > 300
    assert all(text.strip() for text in (*unrelated, *sensible))
    assert len({*unrelated, *sensible}) == len(unrelated) + len(sensible)


def test_questions_that_the_encoder_has_no_vector_for_are_left_out_of_the_bank(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = ColourEncoder()
    encode = encoder.encode_texts

    def broken(texts: list[str]) -> Embeddings:
        rows = encode(texts)
        rows[::7] = np.nan
        return rows

    monkeypatch.setattr(encoder, "encode_texts", broken)
    found = Bank.encode(encoder)
    assert len(found.unrelated) == 342 and np.isfinite(found.unrelated).all() and np.isfinite(found.sensible).all()


def test_the_knn_score_is_the_mean_of_the_five_nearest_on_either_side() -> None:
    """Cosines to the sensible 1, 1, 1, 1, 0 and -1, to the unrelated six times 0: (4 · 1 + 0) / 5 - 0 = .8."""
    right, up, left = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)
    found = Bank(unit(np.array([up] * 6)), unit(np.array([right] * 4 + [up, left])))
    np.testing.assert_allclose(found.knn_score(unit(np.array([right]))), [0.8], atol=1e-6)


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
