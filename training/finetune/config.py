"""Check what a fine-tune was asked for, and whether it can be done where it was asked."""

import hashlib
import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from encoder.protocol import EncoderIdentity
from errors import OtherCheckpoint, TrainingError
from evaluation.folder import CaptionedFolder
from training.atomic import write_text

PLACE = "training"
"""The subfolder of `out` for checkpoints and report: beside the weights they would count as part of the model."""
RECORD = "order.json"
LOSSES = ("auto", "info_nce", "siglip")
LOCKS = ("text", "vision", "none")
SPECIALISTS = "specialists"
_TERMS = (
    "train", "lock", "loss", "epochs", "patience", "batch_size", "learning_rate", "seed", "validation_share",
    "held_out_share",
)  # fmt: skip
"""What two runs must share, besides the start and the pictures, to be one run."""


@dataclass(frozen=True)
class FinetuneConfig:
    folder: Path
    start: str
    """`specialists`, or a transformers dual encoder by folder or name."""
    out: Path
    train: str = "last:2"
    """whole, last:N or projection."""
    lock: str = "text"
    loss: str = "auto"
    epochs: int = 12
    batch_size: int = 64
    learning_rate: float | None = None
    """None takes the one that goes with what is trained."""
    seed: int = 0
    validation_share: float = 0.15
    held_out_share: float = 0.15
    patience: int = 4

    @property
    def place(self) -> Path:
        return self.out / PLACE


def check(config: FinetuneConfig) -> FinetuneConfig:
    """Return it with absolute folders. Raises TrainingError with what is wrong and what would be right."""
    rate, shares = config.learning_rate, (config.validation_share, config.held_out_share)
    share = "it is a share of the pictures above 0 and at most 0.4"
    checks: list[tuple[str, object, bool, str]] = [
        ("learning-rate", rate, rate is None or 0 < rate < math.inf, "it is a number above 0, for example 3e-5"),
        ("epochs", config.epochs, config.epochs >= 1, "it is at least 1"),
        ("patience", config.patience, config.patience >= 1, "it is at least 1"),
        ("batch-size", config.batch_size, config.batch_size >= 2, "it is at least 2, because a picture is "
         "distinguished from the others of its batch"),
        ("val-share", shares[0], 0 < shares[0] <= 0.4, share),
        ("held-out-share", shares[1], 0 < shares[1] <= 0.4, share),
        ("seed", config.seed, config.seed >= 0, "it is 0 or above"),
        ("loss", config.loss, config.loss in LOSSES, f"it is one of {', '.join(LOSSES)}"),
        ("lock", config.lock, config.lock in LOCKS, f"it is one of {', '.join(LOCKS)}"),
    ]  # fmt: skip
    for name, value, good, what in checks:
        if not good:
            shown = f"{value:g}" if isinstance(value, float) else repr(value)
            raise TrainingError(f"--{name} is {shown}; {what}.")
    parse_train(config.train)
    if config.start == SPECIALISTS and (config.lock != "text" or config.train not in ("last:2", "projection")):
        raise TrainingError(
            "From the specialists a head on top of both locked towers is trained: leave --train and --lock out, or "
            "start from a CLIP or SigLIP model."
        )
    folder, out = config.folder.expanduser().resolve(), config.out.expanduser().resolve()
    start = Path(config.start).expanduser().resolve()
    refused = {
        f"lies inside the folder of pictures {folder}. Name another place.": out == folder or folder in out.parents,
        f"holds the folder of pictures {folder}. Name a folder of its own.": out in folder.parents,
        "is the model to start from, which would be overwritten. Name a new folder.": start.is_dir() and out == start,
        "is a file. Name a new folder.": out.exists() and not out.is_dir(),
    }
    for reason, holds in refused.items():
        if holds:
            raise TrainingError(f"--out {out} {reason}")
    if out.is_dir() and any(out.iterdir()) and not (out / PLACE / RECORD).is_file():
        raise TrainingError(
            f"--out {out} is not empty, and no fine-tune began there (it has no {PLACE}/{RECORD}). Name a new folder."
        )
    return replace(config, folder=folder, out=out)


def parse_train(train: str) -> tuple[str, int]:
    """`whole`, `projection` or `last:N` -> the kind and N. Raises TrainingError."""
    if train in ("whole", "projection"):
        return train, 0
    if (found := re.fullmatch(r"last:(\d{1,3})", train)) and int(found[1]) > 0:
        return "last", int(found[1])
    raise TrainingError(f"--train is {train!r}; it is whole, projection or last:N with N from 1, for example last:2.")


def record(config: FinetuneConfig, start: EncoderIdentity, folder: CaptionedFolder) -> None:
    """Begin in `out`, or go on there when it is the same run. Raises OtherCheckpoint with both values."""
    pictures = [(picture.sha256, picture.captions) for picture in folder.pictures]  # their order decides the split
    wanted: dict[str, Any] = {
        "from": f"{start.id} ({start.weights_sha256[:12]})",
        "pictures": f"{len(pictures)} ({hashlib.sha256(json.dumps(pictures).encode()).hexdigest()[:12]})",
    } | {name.replace("_", " "): getattr(config, name) for name in _TERMS}
    path = config.place / RECORD
    if not path.exists():
        return write_text(path, json.dumps(wanted, indent=1) + "\n")
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read ({error}). Remove {config.out} to begin again.") from error
    for name, value in wanted.items():
        if found.get(name) != value:
            raise OtherCheckpoint(
                f"{config.out} holds a run with {name} = {found.get(name)}, this one has {value}. Give it as it was to "
                "go on, name another folder with --out, or remove that one to begin again."
            )
