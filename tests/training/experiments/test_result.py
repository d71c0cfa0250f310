import json
from dataclasses import replace
from pathlib import Path

import pytest

from errors import TrainingError
from evaluation.metrics import Interval
from training.experiments.result import Bar, Result, Row, read_results, write_result


def a_result(name: str = "E7", value: float = 0.5) -> Result:
    return Result(
        name=name,
        claim="A few labels move an embedding.",
        command=f"python -m training experiment {name}",
        seeds=[0, 1, 2],
        bars=[Bar("P@1 over raw", value, 0.0)],
        rows=[Row("raw", {"P@1": Interval(0.5, 0.25, 0.75)}), Row("skip", {"P@1": Interval(0.625, 0.5, 0.75)})],
        sizes={"train": 10854, "test": 9156},
        interval="lowest and highest of the seeds",
        minutes={"cpu": 1.5, "wall": 2.0},
        machine="two cores",
        notes=["Nothing was found for MAP@R."],
    )


def test_a_result_survives_json(tmp_path: Path) -> None:
    write_result(a_result(), tmp_path)
    assert read_results(tmp_path) == [a_result()]


def test_json_is_what_the_documentation_says(tmp_path: Path) -> None:
    data = json.loads(write_result(a_result(), tmp_path).read_text())
    assert data["bars"] == [{"name": "P@1 over raw", "value": 0.5, "bar": 0.0, "met": True}]
    assert data["rows"][0] == {"method": "raw", "P@1": {"mean": 0.5, "low": 0.25, "high": 0.75}}
    assert data["minutes"] == {"cpu": 1.5, "wall": 2.0}


def test_a_bar_is_met_from_its_own_value_on() -> None:
    assert Bar("x", 0.06, 0.06).met
    assert not Bar("x", 0.0599, 0.06).met


def test_met_is_worked_out_and_not_believed(tmp_path: Path) -> None:
    path = write_result(a_result(value=-1.0), tmp_path)
    data = json.loads(path.read_text())
    data["bars"][0]["met"] = True
    path.write_text(json.dumps(data))
    assert not read_results(tmp_path)[0].bars[0].met


def test_a_figure_that_is_no_number_is_refused_and_the_file_before_stays(tmp_path: Path) -> None:
    path = write_result(a_result(), tmp_path)
    before = path.read_bytes()
    with pytest.raises(TrainingError, match="E7"):
        write_result(a_result(value=float("nan")), tmp_path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "E1.json").write_text('{"name": "E1"}')
    with pytest.raises(TrainingError, match=r"E1\.json"):
        read_results(tmp_path)


def test_results_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("E9", "E1", "E5"):
        write_result(replace(a_result(), name=name), tmp_path)
    assert [result.name for result in read_results(tmp_path)] == ["E1", "E5", "E9"]
