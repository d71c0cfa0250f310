"""The shipped card is what the shipped figures say, and the shipped space is better than what it must beat."""

import json
from typing import Any

import pytest

from encoder.projection import WEIGHTS
from evaluation.metrics import Interval
from training.specialists.card import Report, card
from training.specialists.train import PLAN


@pytest.fixture(scope="module")
def report() -> Report:
    data: dict[str, Any] = json.loads(WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))
    for rows in data["rows"].values():
        for metrics in rows.values():
            metrics.update({metric: Interval(**value) for metric, value in metrics.items()})
    for rows in data["better"].values():
        rows.update({method: Interval(**value) for method, value in rows.items()})
    return Report(**data)


def test_the_card_beside_the_weights_is_the_one_its_figures_make(report: Report) -> None:
    assert WEIGHTS.with_suffix(".md").read_text(encoding="utf-8") == card(report, PLAN)


def test_the_figures_are_of_the_weights_that_are_shipped(report: Report) -> None:
    assert report.weights_bytes == WEIGHTS.stat().st_size
    assert not report.skipped


def test_the_shipped_space_is_nowhere_below_the_floor_nor_below_conse(report: Report) -> None:
    for name, rows in report.rows.items():
        ours = rows["trained" if name == "in-domain" else "shipped"]["R@10"].mean
        assert ours >= max(rows["floor"]["R@10"].mean, rows["ConSE"]["R@10"].mean), name
    assert report.rows["in-domain"]["trained"]["R@10"].mean >= report.rows["in-domain"]["ASIF"]["R@10"].mean
    assert report.rows["drawings"]["shipped"]["R@10"].mean >= 0.31
