"""Parse the arguments of the training commands."""

import argparse
from dataclasses import fields
from pathlib import Path

from training.finetune.config import LOCKS, LOSSES, FinetuneConfig

EXPERIMENTS = "E1, E2, E3, E4, E5, E7, E8, E9"


def parse_arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m training", description="Learn the shared space, or a better one of your own."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _data(commands.add_parser("data", help="the pairs of drawings and words that the default encoder learns from"))
    _specialists(commands.add_parser("specialists", help="the default encoder, from those pairs"))
    _finetune(commands.add_parser("finetune", help="an encoder that knows your captioned folder better"))
    _mine(commands.add_parser("mine", help="hard negatives for your captions, from the live library"))
    _experiment(commands.add_parser("experiment", help="a claim about embeddings, tried with baselines and seeds"))
    return parser.parse_args(words)


def config_of(arguments: argparse.Namespace) -> FinetuneConfig:
    """Checked by `config.check`, not here."""
    return FinetuneConfig(**{field.name: getattr(arguments, field.name) for field in fields(FinetuneConfig)})


def _data(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Obtain the sources by package name (Debian, npm), render their drawings, and pair them with words. Writes "
        "training/data below LOUPE_CACHE (pictures/, pairs.jsonl, manifest.json: about 1 GB with the packages) and "
        "nothing into the repository. About ten minutes on 2 cores and a network. Killed and started "
        "again, it goes on."
    )
    parser.add_argument(
        "--source", action="append", metavar="NAME", help="only this source; may be given several times (default: all)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes that render (default: one for each core)")


def _specialists(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train the default encoder on the pairs of `python -m training data`. Writes its weights and a model card to "
        "--out, features and checkpoints below LOUPE_CACHE (with packages and pictures about 1.5 GB). At most half an "
        "hour on 2 cores once the features of the pictures are cached, which takes about ten minutes the first time. "
        "Needs 3 GB of memory. Killed and started again, it goes on."
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: encoder/weights, where Loupe loads them")
    parser.add_argument("--seed", type=int, default=0, metavar="N")


def _finetune(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = """\
Train an encoder further on a folder of captioned pictures (metadata.csv, metadata.jsonl or NAME.txt beside them).

Writes --out: a plain transformers folder, or a head for the specialists with a memory of your captions (as vectors,
not as words), that LOUPE_ENCODER=FOLDER loads; README.md and training/report.json, which say what was gained on
pictures held out and lost on others; training/checkpoints.
The weights saved lie between the start and the tuned ones, where validation is best (WiSE-FT, arXiv 2109.01903).

By default the text tower is locked: then caption vectors that are stored already stay true, and only pictures have to
be encoded anew. A tower that is locked whole runs once, and its outputs are kept below LOUPE_CACHE.

Time, for 300 pictures on 2 cores: a minute from the specialists or with --train projection, about ten minutes for
the last two layers of a ViT-B/32, half an hour for all of it. Killed and started again, it goes on. After ctrl-C
--out holds the model of the best epoch so far, if one was better than none."""
    add, default = parser.add_argument, FinetuneConfig
    shown = " (default: %(default)s)"
    add("folder", type=Path, metavar="FOLDER", help="pictures with captions, 12 different ones or more")
    start = "specialists (a head is trained), or a CLIP, SigLIP or SigLIP 2 model by folder or name"
    add("--from", dest="start", required=True, metavar="NAME_OR_FOLDER", help=start)
    add("--out", type=Path, required=True, metavar="FOLDER", help="a new folder, or one to go on in")
    train = "whole, last:N layers of each tower, or projection" + shown
    add("--train", default=default.train, metavar="WHAT", help=train)
    add("--lock", choices=LOCKS, default=default.lock, help="the tower that stays as it is" + shown)
    add("--loss", choices=LOSSES, default=default.loss, help="auto: the one that the model was trained with")
    rate = "default: 1e-5 for whole, 3e-5 for last:N, 1e-3 for projection and for the specialists' head"
    add("--learning-rate", type=float, metavar="X", help=rate)
    for name, value, what in (
        ("--epochs", default.epochs, "at most"),
        ("--patience", default.patience, "end after N epochs without better validation"),
        ("--batch-size", default.batch_size, "pairs"),
        ("--seed", default.seed, "of the split and of training"),
    ):
        add(name, type=int, default=value, metavar="N", help=what + shown)
    for name, field, share, what in (
        ("--val-share", "validation_share", default.validation_share, "to choose epoch and mix by"),
        ("--held-out-share", "held_out_share", default.held_out_share, "for the figures before and after"),
    ):
        add(name, dest=field, type=float, default=share, metavar="X", help=f"of the pictures, {what}{shown}")
    add("--json", action="store_true", help="print the report as one JSON object")


def _mine(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Ask the live library's index with each caption for pictures that are near it and surely not its own (not of "
        "the same caption, no near-duplicate, not above 95 % of the picture's own similarity). Writes a line of JSON "
        "for each captioned picture: its uuid, the caption and the uuids of its hard negatives, hardest first. About a "
        "second for 100 captions on 2 cores."
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: training/mined.jsonl below LOUPE_CACHE")
    parser.add_argument(
        "--at-most", type=int, default=20_000, metavar="N", help="pictures, sampled (default: %(default)s)"
    )


def _experiment(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Try a claim about embeddings, with its bars, baselines and seeds. Writes NAME.json and NAME.png to --out, and "
        "docs/experiments.md anew from all results; --small writes below LOUPE_CACHE only. Some minutes to half an "
        "hour each on 2 cores; small ones seconds."
    )
    parser.add_argument("name", metavar="NAME", help=f"{EXPERIMENTS}, all, or report (only docs/experiments.md anew)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N-1 (default: %(default)s)")
    parser.add_argument("--small", action="store_true", help="on little data, for a look")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: docs/experiments")
