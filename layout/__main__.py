"""python -m layout [--space image | caption | both | look]: compute the picture of the library that the Map shows."""

import argparse

import exits
from layout.store import SPACES, LayoutStore
from settings import read_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compute where the points of the Map lie, as the app does by itself: PCA, then UMAP where it is installed."
    )
    parser.add_argument("--space", choices=list(SPACES), default="image", help="which vectors (default: %(default)s)")


def main(space: str) -> int:
    import assembly  # these take a second to import: not for --help
    from layout.library import run_layout
    from schema.collection import open_pictures

    settings = read_settings()
    with assembly.connected(settings) as client:
        print(run_layout(open_pictures(client), space, LayoutStore(settings.loupe_home / "layouts")))
    return exits.Exit.DONE


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m layout")
    add_arguments(parser)
    return parser.parse_args()


if __name__ == "__main__":
    exits.run(lambda: main(parse_arguments().space))
