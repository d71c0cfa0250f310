"""The line between the start and the tuned weights, worked out by hand."""

import pytest
import torch

from errors import TrainingError
from training.interpolate import choose, mix


def test_a_quarter_of_the_way_is_three_quarters_start() -> None:
    """θ = (1 − α)·start + α·tuned: .75·(4, −8) + .25·(0, 8) = (3, −4)."""
    start, tuned = {"w": torch.tensor([4.0, -8.0])}, {"w": torch.tensor([0.0, 8.0])}
    assert mix(start, tuned, 0.25)["w"].tolist() == [3.0, -4.0]


def test_the_ends_are_the_start_and_the_tuned_bit_for_bit() -> None:
    """Also where (1 − α)·a + α·b would round, or multiply an infinite number by 0."""
    start, tuned = {"w": torch.tensor([0.1, 1e-45])}, {"w": torch.tensor([torch.inf, 0.3])}
    assert torch.equal(mix(start, tuned, 0)["w"], start["w"])
    assert torch.equal(mix(start, tuned, 1)["w"], tuned["w"])


def test_the_mix_is_no_view_of_its_ends() -> None:
    start = {"w": torch.zeros(2)}
    mix(start, {"w": torch.ones(2)}, 0)["w"] += 5
    assert start["w"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_outside_the_line_is_refused(alpha: float) -> None:
    with pytest.raises(TrainingError, match="it lies between 0 and 1"):
        mix({}, {}, alpha)


def test_weights_of_two_models_are_refused_with_what_differs() -> None:
    with pytest.raises(TrainingError, match="only one of them has 'b'"):
        mix({"a": torch.zeros(2)}, {"a": torch.zeros(2), "b": torch.zeros(2)}, 0.5)
    with pytest.raises(TrainingError, match=r"'a' is \(2,\) at the start, \(3,\) tuned"):
        mix({"a": torch.zeros(2)}, {"a": torch.zeros(3)}, 0.5)


def test_the_best_of_the_first_figure_is_chosen_then_of_the_second() -> None:
    """R@10 is equal at .5 and 1; MRR decides."""
    figures = {0.0: (0.2, 0.9), 0.5: (0.6, 0.3), 1.0: (0.6, 0.4)}
    choice = choose(lambda a: dict(zip(("R@10", "MRR"), figures[a], strict=True)), ("R@10", "MRR"), (1.0, 0.0, 0.5))
    assert choice.alpha == 1.0
    assert [alpha for alpha, _ in choice.grid] == [0.0, 0.5, 1.0]
    assert [values["R@10"] for _, values in choice.grid] == [0.2, 0.6, 0.6]


def test_among_equals_the_nearest_to_the_start_is_chosen() -> None:
    """Also where two sums of the same hits differ in the last bit: .1 + .2 > .3."""
    figures = {0.0: 0.1, 0.4: 0.3, 0.8: 0.1 + 0.2}
    assert choose(lambda a: {"R@10": figures[a]}, ("R@10",), tuple(figures)).alpha == 0.4


def test_figures_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(TrainingError, match="R@10 is no number"):
        choose(lambda a: {"R@10": float("nan")}, ("R@10",))
