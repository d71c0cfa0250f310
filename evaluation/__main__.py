"""python -m evaluation retrieval | composed | cut FOLDER | compare A B FOLDER | collection | layout: how good it is."""

import argparse

import assembly
import exits
from encoder.load import CONSE
from encoder.protocol import Encoder
from evaluation.command import (
    open_folder,
    parse_arguments,
    run_collection,
    run_compare,
    run_composed,
    run_cut,
    run_recommendation,
    run_retrieval,
)
from evaluation.live import LiveLibrary
from layout.library import run_layout
from layout.store import LayoutStore
from schema.collection import open_pictures
from settings import Settings, read_settings


def main(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    if arguments.command in ("collection", "layout"):
        with assembly.connected(settings) as client:
            pictures = open_pictures(client)  # says that there is no library before any model is loaded
            if arguments.command == "layout":
                print(run_layout(pictures, arguments.space, LayoutStore(settings.loupe_home / "layouts")))
                return exits.Exit.DONE
            encoder = assembly.encoder(settings)
            return run_collection(LiveLibrary(open_pictures(client, encoder.identity)), encoder, arguments.json)
    if arguments.command == "composed":
        return run_composed(arguments, assembly.encoder(settings), assembly.limits(settings))
    if arguments.command == "recommendation":
        return run_recommendation(arguments, assembly.encoder(settings), assembly.limits(settings))
    given = {"limits": assembly.limits(settings), "batch_size": settings.loupe_batch_size, "as_json": arguments.json}
    folder = open_folder(arguments.folder, given["limits"])  # says what is wrong with it before any model is loaded
    if arguments.command == "retrieval":
        return run_retrieval(folder, assembly.encoder(settings), {"ConSE": named(CONSE, settings)}, **given)
    if arguments.command == "cut":
        encoder = assembly.encoder(settings)
        return run_cut(folder, encoder, settings.loupe_false_alarm, seed=arguments.seed, **given)
    return run_compare(folder, named(arguments.a, settings), named(arguments.b, settings), **given)


def named(name: str, settings: Settings) -> Encoder:
    return assembly.encoder(settings.model_copy(update={"loupe_encoder": name}))


if __name__ == "__main__":
    exits.run(lambda: main(parse_arguments()))
