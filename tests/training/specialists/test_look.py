"""The map behind `look`: what it evens out, what it keeps, and the formula against a slow loop."""

import numpy as np
import pytest
from scipy.linalg import inv, sqrtm

from encoder.protocol import unit
from training.specialists import fits
from training.specialists.fits import fit_look

AXES = 8
ARTISTS = 3


@pytest.fixture
def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """100 things by three artists each: the thing on axes 0–5, the artist's style on axis 6, and on axis 7 what each
    drawing has of its own and much of."""
    things, sources = np.repeat(np.arange(100), ARTISTS), np.tile(np.arange(ARTISTS), 100)
    rows = 0.05 * rng.normal(size=(len(things), AXES))
    rows[:, :6] += rng.normal(size=(100, 6))[things]
    rows[:, 6] += np.array([-1.0, 0.0, 1.0])[sources]
    rows[:, 7] += 1.5 * rng.normal(size=len(things))
    return unit(rows).astype(np.float32), things.astype(str), sources.astype(str)


def weights(matrix: np.ndarray) -> np.ndarray:
    """How long a unit step along each axis is in the mapped space, relative to the first axis."""
    lengths = np.linalg.norm(matrix, axis=1)
    return np.asarray(lengths / lengths[0])


def test_what_sets_drawings_of_one_thing_apart_counts_less_and_style_counts_more(drawn: tuple[np.ndarray, ...]) -> None:
    relative = weights(fit_look(*drawn))
    assert relative[7] < 0.6
    assert relative[6] == pytest.approx(1 + fits.STYLE, abs=0.1)
    np.testing.assert_allclose(relative[:6], 1, atol=0.1)


def test_another_artist_s_drawing_of_the_thing_comes_nearer(drawn: tuple[np.ndarray, ...]) -> None:
    seen, things, sources = drawn
    fitted = fit_look(*drawn)

    def found(rows: np.ndarray) -> float:
        cosines = rows @ rows.T
        cosines[sources[:, None] == sources] = -np.inf
        return float((things[cosines.argmax(axis=1)] == things).mean())

    assert found(unit(seen @ fitted)) > found(seen) + 0.2


def test_the_map_is_the_formula(drawn: tuple[np.ndarray, ...]) -> None:
    """All axes kept, so cosines are those of (W + 1)^-1/2 (1 + STYLE · P), each summed up drawing by drawing."""
    seen, things, sources = drawn
    apart = np.array(
        [(row - seen[things == thing].mean(axis=0)) * (3 / 2) ** 0.5 for row, thing in zip(seen, things, strict=True)]
    )
    styles = {source: apart[sources == source].mean(axis=0) for source in set(sources)}
    within = np.zeros((AXES, AXES))
    for row, source in zip(apart, sources, strict=True):
        within += np.outer(row - styles[source], row - styles[source])
    directions = np.linalg.svd(np.array(list(styles.values())))[2][: ARTISTS - 1]
    onto = sum(np.outer(one, one) for one in directions)
    even = inv(sqrtm(within * AXES / np.trace(within) + np.eye(AXES))) @ (np.eye(AXES) + fits.STYLE * onto)
    got, expected = unit(seen @ fit_look(*drawn)), unit(seen @ even)
    np.testing.assert_allclose(got @ got.T, expected @ expected.T, atol=1e-4)


def test_only_the_strongest_directions_are_kept(drawn: tuple[np.ndarray, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first columns of the map that keeps all, along which unit rows of pictures lie less and less far."""
    whole = fit_look(*drawn)
    shares = (unit(drawn[0] @ whole) ** 2).mean(axis=0)
    assert (np.diff(shares) < 0).all()
    monkeypatch.setattr(fits, "LOOK_DIM", 6)
    np.testing.assert_allclose(fit_look(*drawn), whole[:, :6], atol=1e-6)


@pytest.mark.parametrize("alone", ["one artist", "nothing twice"])
def test_where_no_thing_was_drawn_by_two_artists_cosines_stay(drawn: tuple[np.ndarray, ...], alone: str) -> None:
    seen, things, sources = drawn
    if alone == "one artist":
        sources = np.full(len(seen), "artist")
    else:
        things = np.arange(len(seen)).astype(str)
    rows = unit(seen @ fit_look(seen, things, sources))
    np.testing.assert_allclose(rows @ rows.T, seen @ seen.T, atol=1e-5)
