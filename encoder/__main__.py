"""python -m encoder export | verify: make the export for this processor, or hold it against torch."""

import argparse

import exits
from encoder.exported import forget_failure, load_exported
from settings import read_settings

HELP = """\
export  make the export of the default encoder for this processor, where it is not there yet
verify  hold it against torch in float32: agreement, speed, memory, and why float32 is used"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m encoder", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("export", "verify"))
    parser.add_argument(
        "--development",
        action="store_true",
        help="verify: also by the photographs and drawings that training is judged on (downloads Debian packages)",
    )
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> int:
    cache = read_settings().loupe_cache
    if arguments.command == "verify":
        from encoder.command import verify

        return verify(cache, development=arguments.development)
    forget_failure(cache)
    return exits.Exit.DONE if load_exported(cache, 0) else exits.Exit.USAGE


if __name__ == "__main__":
    exits.run(lambda: main(parse_arguments()))
