"""Unit vectors, what is wrong with the others, and what an encoder is called."""

from dataclasses import replace

import numpy as np
import pytest

from encoder.protocol import EncoderIdentity, invalid_rows, unit
from errors import first_line

IDENTITY = EncoderIdentity("specialists", "conse-1", "ab" * 32, 1, {"image": 384, "caption": 384, "look": 512})


def test_unit_scales_every_row_to_length_one_in_float32() -> None:
    rows = unit(np.array([[3.0, 4.0], [0.0, -2.0]]))
    assert rows.dtype == np.float32
    assert rows.tolist() == [[np.float32(0.6), np.float32(0.8)], [0.0, -1.0]]


@pytest.mark.parametrize("row", [[0, 0], [np.nan, 1], [np.inf, 1], [-np.inf, np.inf]])
def test_a_row_without_a_direction_becomes_nan_and_its_neighbours_stay(row: list[float]) -> None:
    rows = unit(np.array([[3.0, 4.0], row]))
    assert np.isnan(rows[1]).all()
    np.testing.assert_allclose(rows[0], [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e30, 3e38])
def test_unit_neither_overflows_nor_underflows_in_float32(scale: float) -> None:
    rows = unit(np.full((1, 4), scale, dtype=np.float32))
    np.testing.assert_allclose(rows, 0.5, rtol=1e-6)


def test_unit_of_no_rows_keeps_the_dimension() -> None:
    assert unit(np.zeros((0, 7))).shape == (0, 7)


def test_row_52_faults_name_nan_zero_and_infinite_vectors() -> None:
    """Row 52: a reason for each bad row, None for each good one, in order."""
    rows = np.array([[0.6, 0.8], [np.nan, 1.0], [0.0, 0.0], [np.inf, 0.0], [3.0, 4.0]], dtype=np.float32)
    assert invalid_rows(rows, 2) == [
        None,
        "not a finite unit vector (norm nan)",
        "not a finite unit vector (norm 0)",
        "not a finite unit vector (norm inf)",
        "not a finite unit vector (norm 5)",
    ]


def test_row_52_faults_hold_both_dimensions() -> None:
    assert invalid_rows(np.zeros((2, 3), np.float32), 4) == ["expected a vector of 4 dimensions, got 3"] * 2


def test_the_id_is_the_name_and_eight_digits_that_stay_the_same() -> None:
    """Collections are named for it: another value here would orphan every library."""
    assert IDENTITY.id == "specialists-0ec2838d"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"revision": "conse-2"},
        {"weights_sha256": "ac" * 32},
        {"preprocessing": 2},
        {"dims": {"image": 384, "caption": 384, "look": 511}},
    ],
)
def test_the_id_changes_with_every_field(change: dict[str, object]) -> None:
    other = replace(IDENTITY, **change)  # type: ignore[arg-type]
    assert other.id != IDENTITY.id
    assert other != IDENTITY


def test_the_id_does_not_depend_on_the_order_of_the_dimensions() -> None:
    turned = replace(IDENTITY, dims={"look": 512, "caption": 384, "image": 384})
    assert turned.id == IDENTITY.id


def test_an_identity_survives_json() -> None:
    assert EncoderIdentity.from_json(IDENTITY.to_json()) == IDENTITY


def test_first_line_is_one_short_line_of_what_was_said() -> None:
    assert first_line(ValueError("broken.\nat line 7")) == "broken"
    assert first_line(KeyError()) == "KeyError"
    assert len(first_line(ValueError("x" * 5000))) == 300
