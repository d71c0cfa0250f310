"""Read the arguments of `python -m evaluation`, judge, and print."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from encoder.protocol import Encoder
from evaluation.collection import collection_text, judge_collection
from evaluation.composed_report import composed_text, judge_composed
from evaluation.folder import CaptionedFolder, Encoded, Unread, encode_folder, read_captioned
from evaluation.library import LiveLibrary, gather, read_tagged
from evaluation.metrics import as_json
from evaluation.recommendation import judge_recommendation, recommendation_text
from evaluation.retrieval import RANDOM, compare, compare_text, judge_retrieval, notes_on, retrieval_text
from evaluation.threshold import judge_folder, threshold_json, threshold_text
from pictures.open import Limits
from schema.names import escaped
from search.asking import DEFAULT_TARGETS

NAMED = 20
"""Files named one by one at the terminal; --json names them all."""
OWN = "encoder"
ENCODER = "specialists, conse (it untrained), or a model's folder or name"
WHETHER_CHANCE = "Whether one encoder is better than another or luckier here: python -m evaluation compare A B FOLDER"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m evaluation", description="How good the shared space is, in figures.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, description: str, positional: str = "FOLDER") -> Callable[..., object]:
        added = commands.add_parser(name, help=summary, description=description)
        for metavar in positional.split():
            kind = {"type": Path} if metavar == "FOLDER" else {"help": ENCODER}
            added.add_argument(metavar.lower(), metavar=metavar, **kind)
        return added.add_argument

    command(
        "retrieval",
        "words find pictures and pictures find words in a captioned folder",
        "How well the encoder in use (LOUPE_ENCODER) finds the pictures of a captioned folder by their "
        "captions, and captions by their pictures. Captions: metadata.csv or .jsonl (file_name, text), NAME.txt, or "
        "what a picture says itself. Needs no Weaviate.",
    )
    command(
        "compare",
        "two encoders on one captioned folder, query by query",
        "Is encoder B better than encoder A on a captioned folder, or could the difference be chance?",
        "A B FOLDER",
    )
    command(
        "collection",
        "the live library: its index, its captions, its targets",
        "How much of the exact result the index of the live library finds and how fast, how well captions "
        "find their pictures there, and whether several target vectors find more than one.",
        "",
    )
    option = command(
        "composed",
        "questions of several terms, in a folder with captions and tags",
        "Composed questions from the tags of a folder (A and B; A, not B; a picture with a word changed; "
        "likes and dislikes): the search's own scoring beside plain sums of cosines. Needs no Weaviate.",
    )
    without = {"action": "append", "default": [], "metavar": "TAG"}
    option("--captions", type=float, default=1.0, metavar="SHARE", help="of the captions that is left, 0 to 1 (1)")
    option("--half", choices=["dev", "final"], help="only this half of the questions, by their hash")
    option("--without", **without, help="a tag that is no word to ask with; repeatable")
    option = command(
        "cut",
        "the threshold of likely hits, on a captioned folder and on nonsense",
        "How often nonsense and captions whose picture is not there find nothing likely, and how many true "
        "hits stay above the threshold, by LOUPE_FALSE_ALARM. Needs no Weaviate.",
    )
    option("--seed", type=int, default=0, help="of the nonsense, the halves and what captions lose (0)")
    option = command(
        "recommendation",
        "likes and dislikes, in a folder with captions and tags",
        "Given a few pictures of a tag or a folder, are the others found; does a simulated user get what "
        "it likes; do the first pictures stand for the library; are near-duplicates recognised. Needs no Weaviate.",
    )
    option("--seed", type=int, default=0, help="of all that is drawn (0)")
    option("--copied", type=int, default=100, help="pictures to make near-duplicates of (100)")
    option("--without", **without, help="a tag that is no hidden preference; repeatable")
    for added in commands.choices.values():
        added.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    commands.add_parser("layout", help="now python -m layout").add_argument("--space", default="image")
    return parser.parse_args()


def open_folder(folder: Path, limits: Limits) -> CaptionedFolder:
    """`read_captioned` with a progress bar; raises what it raises."""
    with progress_bar("reading", None) as bar:
        return read_captioned(folder, limits, bar.update)


@dataclass(frozen=True)
class Options:
    """What the commands on a captioned folder share."""

    limits: Limits
    batch_size: int
    as_json: bool


def run_retrieval(folder: CaptionedFolder, encoder: Encoder, baselines: Mapping[str, Encoder], options: Options) -> int:
    """Prints the figures of the encoder beside those of `baselines` and of chance. 1 when files failed, else 0."""
    encoded = _encode(folder, {OWN: encoder, **baselines}, options)
    directions = judge_retrieval(encoded)
    titles = {OWN: encoder.identity.id, **{name: name for name in (*baselines, RANDOM)}}
    figures = {method: {name: found.to_json(method) for name, found in directions.items()} for method in titles}
    data = {"encoder": encoder.identity.id, **_counts(encoded), **figures.pop(OWN), "baselines": figures}
    notes = notes_on(encoded)
    parts = [_heading(folder, encoded), f"{retrieval_text(directions, titles)}\n{WHETHER_CHANCE}", "\n".join(notes)]
    return _report_folder(folder, encoded, options, parts, data, {"notes": notes})


def run_compare(folder: CaptionedFolder, a: Encoder, b: Encoder, options: Options) -> int:
    """Prints what B finds that A does not. 1 when files failed, else 0."""
    encoded = _encode(folder, {"A": a, "B": b}, options)
    directions = compare(encoded, "A", "B", folder.folder)
    notes = notes_on(encoded)
    if a.identity == b.identity:
        notes.insert(0, "A and B are the same encoder, so there is no difference to find.")
    figures = {name: found.to_json() for name, found in directions.items()}
    data = {"a": a.identity.id, "b": b.identity.id, **_counts(encoded), **figures}
    names = f"A = {a.identity.id}\nB = {b.identity.id}"
    parts = [_heading(folder, encoded), names, compare_text(directions), *notes]
    return _report_folder(folder, encoded, options, parts, data, {"notes": notes})


def run_threshold(folder: CaptionedFolder, encoder: Encoder, false_alarm: float, seed: int, options: Options) -> int:
    """Prints what `judge_folder` finds. 1 when files failed, else 0."""
    encoded = _encode(folder, {OWN: encoder}, options)
    found = judge_folder(encoded, encoder, OWN, DEFAULT_TARGETS["text"], false_alarm, seed)
    data = {"encoder": encoder.identity.id, "false_alarm": false_alarm, "seed": seed, **threshold_json(found)}
    parts = [f"{_heading(folder, encoded)}, {encoder.identity.id}", threshold_text(found, false_alarm)]
    return _report_folder(folder, encoded, options, parts, data)


def run_composed(arguments: argparse.Namespace, encoder: Encoder, limits: Limits) -> int:
    """Prints what `judge_composed` finds. 1 when files failed, else 0."""
    with progress_bar("encoding", None) as bar:
        pictured, unread = read_tagged(arguments.folder, encoder, limits, bar.update)
    wanted = {"captions": arguments.captions, "half": arguments.half, "without": arguments.without}
    report = judge_composed(pictured, encoder, DEFAULT_TARGETS, **wanted)
    parts = [f"{escaped(arguments.folder)}, {encoder.identity.id}", composed_text(report)]
    return _report_tagged(arguments, unread, parts, {"encoder": encoder.identity.id, **wanted, **as_json(report)})


def run_recommendation(arguments: argparse.Namespace, encoder: Encoder, limits: Limits) -> int:
    """Prints what `judge_recommendation` finds. 1 when files failed, else 0."""
    with progress_bar("encoding", None) as bar:
        gathered, unread = gather(
            arguments.folder, encoder, limits, copied=arguments.copied, seed=arguments.seed, on_progress=bar.update
        )
    wanted = {"without": arguments.without, "seed": arguments.seed}
    report = judge_recommendation(gathered, encoder, **wanted, on_step=_show_step)
    parts = [f"{encoder.identity.id}, seed {arguments.seed}\n{recommendation_text(report)}"]
    return _report_tagged(arguments, unread, parts, {"encoder": encoder.identity.id, **wanted, **report.to_json()})


def run_collection(library: LiveLibrary, encoder: Encoder, as_json: bool) -> int:
    """Prints what `judge_collection` finds, with the targets that the search has by default."""
    report = judge_collection(library, encoder, DEFAULT_TARGETS, on_step=_show_step)
    counted = f"{report.captioned} of {report.judged} judged have a caption"
    parts = [f"{library.name}: {report.stored} pictures, {counted}", collection_text(report), *report.notes]
    return _report(as_json, parts, {"collection": library.name, "encoder": encoder.identity.id, **report.to_json()})


def _report(as_json: bool, parts: Sequence[str], data: Mapping[str, Any], failed: Sequence[Unread] = ()) -> int:
    print(json.dumps(data, ensure_ascii=False) if as_json else "\n\n".join(filter(None, parts)))
    return int(bool(failed))


def _report_folder(
    folder: CaptionedFolder,
    encoded: Encoded,
    options: Options,
    parts: Sequence[str],
    data: Mapping[str, Any],
    notes: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Print `parts`, or `data` with what is known of the folder; what was left out to stderr."""
    unread, pictures = (*folder.unread, *encoded.failed), folder.pictures
    copies = [f"{copy} (as {picture.path})" for picture in pictures for copy in picture.copies]
    _name("could not be used", [f"{file.path}: {file.message}" for file in unread])
    _name("copies of a picture that is judged once, with the captions of all its places", copies)
    _name("pictures without a caption, not judged", [str(path) for path in folder.uncaptioned])
    _name("links and special files, not opened", [file.path for file in folder.skipped])
    for sentence in filter(None, (*map(escaped, folder.warnings), folder.left_out)):
        print(f"  {sentence}", file=sys.stderr)
    about = {
        "folder": str(folder.folder),
        "copies": {str(p.path): [str(copy) for copy in p.copies] for p in pictures if p.copies},
        "uncaptioned": [str(path) for path in folder.uncaptioned],
        "unread": [vars(file) for file in unread],
        "skipped": [vars(file) for file in folder.skipped],
        "warnings": list(folder.warnings),
    }
    return _report(options.as_json, parts, {**data, **about, **notes}, unread)


