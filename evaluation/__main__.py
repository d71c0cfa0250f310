"""python -m evaluation retrieval | composed | cut FOLDER | compare A B FOLDER | collection: how good it is."""

import argparse
import sys

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
from schema.collection import open_pictures
from settings import Settings, read_settings


def main(arguments: argparse.Namespace) -> int:
    if arguments.command == "layout":
        from layout.__main__ import main as lay_out

        print("python -m evaluation layout is called python -m layout now.", file=sys.stderr)
        return lay_out(arguments.space)
    settings = read_settings()
    if arguments.command == "collection":
        with assembly.connected(settings) as client:
            open_pictures(client)  # says that there is no library before any model is loaded
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
