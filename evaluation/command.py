"""What `python -m evaluation` is asked and what it says."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from encoder.protocol import Encoder
from evaluation.collection import judge_collection
from evaluation.compare import compare
from evaluation.composed_report import composed_text, judge_composed
from evaluation.cut_report import cut_json, cut_text, judge_folder
from evaluation.encoding import Encoded, encode_folder
from evaluation.folder import CaptionedFolder, Unread, read_captioned
from evaluation.recommendation_folder import gather
from evaluation.recommendation_report import judge_recommendation, recommendation_text
from evaluation.retrieval import RANDOM, judge_retrieval, notes_on
from evaluation.stored import Library
from evaluation.tables import collection_text, compare_text, retrieval_text
from evaluation.tagged import read_tagged
from pictures.open import Limits
from schema.names import escaped
from search.asking import DEFAULT_TARGETS

NAMED = 20
"""Files named one by one at the terminal; --json names them all."""
OWN = "encoder"
WHETHER_CHANCE = "Whether one encoder is better than another or luckier here: python -m evaluation compare A B FOLDER"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m evaluation", description="How good the shared space is, in figures.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    retrieval = commands.add_parser(
        "retrieval",
        help="words find pictures and pictures find words in a captioned folder",
        description="How well the encoder in use (LOUPE_ENCODER) finds the pictures of a captioned folder by their "
        "captions, and captions by their pictures. Captions: metadata.csv or .jsonl (file_name, text), NAME.txt, or "
        "what a picture says itself. Needs no Weaviate.",
    )
    compare_two = commands.add_parser(
        "compare",
        help="two encoders on one captioned folder, query by query",
        description="Is encoder B better than encoder A on a captioned folder, or could the difference be chance?",
    )
    for name in ("A", "B"):
        compare_two.add_argument(
            name.lower(), metavar=name, help="specialists, conse (it untrained), or a model's folder or name"
        )
    for command in (retrieval, compare_two):
        command.add_argument("folder", type=Path, metavar="FOLDER")
    commands.add_parser(
        "collection",
        help="the live library: its index, its captions, its targets",
        description="How much of the exact result the index of the live library finds and how fast, how well captions "
        "find their pictures there, and whether several target vectors find more than one.",
    )
    composed = commands.add_parser(
        "composed",
        help="questions of several terms, in a folder with captions and tags",
        description="Composed questions from the tags of a folder (A and B; A, not B; a picture with a word changed; "
        "likes and dislikes): the search's own scoring beside plain sums of cosines. Needs no Weaviate.",
    )
    composed.add_argument("folder", type=Path, metavar="FOLDER")
    composed.add_argument(
        "--captions", type=float, default=1.0, metavar="SHARE", help="of the captions that is left, 0 to 1 (1)"
    )
    composed.add_argument("--half", choices=["dev", "final"], help="only this half of the questions, by their hash")
    composed.add_argument(
        "--without", action="append", default=[], metavar="TAG", help="a tag that is no word to ask with; repeatable"
    )
    cut = commands.add_parser(
        "cut",
        help="the line under likely hits, on a captioned folder and on nonsense",
        description="How often nonsense and captions whose picture is not there find nothing likely, and how many true "
        "hits stay above the line, by LOUPE_FALSE_ALARM. Needs no Weaviate.",
    )
    cut.add_argument("folder", type=Path, metavar="FOLDER")
    cut.add_argument("--seed", type=int, default=0, help="of the nonsense, the halves and what captions lose (0)")
    recommendation = commands.add_parser(
        "recommendation",
        help="likes and dislikes, in a folder with captions and tags",
        description="Given a few pictures of a tag or a folder, are the others found; does a simulated user get what "
        "it likes; do the first pictures stand for the library; are near-duplicates recognised. Needs no Weaviate.",
    )
    recommendation.add_argument("folder", type=Path, metavar="FOLDER")
    recommendation.add_argument("--seed", type=int, default=0, help="of all that is drawn (0)")
    recommendation.add_argument("--copied", type=int, default=100, help="pictures to make near-duplicates of (100)")
    recommendation.add_argument(
        "--without", action="append", default=[], metavar="TAG", help="a tag that is no hidden preference; repeatable"
    )
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    layout = commands.add_parser("layout", help="now python -m layout")
    layout.add_argument("--space", default="image")
    return parser.parse_args()


def open_folder(folder: Path, limits: Limits) -> CaptionedFolder:
    """`read_captioned` with a bar; raises what it raises."""
    with progress_bar("reading", None) as bar:
        return read_captioned(folder, limits, bar.update)


def run_retrieval(
    folder: CaptionedFolder,
    encoder: Encoder,
    baselines: Mapping[str, Encoder],
    *,
    limits: Limits,
    batch_size: int,
    as_json: bool,
) -> int:
    """Prints the figures of the encoder beside those of `baselines` and of chance. 1 when files failed, else 0."""
    with progress_bar("encoding", len(folder.pictures)) as bar:
        encoded = encode_folder(
            folder, {OWN: encoder, **baselines}, limits, batch_size=batch_size, on_progress=bar.update
        )
    directions = judge_retrieval(encoded)
    notes = notes_on(encoded)
    _say_what_was_left_out(folder, encoded.failed)
    if as_json:
        others = (*baselines, RANDOM)
        _print_json(
            {
                "encoder": encoder.identity.id,
                "images": len(encoded.pictures),
                "captions": len(encoded.captions),
                **{name: direction.to_json(OWN) for name, direction in directions.items()},
                "baselines": {
                    other: {name: direction.to_json(other) for name, direction in directions.items()}
                    for other in others
                },
                **_about(folder, encoded),
                "notes": notes,
            }
        )
    else:
        titles = {OWN: encoder.identity.id, **{name: name for name in baselines}, RANDOM: RANDOM}
        parts = [_heading(folder, encoded), f"{retrieval_text(directions, titles)}\n{WHETHER_CHANCE}", "\n".join(notes)]
        print("\n\n".join(filter(None, parts)))
    return int(bool(folder.unread or encoded.failed))


def run_compare(
    folder: CaptionedFolder, a: Encoder, b: Encoder, *, limits: Limits, batch_size: int, as_json: bool
) -> int:
    """Prints what B finds that A does not. 1 when files failed, else 0."""
    with progress_bar("encoding", len(folder.pictures)) as bar:
        encoded = encode_folder(folder, {"A": a, "B": b}, limits, batch_size=batch_size, on_progress=bar.update)
    directions = compare(encoded, "A", "B", folder.folder)
    notes = notes_on(encoded)
    if a.identity == b.identity:
        notes.insert(0, "A and B are the same encoder, so there is no difference to find.")
    _say_what_was_left_out(folder, encoded.failed)
    if as_json:
        _print_json(
            {
                "a": a.identity.id,
                "b": b.identity.id,
                "images": len(encoded.pictures),
                "captions": len(encoded.captions),
                **{name: found.to_json() for name, found in directions.items()},
                **_about(folder, encoded),
                "notes": notes,
            }
        )
    else:
        names = f"A = {a.identity.id}\nB = {b.identity.id}"
        print("\n\n".join([_heading(folder, encoded), names, compare_text(directions), *notes]))
    return int(bool(folder.unread or encoded.failed))


def run_cut(
    folder: CaptionedFolder,
    encoder: Encoder,
    false_alarm: float,
    *,
    seed: int,
    limits: Limits,
    batch_size: int,
    as_json: bool,
) -> int:
    """Prints what `judge_folder` finds. 1 when files failed, else 0."""
    with progress_bar("encoding", len(folder.pictures)) as bar:
        encoded = encode_folder(folder, {OWN: encoder}, limits, batch_size=batch_size, on_progress=bar.update)
    found = judge_folder(encoded, encoder, OWN, DEFAULT_TARGETS["text"], false_alarm, seed)
    _say_what_was_left_out(folder, encoded.failed)
    if as_json:
        told = {"encoder": encoder.identity.id, "false_alarm": false_alarm, "seed": seed}
        _print_json({**told, **cut_json(found), **_about(folder, encoded)})
    else:
        print("\n\n".join([f"{_heading(folder, encoded)}, {encoder.identity.id}", cut_text(found, false_alarm)]))
    return int(bool(folder.unread or encoded.failed))


def run_composed(arguments: argparse.Namespace, encoder: Encoder, limits: Limits) -> int:
    """Prints what `judge_composed` finds. 1 when files failed, else 0."""
    with progress_bar("encoding", None) as bar:
        pictured, unread = read_tagged(arguments.folder, encoder, limits, bar.update)
    wanted = {"captions": arguments.captions, "half": arguments.half, "without": arguments.without}
    report = judge_composed(pictured, encoder, DEFAULT_TARGETS, **wanted)
    _name("could not be used", [f"{file.path}: {file.message}" for file in unread])
    if arguments.json:
        failed = [vars(file) for file in unread]
        _print_json({"encoder": encoder.identity.id, **wanted, **report.to_json(), "unread": failed})
    else:
        print(f"{escaped(arguments.folder)}, {encoder.identity.id}\n\n{composed_text(report)}")
    return int(bool(unread))


def run_recommendation(arguments: argparse.Namespace, encoder: Encoder, limits: Limits) -> int:
    """Prints what `judge_recommendation` finds. 1 when files failed, else 0."""
    with progress_bar("encoding", None) as bar:
        gathered, unread = gather(
            arguments.folder, encoder, limits, copied=arguments.copied, seed=arguments.seed, on_progress=bar.update
        )
    wanted = {"without": arguments.without, "seed": arguments.seed}
    report = judge_recommendation(gathered, encoder, **wanted, on_step=_say_step)
    _name("could not be used", [f"{file.path}: {file.message}" for file in unread])
    if arguments.json:
        failed = [vars(file) for file in unread]
        _print_json({"encoder": encoder.identity.id, **wanted, **report.to_json(), "unread": failed})
    else:
        print(f"{encoder.identity.id}, seed {arguments.seed}\n{recommendation_text(report)}")
    return int(bool(unread))


def run_collection(library: Library, encoder: Encoder, as_json: bool) -> int:
    """Prints what `judge_collection` finds, with the targets that the search has by default."""
    report = judge_collection(library, encoder, DEFAULT_TARGETS, on_step=_say_step)
    if as_json:
        _print_json({"collection": library.name, "encoder": encoder.identity.id, **report.to_json()})
    else:
        heading = f"{library.name}: {report.stored} pictures"
        counted = f"{report.captioned} of {report.judged} judged have a caption"
        print("\n\n".join([f"{heading}, {counted}", collection_text(report), *report.notes]))
    return 0


def _say_step(step: str) -> None:
    if sys.stderr.isatty():
        print(f"  {step} …", file=sys.stderr)


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator["tqdm[Any]"]:
    """On stderr, and only at a terminal."""
    with tqdm(total=total, unit=" pictures", desc=what, disable=None, dynamic_ncols=True, leave=False) as bar:
        yield bar


def _heading(folder: CaptionedFolder, encoded: Encoded) -> str:
    return f"{escaped(folder.folder)}: {len(encoded.pictures)} pictures, {len(encoded.captions)} different captions"


def _about(folder: CaptionedFolder, encoded: Encoded) -> dict[str, Any]:
    return {
        "folder": str(folder.folder),
        "copies": {str(p.path): [str(copy) for copy in p.copies] for p in folder.pictures if p.copies},
        "uncaptioned": [str(path) for path in folder.uncaptioned],
        "unread": [vars(file) for file in (*folder.unread, *encoded.failed)],
        "skipped": [vars(file) for file in folder.skipped],
        "warnings": list(folder.warnings),
    }


def _say_what_was_left_out(folder: CaptionedFolder, failed: Sequence[Unread]) -> None:
    copies = [f"{copy} (as {picture.path})" for picture in folder.pictures for copy in picture.copies]
    _name("could not be used", [f"{file.path}: {file.message}" for file in (*folder.unread, *failed)])
    _name("copies of a picture that is judged once, with the captions of all its places", copies)
    _name("pictures without a caption, not judged", [str(path) for path in folder.uncaptioned])
    _name("links and special files, not opened", [file.path for file in folder.skipped])
    for warning in folder.warnings:
        print(f"  {escaped(warning)}", file=sys.stderr)
    if folder.left_out:
        print(f"  {folder.left_out}", file=sys.stderr)


def _name(what: str, items: Sequence[str]) -> None:
    if items:
        print(f"  {what} ({len(items)}):", file=sys.stderr)
        for item in items[:NAMED]:
            print(f"    {escaped(item)}", file=sys.stderr)
        if len(items) > NAMED:
            print(f"    and {len(items) - NAMED} more; --json names them all", file=sys.stderr)


def _print_json(data: Mapping[str, Any]) -> None:
    print(json.dumps(data, ensure_ascii=False))