def _report_tagged(
    arguments: argparse.Namespace, unread: Sequence[Unread], parts: Sequence[str], data: Mapping[str, Any]
) -> int:
    _name("could not be used", [f"{file.path}: {file.message}" for file in unread])
    return _report(arguments.json, parts, {**data, "unread": [vars(file) for file in unread]}, unread)


def _name(what: str, items: Sequence[str]) -> None:
    if items:
        print(f"  {what} ({len(items)}):", file=sys.stderr)
        for item in items[:NAMED]:
            print(f"    {escaped(item)}", file=sys.stderr)
        if len(items) > NAMED:
            print(f"    and {len(items) - NAMED} more; --json names them all", file=sys.stderr)


def _encode(folder: CaptionedFolder, encoders: Mapping[str, Encoder], options: Options) -> Encoded:
    with progress_bar("encoding", len(folder.pictures)) as bar:
        return encode_folder(folder, encoders, options.limits, batch_size=options.batch_size, on_progress=bar.update)


def _show_step(step: str) -> None:
    if sys.stderr.isatty():
        print(f"  {step} …", file=sys.stderr)


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator["tqdm[Any]"]:
    """On stderr, and only at a terminal."""
    with tqdm(total=total, unit=" pictures", desc=what, disable=None, dynamic_ncols=True, leave=False) as bar:
        yield bar


def _heading(folder: CaptionedFolder, encoded: Encoded) -> str:
    return f"{escaped(folder.folder)}: {len(encoded.pictures)} pictures, {len(encoded.captions)} different captions"


def _counts(encoded: Encoded) -> dict[str, int]:
    return {"images": len(encoded.pictures), "captions": len(encoded.captions)}
