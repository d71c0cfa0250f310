from dataclasses import replace
from pathlib import Path

from evaluation.metrics import Interval
from settings import PROJECT
from tests.training.experiments.test_result import a_result
from training.experiments.result import Row, read_results, report, section, write_report, write_result

RECORDED = PROJECT / "docs" / "experiments"


def test_the_committed_page_is_what_the_committed_results_give() -> None:
    results = read_results(RECORDED)
    assert results
    assert (PROJECT / "docs" / "experiments.md").read_text() == report(RECORDED)


def test_every_recorded_result_has_a_small_figure() -> None:
    for result in read_results(RECORDED):
        assert 2_000 < (RECORDED / f"{result.name}.png").stat().st_size <= 150_000, result.name


def test_recorded_results_have_three_seeds_and_stand_beside_a_baseline() -> None:
    for result in read_results(RECORDED):
        assert len(result.seeds) >= 3, result.name
        assert len(result.rows) >= 2, result.name
        assert "--small" not in result.command, result.name


def test_a_section_shows_every_method_and_leaves_blank_what_is_missing() -> None:
    rows = [Row("raw", {"P@1": Interval(0.5, 0.5, 0.5)}), Row("skip", {"top_1k": Interval(605.25, 600, 610)})]
    text = section(replace(a_result(), rows=rows), "experiments")
    assert "| method | P@1 | top_1k |" in text
    assert "| raw | 0.500 |  |" in text
    assert "| skip |  | 605.2 (600.0 to 610.0) |" in text


def test_a_bar_that_is_missed_is_said(tmp_path: Path) -> None:
    assert "| P@1 over raw | -0.100 | 0.000 | not met |" in section(a_result(value=-0.1), "experiments")
    write_result(a_result(value=-0.1), tmp_path)
    assert "| [E7](#e7) | A few labels move an embedding. | 0 of 1 | 1.5 |" in report(tmp_path)


def test_the_page_lies_beside_the_folder_of_its_results(tmp_path: Path) -> None:
    folder = tmp_path / "experiments"
    write_result(a_result(), folder)
    page = write_report(folder)
    assert page == tmp_path / "experiments.md"
    assert "(experiments/E7.png)" in page.read_text()


def test_notes_and_command_are_there() -> None:
    text = section(a_result(), "experiments")
    assert "- Nothing was found for MAP@R." in text
    assert "    python -m training experiment E7" in text
    assert "1.5 CPU minutes, 2.0 on the clock (two cores)." in text
