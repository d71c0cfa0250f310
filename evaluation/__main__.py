"""python -m evaluation retrieval | composed | cut | recommendation FOLDER | compare A B FOLDER | collection."""

import argparse
import sys

import assembly
import exits
from encoder.load import CONSE
from encoder.protocol import Encoder
from evaluation.command import (
    Options,
    open_folder,
    parse_arguments,
    run_collection,
    run_compare,
    run_composed,
    run_recommendation,
    run_retrieval,
    run_threshold,
)
from evaluation.library import LiveLibrary
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
            open_pictures(client)  # reports that there is no library before any model is loaded
            encoder = assembly.encoder(settings)
            return run_collection(LiveLibrary(open_pictures(client, encoder.identity)), encoder, arguments.json)
    if arguments.command == "composed":
        return run_composed(arguments, assembly.encoder(settings), assembly.limits(settings))
    if arguments.command == "recommendation":
        return run_recommendation(arguments, assembly.encoder(settings), assembly.limits(settings))
    options = Options(assembly.limits(settings), settings.loupe_batch_size, arguments.json)
    folder = open_folder(arguments.folder, options.limits)  # reports what is wrong with it before any model is loaded
    if arguments.command == "retrieval":
        return run_retrieval(folder, assembly.encoder(settings), {"ConSE": named(CONSE, settings)}, options)
    if arguments.command == "cut":
        return run_threshold(folder, assembly.encoder(settings), settings.loupe_false_alarm, arguments.seed, options)
    return run_compare(folder, named(arguments.a, settings), named(arguments.b, settings), options)


def named(name: str, settings: Settings) -> Encoder:
    return assembly.encoder(settings.model_copy(update={"loupe_encoder": name}))


if __name__ == "__main__":
    exits.run(lambda: main(parse_arguments()))
