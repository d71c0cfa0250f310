import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from errors import TrainingError
from evaluation.metrics import Interval
from training.experiments.result import Bar, Findings, Row, read_results
from training.experiments.run import EXPERIMENTS, Trial, run_experiment, run_named


@pytest.fixture
def coin(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[list[int], bool]]]:
    """An experiment E0 that notes how it was called."""
    calls: list[tuple[list[int], bool]] = []

    def run(trial: Trial) -> Findings:
        calls.append((list(trial.seeds), trial.small))
        started = time.process_time()
        while time.process_time() < started + 0.05:
            pass
        heads = Interval(0.5, 0.5, 0.5)
        return Findings([Bar("heads", 0.5, 0.6)], [Row("coin", {"heads": heads})], {"throws": 2}, "none")

    module = ModuleType("training.experiments.coin")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "training.experiments.coin", module)
    monkeypatch.setitem(EXPERIMENTS, "E0", ("coin:run", "A coin falls on its head."))
    yield calls


def test_a_run_is_recorded_with_seeds_command_time_and_machine(coin: list, tmp_path: Path) -> None:
    result = run_experiment("e0", tmp_path / "cache", tmp_path / "out", seeds=3)
    assert coin == [([0, 1, 2], False)]
    assert read_results(tmp_path / "out")[0].to_json() == result.to_json()
    assert result.command == "python -m training experiment E0"
    assert result.minutes["cpu"] > 0
    assert "torch" in result.machine


def test_a_small_run_leaves_the_recorded_results_alone(coin: list, tmp_path: Path) -> None:
    text = run_named("E0", tmp_path / "cache", tmp_path / "out", small=True)
    assert "MISSED" in text
    assert not (tmp_path / "out").exists()
    assert [result.command for result in read_results(tmp_path / "cache/training/experiments/small-results")] == [
        "python -m training experiment E0 --small"
    ]


def test_a_recorded_run_makes_the_page_anew(coin: list, tmp_path: Path) -> None:
    run_named("E0", tmp_path, tmp_path / "out")
    assert "A coin falls on its head." in (tmp_path / "out.md").read_text()


def test_the_report_alone_runs_nothing(coin: list, tmp_path: Path) -> None:
    run_experiment("E0", tmp_path, tmp_path / "out")
    coin.clear()
    assert str(tmp_path / "out.md") in run_named("report", tmp_path, tmp_path / "out")
    assert not coin


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"E6.*E1, E2, E3, E4, E5, E7, E8, E9"):
        run_experiment("E6", tmp_path, tmp_path)
