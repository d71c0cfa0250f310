"""What is reported of losses outside the domain, from intervals worked out elsewhere."""

from types import SimpleNamespace

import pytest

from training.finetune.report import _verdict


def directions(r10: tuple[float, float], mrr: tuple[float, float]) -> dict[str, SimpleNamespace]:
    """Both intervals' ends; the mean is between them."""
    gaps = {
        name: SimpleNamespace(mean=(low + high) / 2, low=low, high=high)
        for name, (low, high) in (("R@10", r10), ("MRR", mrr))
    }
    return {"text_to_image": SimpleNamespace(difference=gaps)}


@pytest.mark.parametrize(
    ("r10", "mrr", "word"),
    [
        ((-0.07, 0.03), (-0.08, -0.02), "lost"),
        ((-0.07, -0.03), (-0.08, 0.02), "lost"),
        ((0.01, 0.03), (-0.08, -0.02), "lost"),
        ((0.01, 0.03), (-0.08, 0.02), "gained"),
        ((-0.07, 0.03), (-0.08, 0.02), "neither lost nor gained for certain"),
    ],
)
def test_a_loss_in_either_figure_is_called_a_loss(
    r10: tuple[float, float], mrr: tuple[float, float], word: str
) -> None:
    """Certain is what the whole interval says."""
    (sentence,) = _verdict(directions(r10, mrr))  # type: ignore[arg-type]
    assert sentence.startswith(f"Outside the domain {word}: R@10 {sum(r10) / 2:+.3f} (")
    assert f"MRR {sum(mrr) / 2:+.3f} ({mrr[0]:+.3f} … {mrr[1]:+.3f})" in sentence


def test_without_other_pictures_nothing_is_said() -> None:
    assert _verdict({}) == []
