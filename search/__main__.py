"""python -m search "beach + sunset - people": ask the library from the shell."""

import argparse
import sys
from pathlib import Path

import exits
from search.filters import help_text
from search.query import STRATEGIES, TARGETS

EPILOG = """\
one line, or an argument a term:
  'beach + sunset - people'      words that count, and words that do not
  '2:beach + 0.5:sunset'         weights
  'cat "red car" -tag:raw'       exact words, and not this tag
  'like:a/cat.jpg but red'       a picture of the library by its path or uuid, or a file, and words
  'bridge taken>=2020 year:2024 folder:/photos near:48.85,2.35,10'    filters

filters, in the line (a colon for =, a minus in front negates) or behind --filter (! in front negates):
"""


def main(arguments: argparse.Namespace) -> int:
    from search.command import run  # takes a second to import: not for --help

    return run(arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m search",
        description="Find pictures of the library by words or by pictures.",
        epilog=EPILOG + help_text().replace("%", "%%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("question", nargs="*", metavar="QUESTION", help="what is looked for, see below")
    parser.add_argument("--image", type=Path, action="append", default=[], metavar="FILE", help="a picture that asks")
    of_library = "[WEIGHT:]UUID, a path of the library, or a file"
    parser.add_argument("--like", action="append", default=[], metavar="PICTURE", help=of_library)
    parser.add_argument("--dislike", action="append", default=[], metavar="PICTURE", help="the same, but not like it")
    parser.add_argument("--hide", action="append", default=[], metavar="UUID", help="does not come back")
    parser.add_argument("--strategy", metavar="NAME", help=f"how likes are joined: {', '.join(STRATEGIES)}")
    parser.add_argument("--diversity", metavar="0..1", help="difference among the hits")
    parser.add_argument("--collapse", action="store_true", help="show near-duplicates once")
    parser.add_argument("--limit", metavar="N")
    parser.add_argument("--offset", metavar="N")
    parser.add_argument(
        "--target", action="append", default=[], metavar="NAME=WEIGHT", help=f"what counts: {', '.join(TARGETS)}"
    )
    parser.add_argument("--auto", action="store_true", help="what counts is learned from the likes")
    parser.add_argument(
        "--filter", action="append", default=[], metavar="CONDITION", help="tags=cat, taken>=2020, !folder=/raw, ..."
    )
    parser.add_argument(
        "--words-too", dest="words", action="store_true", help="match the words themselves as well (BM25)"
    )
    parser.add_argument("--facets", action="store_true", help="count folders, tags, years, cameras and formats")
    parser.add_argument("--unlikely", action="store_true", help="print the unlikely hits too")
    parser.add_argument("--why", action="store_true", help="print what each term brought")
    parser.add_argument("--album", metavar="NAME", help="ask what was saved as an album, and nothing else")
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object")
    # Every option of ours but -h begins with two dashes, so `-people` and `-tag:raw` are words.
    return parser.parse_intermixed_args([f" {text}" if _is_words(text) else text for text in sys.argv[1:]])


def _is_words(argument: str) -> bool:
    return len(argument) > 1 and argument[0] == "-" != argument[1] and argument != "-h"


if __name__ == "__main__":
    exits.run(lambda: main(parse_arguments()))
