"""python -m evaluation retrieval | composed | cut | recommendation FOLDER | compare A B FOLDER | collection."""

import argparse
import sys

import assembly
import exits
from encoder.load import CONSE
from encoder.protocol import Encoder
from evaluation import command
from evaluation.library import LiveLibrary
from schema.collection import open_pictures
from settings import Settings, read_settings


def main(arguments: argparse.Namespace) -> int:
    if arguments.command == "layout":
        from layout.__main__ import main as lay_out

        print("python -m evaluation layout is called python -m layout now.", file=sys.stderr)
        return lay_out(arguments.space)
    settings = read_settings()
    limits = assembly.limits(settings)
    if arguments.command == "collection":
        with assembly.connected(settings) as client:
            open_pictures(client)  # reports that there is no library before any model is loaded
            encoder = assembly.encoder(settings)
            library = LiveLibrary(open_pictures(client, encoder.identity))
            return command.run_collection(library, encoder, arguments.json)
    if arguments.command == "composed":
        return command.run_composed(arguments, assembly.encoder(settings), limits)
    if arguments.command == "recommendation":
        return command.run_recommendation(arguments, assembly.encoder(settings), limits)
    options = command.Options(limits, settings.loupe_batch_size, arguments.json)
    folder = command.open_folder(arguments.folder, limits)  # reports what is wrong with it before any model is loaded
    if arguments.command == "compare":
        return command.run_compare(folder, named(arguments.a, settings), named(arguments.b, settings), options)
    encoder = assembly.encoder(settings)
    if arguments.command == "cut":
        return command.run_threshold(folder, encoder, settings.loupe_false_alarm, arguments.seed, options)
    return command.run_retrieval(folder, encoder, {"ConSE": named(CONSE, settings)}, options)


def named(name: str, settings: Settings) -> Encoder:
    return assembly.encoder(settings.model_copy(update={"loupe_encoder": name}))


if __name__ == "__main__":
    exits.run(lambda: main(command.parse_arguments()))
