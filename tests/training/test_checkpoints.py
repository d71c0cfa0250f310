"""What a checkpoint holds, that it is whole or not there, and the error when it cannot be."""

import errno
import json
import os
import resource
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from errors import CannotWrite, OtherCheckpoint, TrainingError
from tests.training.tiny_run import PLAN, TinyModel, batches, loss, run, validate
from training import atomic, checkpoints
from training.loop import train

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(7), "c": torch.tensor([0.5], dtype=torch.bfloat16)}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    state = {"numbers": [0.1, 1e-300, -0.0, 2**53 + 1], "words": "é", "none": None}
    checkpoints.save(tmp_path, 3, TENSORS, state, {"m": torch.ones(2)})
    for epoch in (3, None):
        loaded = checkpoints.load(tmp_path, epoch)
        assert loaded.epoch == 3
        assert {name: loaded.state[name] for name in state} == state
        assert all(torch.equal(loaded.tensors[name], tensor) for name, tensor in TENSORS.items())
        assert loaded.tensors["c"].dtype == torch.bfloat16
        assert torch.equal(loaded.resume["m"], torch.ones(2))


def test_the_newest_whole_epoch_is_loaded(tmp_path: Path) -> None:
    """Epoch 12 has no JSON yet: it was being written."""
    for epoch in (0, 9, 11, 12):
        checkpoints.save(tmp_path, epoch, {"a": torch.tensor(epoch)}, {}, {"m": torch.ones(1)})
    (tmp_path / "epoch-0012.json").unlink()
    assert checkpoints.epochs(tmp_path) == [0, 9, 11]
    assert checkpoints.load(tmp_path).tensors["a"].item() == 11
    assert checkpoints.load(tmp_path, 9).tensors["a"].item() == 9
    assert checkpoints.load(tmp_path, 9).resume == {}


def test_only_the_newest_epoch_keeps_the_optimizer(tmp_path: Path) -> None:
    for epoch in range(3):
        checkpoints.save(tmp_path, epoch, TENSORS, {}, {"m": torch.ones(1000)})
    assert [path.name for path in tmp_path.glob("*.resume.*")] == ["epoch-0002.resume.safetensors"]


def test_weights_that_share_memory_are_saved_apart(tmp_path: Path) -> None:
    """Tied embeddings, and views of a larger tensor: safetensors refuses both as they are."""
    table = torch.arange(12.0).reshape(3, 4)
    checkpoints.save(tmp_path, 0, {"in": table, "out": table, "turned": table.T, "row": table[1]}, {})
    loaded = checkpoints.load(tmp_path).tensors
    assert torch.equal(loaded["in"], table) and torch.equal(loaded["out"], table)
    assert torch.equal(loaded["turned"], table.T) and torch.equal(loaded["row"], table[1])


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"not a checkpoint in .*found: none"):
        checkpoints.load(tmp_path / "nowhere")
    checkpoints.save(tmp_path, 2, TENSORS, {})
    with pytest.raises(TrainingError, match=r"not the checkpoint of epoch 5 in .*epochs 2 to 2"):
        checkpoints.load(tmp_path, 5)


@pytest.mark.parametrize("name", ["epoch-0001.safetensors", "epoch-0001.resume.safetensors", "epoch-0001.json"])
def test_a_damaged_checkpoint_is_a_sentence_and_those_before_are_loaded(tmp_path: Path, name: str) -> None:
    for epoch in range(2):
        checkpoints.save(tmp_path, epoch, TENSORS, {}, {"m": torch.ones(2)})
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(TrainingError, match=r"epoch 1 .* is damaged .*Delete that folder to begin again, or train in"):
        checkpoints.load(tmp_path)
    assert checkpoints.load(tmp_path, 0).epoch == 0


