"""python -m server start|stop|status|check|backup|restore|reset|switch: the local Weaviate, and the library in it."""

import argparse
from collections.abc import Sequence

import exits

HELP = """\
start   start Weaviate on this machine (built first where it is not there yet) and keep it running
stop    stop it
status  version, address, pictures, encoder, disk
check   whether every picture is found by its own vectors; with --mend, put those that are not into the index again
backup  NAME: write the library, albums and profiles into a backup of that name
restore NAME: read it into a server that has no library
reset   remove every picture from the library
switch  search the collection of the encoder that LOUPE_ENCODER names"""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    from server.command import run  # takes a second to import: not for --help

    return run(arguments)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m server", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=[line.split()[0] for line in HELP.splitlines()])
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="backup, restore: of the backup")
    parser.add_argument("--json", action="store_true", help="status, check: print JSON")
    parser.add_argument("--mend", action="store_true", help="check: mend what is not found")
    parser.add_argument("--yes", action="store_true", help="reset: do not ask")
    return parser.parse_args(argv)


if __name__ == "__main__":
    exits.run(main)
