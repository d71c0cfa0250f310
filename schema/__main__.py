"""python -m schema …: what the command was called before it was python -m server."""

import sys

import exits
from server.__main__ import main


def main_by_its_old_name() -> int:
    print("python -m schema is called python -m server now.", file=sys.stderr)
    return main()


if __name__ == "__main__":
    exits.run(main_by_its_old_name)
