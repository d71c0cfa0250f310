"""python -m ingest FOLDER: bring the library up to date with a folder of pictures."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import exits


def main(arguments: argparse.Namespace) -> int:
    from ingest.command import run  # takes a second to import: not for --help

    return run(arguments)


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m ingest", description="Bring the library up to date with a folder of pictures."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and change nothing")
    parser.add_argument(
        "--prune",
        action="store_true",
        help="remove pictures from the library whose files are gone, or left out by .loupeignore by now",
    )
    parser.add_argument(
        "--yes",
        action="store_true",
        help="with --prune: do not ask when more than half would be removed; with --forget: do not ask",
    )
    parser.add_argument(
        "--at-most",
        type=int,
        metavar="N",
        help="with --prune: do not ask; remove nothing if more than N are gone",
    )
    parser.add_argument(
        "--forget",
        action="store_true",
        help="take the folder out of the library instead (asks first, or --yes); it need not exist any more",
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.add_argument("--max-megapixels", type=_megapixels, metavar="N", help="refuse larger pictures (150)")
    parser.add_argument(
        "--new-collection", action="store_true", help="fill a collection for this encoder beside the one in use"
    )
    arguments = parser.parse_args(argv)
    if arguments.forget and (arguments.prune or arguments.new_collection):
        parser.error("--forget goes with --yes, --dry-run and --json only")
    return arguments


def _megapixels(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"a number above 0 and at most 1000 is needed, got {text!r}")
    return value


if __name__ == "__main__":
    exits.run(lambda: main(parse_arguments()))