def test_a_run_with_a_damaged_epoch_does_not_go_on(tmp_path: Path) -> None:
    """Not the newest: its weights are not needed, its numbers are."""
    run(tmp_path, epochs=2)
    path = tmp_path / "epoch-0001.json"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(TrainingError, match=r"epoch 1 .* is damaged .*Delete that folder to begin again"):
        run(tmp_path, epochs=2)


def test_weights_of_another_shape_are_refused_with_both(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, 0, nn.Linear(3, 2).state_dict(), {})
    checkpoint = checkpoints.load(tmp_path)
    with pytest.raises(OtherCheckpoint, match=r"'weight' are \(2, 4\) in the model and \(2, 3\) in the checkpoint of"):
        checkpoints.restore(nn.Linear(4, 2), checkpoint)
    with pytest.raises(OtherCheckpoint, match=r"'bias' are absent in the model and \(2,\) in"):
        checkpoints.restore(nn.Linear(3, 2, bias=False), checkpoint)
    model = nn.Linear(3, 2)
    checkpoints.restore(model, checkpoint)
    assert torch.equal(model.weight, checkpoint.tensors["weight"])


# Full disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 kB, unmounted from its place at once: it is there as long as this process holds it
    open, however the test ends."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    held = os.open(disk, os.O_RDONLY)
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
    yield Path(f"/proc/self/fd/{held}")
    os.close(held)


def test_a_full_disk_is_a_sentence_and_the_run_goes_on_afterwards(small_disk: Path, tmp_path: Path) -> None:
    ballast = small_disk / "ballast"
    epochs: list[int] = []

    def fill(model: nn.Module) -> dict[str, float]:
        """In the third epoch somebody else fills the disk."""
        epochs.append(len(epochs))
        if len(epochs) == 4:
            free = os.statvfs(small_disk)
            ballast.write_bytes(bytes((free.f_bavail - 1) * free.f_bsize))
        return validate(model)

    with pytest.raises(CannotWrite, match=r"epoch-0003\.\S+ cannot be written .*: No space left on device. Free some"):
        train(TinyModel(), batches, loss, PLAN, small_disk / "run", validate=fill)
    assert checkpoints.epochs(small_disk / "run") == [0, 1, 2]
    assert checkpoints.load(small_disk / "run").resume
    assert not list((small_disk / "run").glob(".*.part"))
    ballast.unlink()
    run(small_disk / "run")
    run(tmp_path / "uninterrupted")
    ours, theirs = (checkpoints.load(folder).tensors for folder in (small_disk / "run", tmp_path / "uninterrupted"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_file_that_may_not_grow_is_a_sentence(tmp_path: Path) -> None:
    """A limit of the process instead of the disk's, which needs no root."""
    checkpoints.save(tmp_path, 0, TENSORS, {})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(CannotWrite, match=r"File too large. Free some space"):
            checkpoints.save(tmp_path, 1, {"a": torch.zeros(100_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert checkpoints.load(tmp_path).epoch == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-0000.json", "epoch-0000.safetensors"]


def test_the_old_file_stays_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomic.write_text(tmp_path / "best.json", "old")

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(CannotWrite, match=r"best.json cannot be written to .*: Permission denied. Make it writable"):
        atomic.write_text(tmp_path / "best.json", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["best.json"]
    assert (tmp_path / "best.json").read_text() == "old"


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    abandoned, busy = tmp_path / f".a.json.{dead.pid}.part", tmp_path / f".a.json.{os.getppid()}.part"
    for path in (abandoned, busy):
        path.write_text("half")
    atomic.write_text(tmp_path / "a.json", "{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [busy.name, "a.json"]


def test_nothing_is_pickled(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    for path in tmp_path.iterdir():
        if path.suffix == ".safetensors":
            length = int.from_bytes(path.read_bytes()[:8], "little")
            assert json.loads(path.read_bytes()[8 : 8 + length])
        elif path.suffix == ".json":
            assert json.loads(path.read_text())
        else:
            assert path.name in ("metrics.jsonl", "training.lock") and stat.S_ISREG(path.stat().st_mode)
