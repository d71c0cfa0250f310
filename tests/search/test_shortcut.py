"""The relevance of one text without vectors equals the one with them."""

import numpy as np
import pytest

from encoder.protocol import unit
from search.calibration import LibrarySpace
from search.index import Probe
from search.scoring import Asked, linear, score
from search.shortcut import applies, relevance


@pytest.mark.parametrize("targets", [{"image": 1.0}, {"caption": 1.0}, {"image": 0.7, "caption": 0.3}], ids=str)
@pytest.mark.parametrize("count", [8, 200], ids=["too few to calibrate", "calibrated"])
def test_it_equals_the_score_of_the_vectors(targets: dict[str, float], count: int) -> None:
    """Half of the pictures have captions; the others' caption vector is their image vector."""
    rng = np.random.default_rng(4)
    images, captions = unit(rng.normal(0.3, 1, (count, 6))), unit(rng.normal(-0.2, 0.5, (count, 6)))
    captioned = np.arange(count) % 2 == 0
    captions = np.where(captioned[:, None], captions, images)
    rows = {"image": images, "caption": captions, "look": images}
    space = LibrarySpace.of(rows, captioned, count)
    vector = unit(rng.normal(size=(1, 6)))[0]
    term = Asked(2.0, False, {"image": vector, "caption": vector}, targets)
    probes = [Probe(name, row, weight) for name, (weight, row) in linear([term], space).items()]
    values = sum(probe.weight * (rows[probe.target] @ probe.vector) for probe in probes)
    assert applies([term])
    np.testing.assert_allclose(
        relevance(term, probes, np.asarray(values, np.float64), captioned, space),
        score([term], rows, captioned, space).relevance,
        atol=1e-4,
    )


def test_it_is_for_one_wanted_text_only() -> None:
    text, example = Asked(1, False, {}, {}), Asked(1, True, {}, {})
    assert not applies([text, text]) and not applies([example]) and not applies([Asked(-1, False, {}, {})])
