"""E7, E8 and E9 in small: drawn vectors, one seed."""

from pathlib import Path

import pytest

from training.experiments import few_labels, separation
from training.experiments.few_labels import FEW_COUNTS, LINEAR, SKIP
from training.experiments.result import Findings
from training.experiments.run import Trial, record


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


@pytest.fixture(scope="module")
def few(folder: Path) -> Findings:
    return record(Trial("E7", [0], True, folder, folder), "", "", few_labels.run_gains)


@pytest.fixture(scope="module")
def heads(folder: Path) -> Findings:
    return record(Trial("E8", [0], True, folder, folder), "", "", few_labels.run_heads)


@pytest.fixture(scope="module")
def separated(folder: Path) -> Findings:
    return record(Trial("E9", [0], True, folder, folder), "", "", separation.run)


def mean(findings: Findings, method: str, metric: str) -> float:
    return next(row for row in findings.rows if row.method == method).metrics[metric].mean


def test_e7_more_labels_move_the_space_further(few: Findings) -> None:
    methods = ["random order (expected)", "frozen vectors", *(f"skip head, {n} labels" for n in few_labels.COUNTS)]
    tops = [mean(few, method, "top_1k") for method in methods]
    assert tops == sorted(tops)
    assert tops[-1] > 1.2 * tops[1]


def test_e7_the_gain_is_paired_with_the_frozen_vectors(few: Findings) -> None:
    before, after = (mean(few, method, "top_1k") for method in ("frozen vectors", "skip head, 261 labels"))
    assert mean(few, "skip head, 261 labels", "top_1k gain") == pytest.approx(after / before - 1)
    assert few.bars[1].value == mean(few, "skip head, 261 labels", "top_1k gain")


def test_e7_what_rewards_no_collapse_stands_beside_it(few: Findings) -> None:
    for row in few.rows[2:]:
        assert {"top_1k", "P@1", "MAP@R"} <= set(row.metrics)
    assert mean(few, "skip head, 261 labels", "P@1") > mean(few, "frozen vectors", "P@1")


def test_e7_the_loss_falls(few: Findings) -> None:
    said = next(note for note in few.notes if note.startswith("Loss"))
    for pair in said.split(": ")[1].rstrip(".").split(", "):
        first, last = (float(value) for value in pair.split(" → "))
        assert last < first


@pytest.mark.parametrize("count", FEW_COUNTS)
def test_e8_a_plain_head_costs_the_other_classes_more_than_a_skip_connection(heads: Findings, count: int) -> None:
    frozen = mean(heads, "frozen vectors", "P@1 of other classes")
    skip, linear = (mean(heads, f"{head.method}, {count} labels", "P@1 of other classes") for head in (SKIP, LINEAR))
    assert linear < skip
    assert skip > frozen - 0.03


def test_e8_bars_are_the_differences_of_the_rows(heads: Findings) -> None:
    for bar, count in zip(heads.bars, FEW_COUNTS, strict=False):
        skip, linear = (mean(heads, f"{head.method}, {count} labels", "top_1k") for head in (SKIP, LINEAR))
        assert bar.value == pytest.approx(skip - linear)
        assert mean(heads, f"skip − plain linear, {count} labels", "top_1k") == pytest.approx(skip - linear)


def test_e9_fine_tuning_separates_the_classes(separated: Findings) -> None:
    methods = ["classes shuffled", "frozen vectors", "fine-tuned, 480 labels"]
    values = [mean(separated, method, "silhouette") for method in methods]
    assert values == sorted(values)
    assert mean(separated, methods[2], "MAP@R") > mean(separated, methods[1], "MAP@R")


def test_e9_trustworthiness_stands_beside_the_picture(separated: Findings) -> None:
    for row in separated.rows[2:]:
        assert 0.5 < row.metrics["trustworthiness, PCA"].mean <= 1


def test_each_draws_its_figure(few: Findings, heads: Findings, separated: Findings, folder: Path) -> None:
    for name in ("E7", "E8", "E9", "E9-space"):
        assert (folder / f"{name}.png").stat().st_size < 150_000
