"""python -m evaluation retrieval FOLDER | compare A B FOLDER | collection | layout: how good the shared space is."""

import argparse

import assembly
import exits
from encoder.protocol import Encoder
from evaluation.command import parse_arguments, run_collection, run_compare, run_retrieval
from evaluation.folder import read_captioned
from evaluation.layouts import LayoutStore
from evaluation.library_layout import run_layout
from evaluation.live import LiveLibrary
from schema.collection import open_pictures
from search.searcher import DEFAULT_TARGETS
from settings import Settings, read_settings


def main(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    if arguments.command == "collection":
        with assembly.connected(settings) as client:
            open_pictures(client)  # says that there is no library before any model is loaded
            encoder = assembly.encoder(settings)
            library = LiveLibrary(open_pictures(client, encoder.identity))
            return run_collection(library, encoder, DEFAULT_TARGETS, as_json=arguments.json)
    if arguments.command == "layout":
        with assembly.connected(settings) as client:
            print(run_layout(open_pictures(client), arguments.space, LayoutStore(settings.loupe_home / "layouts")))
        return exits.Exit.DONE
    limits = assembly.limits(settings)
    folder = read_captioned(arguments.folder, limits)  # says what is wrong with it before any model is loaded
    given = {"limits": limits, "batch_size": settings.loupe_batch_size, "as_json": arguments.json}
    if arguments.command == "retrieval":
        return run_retrieval(folder, assembly.encoder(settings), {"ConSE": named("specialists", settings)}, **given)
    return run_compare(folder, named(arguments.a, settings), named(arguments.b, settings), **given)


def named(name: str, settings: Settings) -> Encoder:
    return assembly.encoder(settings.model_copy(update={"loupe_encoder": name}))


if __name__ == "__main__":
    arguments = parse_arguments()
    exits.run(lambda: main(arguments))
