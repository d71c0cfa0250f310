"""python -m server start|stop|status|check|backup|restore|reset|switch: the local Weaviate, and the library in it."""

import exits
from server.command import COMMANDS, parse_arguments
from settings import read_settings


def main() -> int:
    arguments = parse_arguments()
    return COMMANDS[arguments.command](read_settings(), arguments)


if __name__ == "__main__":
    exits.run(main)
