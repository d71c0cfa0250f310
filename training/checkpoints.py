"""Keep one epoch of a run on disk: weights in safetensors, numbers in JSON, nothing pickled.

epoch-0003.safetensors          the weights to use
epoch-0003.resume.safetensors   what only going on needs (optimizer, …); kept for the newest epoch alone
epoch-0003.json                 numbers; written last, so an epoch with it is whole
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from errors import OtherCheckpoint, TrainingError
from training.atomic import write_text, write_whole


@dataclass(frozen=True)
class Checkpoint:
    folder: Path
    epoch: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]
    resume: dict[str, Tensor] = field(default_factory=dict)
    """Empty for epochs before the newest."""


def save(
    folder: Path,
    epoch: int,
    tensors: Mapping[str, Tensor],
    state: Mapping[str, Any],
    resume: Mapping[str, Tensor] | None = None,
) -> None:
    """Write one epoch whole or not at all. Raises CannotWrite; the epochs before stay as they are."""
    for suffix, part in ((".safetensors", tensors), (".resume.safetensors", resume)):
        if part is not None:
            apart = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in part.items()}
            write_whole(_path(folder, epoch, suffix), lambda path, apart=apart: save_file(apart, path))  # type: ignore[misc]
    write_text(_path(folder, epoch, ".json"), json.dumps({"epoch": epoch, **state}, indent=1) + "\n")
    for old in folder.glob("epoch-*.resume.safetensors"):
        if old != _path(folder, epoch, ".resume.safetensors"):
            old.unlink()


def epochs(folder: Path) -> list[int]:
    """The epochs that are whole, in order."""
    names = (re.fullmatch(r"epoch-(\d{4,})\.json", path.name) for path in folder.glob("epoch-*.json"))
    return sorted(int(name[1]) for name in names if name)


def load(folder: Path, epoch: int | None = None) -> Checkpoint:
    """One epoch, or the newest. Raises TrainingError when it is not there or damaged."""
    found = epochs(folder)
    if not found or epoch not in (None, *found):
        wanted = "a checkpoint" if epoch is None else f"the checkpoint of epoch {epoch}"
        there = f"epochs {found[0]} to {found[-1]}" if found else "none"
        raise TrainingError(f"There is not {wanted} in {folder} (found: {there}). Train there first.")
    epoch = found[-1] if epoch is None else epoch
    path, resume = _path(folder, epoch, ".safetensors"), _path(folder, epoch, ".resume.safetensors")
    try:
        tensors, more = load_file(path), load_file(resume) if resume.exists() else {}
    except (OSError, ValueError, SafetensorError) as error:
        raise _damaged(folder, epoch, error) from error
    return Checkpoint(folder, epoch, tensors, read_state(folder, epoch), more)


def read_state(folder: Path, epoch: int) -> dict[str, Any]:
    """The numbers of one epoch, without its weights. Raises TrainingError when they are damaged."""
    try:
        state: dict[str, Any] = json.loads(_path(folder, epoch, ".json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder, epoch, error) from error
    return state


def restore(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Put the checkpoint's weights into the model. Raises OtherCheckpoint with both shapes when they do not fit."""
    put(model, checkpoint.tensors, f"the checkpoint of epoch {checkpoint.epoch} in {checkpoint.folder}")


def put(model: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """`source` names the tensors in the message."""
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in wanted | found:
        if wanted.get(name) != found.get(name):
            raise OtherCheckpoint(
                f"The weights {name!r} are {wanted.get(name, 'absent')} in the model and {found.get(name, 'absent')} "
                f"in {source}. Use the model that it was made with, or another folder."
            )
    with torch.no_grad():
        model.load_state_dict(dict(tensors))


def _path(folder: Path, epoch: int, suffix: str) -> Path:
    return folder / f"epoch-{epoch:04d}{suffix}"


def _damaged(folder: Path, epoch: int, error: Exception) -> TrainingError:
    return TrainingError(
        f"The checkpoint of epoch {epoch} in {folder} is damaged ({error}). Delete that folder to begin again, or "
        "train in another; the epochs before it can still be loaded by their number."
    )
