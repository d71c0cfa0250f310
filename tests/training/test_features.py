"""The feature cache computes a row once, keeps what is whole, and says what does not fit."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from errors import CannotWrite, TrainingError
from settings import PROJECT
from training.features import Array, FeatureCache, model_key


class Tower:
    """The row of a hash is its three letters' code points; remembers what it was asked for."""

    def __init__(self, hashes: Sequence[str]) -> None:
        self.hashes = hashes
        self.asked: list[list[str]] = []

    def __call__(self, positions: Sequence[int]) -> Array:
        self.asked.append([self.hashes[at] for at in positions])
        return np.array([[ord(letter) for letter in self.hashes[at]] for at in positions], np.float32)


def names(count: int, start: int = 0) -> list[str]:
    return [f"{number:03d}" for number in range(start, start + count)]


def expected(hashes: Sequence[str]) -> Array:
    return Tower(hashes)(range(len(hashes)))


def test_rows_come_in_the_order_asked_and_are_computed_once(tmp_path: Path) -> None:
    first = names(5)
    tower = Tower(first)
    rows = FeatureCache(tmp_path, "enc-1").rows(first, tower, chunk=2)
    assert rows.dtype == np.float32 and np.array_equal(rows, expected(first))
    assert tower.asked == [["000", "001"], ["002", "003"], ["004"]]
    second = ["004", "900", "001", "900", "001"]
    tower = Tower(second)
    assert np.array_equal(FeatureCache(tmp_path, "enc-1").rows(second, tower), expected(second))
    assert tower.asked == [["900"]], "the same hash twice is one computation"
    tower = Tower(second)
    FeatureCache(tmp_path, "enc-1").rows(second, tower)
    assert tower.asked == []


def test_another_encoder_is_another_cache(tmp_path: Path) -> None:
    """Also where the key is no name for a folder."""
    hashes = names(2)
    keys = ("enc-1", "enc-2", "../enc", "a/b", ".", "", "x" * 200)
    for key in keys:
        tower = Tower(hashes)
        FeatureCache(tmp_path / "cache", key).rows(hashes, tower)
        assert tower.asked == [hashes]
    assert len(list((tmp_path / "cache").iterdir())) == len(keys)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_other_weights_are_another_key_and_the_same_ones_elsewhere_are_not(tmp_path: Path) -> None:
    for name, content in (("a", "one"), ("b", "two"), ("c", "one")):
        (tmp_path / name).write_text(content)
    keys = {name: model_key("minilm", tmp_path / name) for name in "abc"}
    assert keys["a"] == keys["c"] != keys["b"]
    assert model_key("other", tmp_path / "a") != keys["a"]


def test_nothing_asked_is_nothing_computed(tmp_path: Path) -> None:
    tower = Tower([])
    assert FeatureCache(tmp_path, "e").rows([], tower).shape == (0, 0)
    assert tower.asked == []


def test_a_tower_that_fails_loses_only_its_chunk(tmp_path: Path) -> None:
    hashes = names(10)

    def failing(positions: Sequence[int]) -> Array:
        if 6 in positions:
            raise KeyboardInterrupt
        return Tower(hashes)(positions)

    with pytest.raises(KeyboardInterrupt):
        FeatureCache(tmp_path, "e").rows(hashes, failing, chunk=3)
    tower = Tower(hashes)
    assert np.array_equal(FeatureCache(tmp_path, "e").rows(hashes, tower, chunk=3), expected(hashes))
    assert tower.asked == [["006", "007", "008"], ["009"]]


def test_a_kill_loses_only_its_chunk(tmp_path: Path) -> None:
    """SIGKILL while the third file is half written."""
    script = f"""
import os, signal
from pathlib import Path
from tests.training.test_features import Tower, names
from training import features
hashes, save, files = names(10), features.save_file, []
def mortal(data, path, header):
    save(data, path, header)
    files.append(path)
    if len(files) == 3:
        os.truncate(path, 40)
        os.kill(os.getpid(), signal.SIGKILL)
features.save_file = mortal
features.FeatureCache(Path({str(tmp_path)!r}), "e").rows(hashes, Tower(hashes), chunk=3)
"""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, cwd=PROJECT, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    hashes = names(10)
    tower = Tower(hashes)
    assert np.array_equal(FeatureCache(tmp_path, "e").rows(hashes, tower, chunk=3), expected(hashes))
    assert tower.asked == [["006", "007", "008"], ["009"]]
    assert not list((tmp_path / "e").glob(".*"))


def test_a_damaged_file_is_said_and_computed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hashes = names(4)
    FeatureCache(tmp_path, "e").rows(hashes, Tower(hashes), chunk=2)
    damaged = sorted((tmp_path / "e").iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:50])
    tower = Tower(hashes)
    assert np.array_equal(FeatureCache(tmp_path, "e").rows(hashes, tower, chunk=1), expected(hashes))
    assert [len(chunk) for chunk in tower.asked] == [1, 1]
    assert f"{damaged} is damaged" in caplog.text
    caplog.clear()
    FeatureCache(tmp_path, "e").rows(hashes, tower)
    assert len(tower.asked) == 2 and not caplog.text


def test_rows_that_are_not_finite_are_returned_said_and_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hashes = names(3)

    def faulty(positions: Sequence[int]) -> Array:
        rows = Tower(hashes)(positions)
        rows[1, 0] = np.nan
        return rows

    rows = FeatureCache(tmp_path, "e").rows(hashes, faulty)
    assert np.isnan(rows[1, 0]) and np.isfinite(rows[[0, 2]]).all()
    assert "1 of 3 features are not finite" in caplog.text
    tower = Tower(hashes)
    assert np.isfinite(FeatureCache(tmp_path, "e").rows(hashes, tower)).all()
    assert tower.asked == [["001"]]


def test_rows_that_do_not_fit_are_refused_with_both_shapes(tmp_path: Path) -> None:
    hashes = names(4)
    FeatureCache(tmp_path, "e").rows(hashes[:2], Tower(hashes))
    with pytest.raises(TrainingError, match=r"Expected features of shape \(2, 3\) for .*, got \(2, 5\)"):
        FeatureCache(tmp_path, "e").rows(hashes, lambda positions: np.zeros((2, 5), np.float32))
    with pytest.raises(TrainingError, match=r"Expected features of shape \(2, 3\) for .*, got \(1, 3\)"):
        FeatureCache(tmp_path, "e").rows(hashes, lambda positions: np.zeros((1, 3), np.float32))


def test_a_cache_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "e").write_text("a file where the folder should be")
    with pytest.raises(CannotWrite, match="cannot be written"):
        FeatureCache(tmp_path, "e").rows(names(1), Tower(names(1)))
