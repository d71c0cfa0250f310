"""Report what a fine-tune did, as JSON and as text."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.folder import CaptionedFolder
from evaluation.retrieval import Comparison
from evaluation.tables import table
from training.atomic import write_text
from training.finetune.config import SPECIALISTS, FinetuneConfig
from training.finetune.split import Split
from training.interpolate import Choice
from training.loop import History

SHOWN = ("R@1", "R@5", "R@10", "MRR")
DIRECTIONS = {"text_to_image": "words → pictures", "image_to_text": "pictures → words"}


@dataclass(frozen=True)
class Outside:
    """Pictures of another kind, judged with both encoders; or why not."""

    folder: str
    directions: Mapping[str, Comparison]
    reason: str = ""


@dataclass(frozen=True)
class Tuned:
    """What training ended with, once the learner has been saved."""

    config: FinetuneConfig
    """With the learning rate that was taken."""
    history: History
    best_epoch: int
    choice: Choice
    loss: str
    device: str
    parameters: Mapping[str, int]
    """`trained` and `all` numbers of the model."""
    remembered: int
    """Pairs of a picture and a caption that the head looks up, those of validation too."""


@dataclass(frozen=True)
class Report(Tuned):
    encoder_before: str
    encoder_after: str
    folder: CaptionedFolder
    split: Split
    held_out: Mapping[str, Comparison]
    outside: Outside
    minutes: Mapping[str, float]
    """Of this call: `wall` and `cpu`. A resumed run's first part is in the epochs' `seconds`."""

    @property
    def training_minutes(self) -> float:
        """Of all epochs, also those before a resume."""
        return sum(epoch["seconds"] for epoch in self.history.epochs) / 60

    def to_json(self) -> dict[str, Any]:
        config, folder = self.config, self.folder
        kept = ("train", "lock", "learning_rate", "batch_size", "seed")
        return {
            "from": config.start,
            "out": str(config.out),
            "encoder": {"before": self.encoder_before, "after": self.encoder_after},
            "folder": str(folder.folder),
            "pictures": {
                "captioned": len(folder.pictures),
                "captions": len(folder.captions),
                **{side: len(pictures) for side, pictures in vars(self.split).items()},
                "copies": folder.copies,
                "without_caption": len(folder.uncaptioned),
                "unread": [vars(unread) for unread in folder.unread],
                "skipped": [vars(skipped) for skipped in folder.skipped],
            },
            "warnings": list(folder.warnings),
            **{name: getattr(config, name) for name in kept},
            "loss": self.loss,
            "parameters": dict(self.parameters),
            "remembered": self.remembered,
            "device": self.device,
            "epochs": {"asked": config.epochs, "run": len(self.history.epochs), "best": self.best_epoch},
            "validation": [self.history.start, *self.history.epochs],
            "alpha": {
                "chosen": self.choice.alpha,
                "grid": [{"alpha": alpha, **figures} for alpha, figures in self.choice.grid],
            },
            "held_out": {name: _sides(comparison) for name, comparison in self.held_out.items()},
            "outside": {
                "folder": self.outside.folder,
                "reason": self.outside.reason,
                **{name: _sides(comparison) for name, comparison in self.outside.directions.items()},
            },
            "minutes": {"training": self.training_minutes, **self.minutes},
        }

    def __str__(self) -> str:
        config, folder, split = self.config, self.folder, self.split
        trained, every = self.parameters["trained"], self.parameters["all"]
        locked = "no tower locked" if config.lock == "none" else f"the {config.lock} tower locked"
        what = "a head on both locked towers" if config.start == SPECIALISTS else f"--train {config.train}, {locked}"
        left_out = {
            "without caption": len(folder.uncaptioned),
            "that could not be read": len(folder.unread),
            "links or special files": len(folder.skipped),
            "further copies of the same bytes": folder.copies,
        }
        left = ", ".join(f"{count} {name}" for name, count in left_out.items() if count)
        lines = [
            f"{self.encoder_after}: {config.start} fine-tuned on {folder.folder}",
            f"{len(folder.pictures)} pictures with {len(folder.captions)} captions: {len(split.train)} to train on, "
            f"{len(split.validation)} to choose by, {len(split.held_out)} held out."
            + (f" Left out: {left}." if left else ""),
            f"{trained:,} of {every:,} numbers trained ({trained / max(1, every):.1%}): {what}, loss {self.loss}, "
            f"learning rate {config.learning_rate:g}, batch {config.batch_size}, seed {config.seed}.",
            f"{len(self.history.epochs)} of {config.epochs} epochs, the best {self.best_epoch}; "
            f"{self.training_minutes:.1f} minutes of training on {self.device}.",
            "",
            "On validation, by the share α of the tuned weights (0 is the start); chosen by the mean of R@10 and MRR, "
            "words → pictures and back:",
            _alphas(self.choice),
            *_tables("Held out (no choice was made on it)", self.held_out),
            *_tables(f"Outside the domain ({self.outside.folder})", self.outside.directions),
            *([f"\nOutside the domain: {self.outside.reason}."] if self.outside.reason else []),
            "",
            *_verdict(self.outside.directions),
            f"Use it: LOUPE_ENCODER={config.out}. A library of another encoder is filled anew: python -m ingest FOLDER",
        ]
        if self.remembered:
            lines[2] += (
                f" Beside it {self.remembered} captions are remembered with what their pictures look like, "
                "those chosen by too."
            )
        return "\n".join(lines)


def write_report(report: Report) -> None:
    """`training/report.json` for programs, README.md for people; neither counts as part of the model."""
    text = json.dumps(report.to_json(), indent=1, ensure_ascii=False)
    write_text(report.config.place / "report.json", text + "\n")
    write_text(report.config.out / "README.md", f"```\n{report}\n```\n")


def _sides(comparison: Comparison) -> dict[str, Any]:
    return {
        "queries": comparison.queries,
        "corpus": comparison.corpus,
        "before": dict(comparison.a),
        "after": dict(comparison.b),
        "difference": {name: asdict(interval) for name, interval in comparison.difference.items()},
    }


def _alphas(choice: Choice) -> str:
    rows = [["  α", "mean", "R@10", "MRR", ""]]
    for alpha, figures in choice.grid:
        shown = [f"{figures[name]:.3f}" for name in ("choice", "R@10", "MRR")]
        rows.append([f"  {alpha:.1f}", *shown, "<- chosen" if alpha == choice.alpha else ""])
    nothing = (
        "Training gained nothing on validation: what was saved is the start. More pictures or other settings may help."
    )
    return table(rows) + ("" if choice.alpha else f"\n{nothing}")


def _tables(title: str, directions: Mapping[str, Comparison]) -> list[str]:
    lines = []
    for name, comparison in directions.items():
        rows = [["", "before", "after", "difference", "95 % interval"]]
        for metric in SHOWN:
            gap = comparison.difference[metric]
            figures = [f"{comparison.a[metric]:.3f}", f"{comparison.b[metric]:.3f}", f"{gap.mean:+.3f}"]
            rows.append([f"  {metric}", *figures, f"{gap.low:+.3f} to {gap.high:+.3f}"])
        found = f"{comparison.queries} queries, {comparison.corpus} candidates"
        lines += ["", f"{title}, {DIRECTIONS[name]}: {found}", table(rows)]
        if comparison.corpus <= 10:
            lines.append("  So few candidates that R@10 finds them all whatever the encoder; MRR tells more.")
    return lines


def _verdict(directions: Mapping[str, Comparison]) -> list[str]:
    """What was lost outside the domain, in one sentence."""
    if not directions:
        return []
    gaps = {metric: directions["text_to_image"].difference[metric] for metric in ("R@10", "MRR")}
    lost, gained = any(gap.high < 0 for gap in gaps.values()), any(gap.low > 0 for gap in gaps.values())
    word = "lost" if lost else "gained" if gained else "neither lost nor gained for certain"
    shown = ", ".join(f"{metric} {gap.mean:+.3f} ({gap.low:+.3f} … {gap.high:+.3f})" for metric, gap in gaps.items())
    return [f"Outside the domain {word}: {shown}."]
