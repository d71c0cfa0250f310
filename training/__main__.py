"""python -m training data | specialists | finetune FOLDER --from NAME --out FOLDER | mine | experiment NAME."""

import argparse
import json
from functools import partial

import assembly
import exits
from errors import TrainingError
from settings import PROJECT, Settings, read_settings
from training.command import config_of, parse_arguments
from training.finetune.config import check


def main(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    return COMMANDS[arguments.command](arguments, settings)


def data(arguments: argparse.Namespace, settings: Settings) -> int:
    from training.data.make import make_data

    if arguments.workers is not None and arguments.workers < 1:
        raise TrainingError(f"--workers is {arguments.workers}; it is at least 1.")
    manifest = make_data(settings.loupe_cache, arguments.source, workers=arguments.workers)
    print(manifest)
    missing = any(source.missing for source in (*manifest.sources.values(), *manifest.words.values()))
    return exits.Exit.SOME_FAILED if missing else exits.Exit.DONE


def specialists(arguments: argparse.Namespace, settings: Settings) -> int:
    from training.specialists.recipe import run

    out = arguments.out or PROJECT / "encoder" / "weights"
    print(run(settings.loupe_cache, out, seed=arguments.seed, device=settings.loupe_device))
    return exits.Exit.DONE


def finetune(arguments: argparse.Namespace, settings: Settings) -> int:
    config = check(config_of(arguments))  # says at once, before any model is loaded, what cannot be
    from encoder.load import load_encoder
    from training.finetune.run import Dependencies
    from training.finetune.run import finetune as run

    load = partial(load_encoder, device=settings.loupe_device, threads=settings.loupe_threads)
    cache = settings.loupe_cache / "training" / "features"
    report = run(config, Dependencies(load, assembly.limits(settings), cache, PROJECT / "samples"))
    print(json.dumps(report.to_json(), ensure_ascii=False) if arguments.json else report)
    return exits.Exit.SOME_FAILED if report.folder.unread else exits.Exit.DONE


def mine(arguments: argparse.Namespace, settings: Settings) -> int:
    from evaluation.library import LiveLibrary
    from schema.collection import open_pictures
    from training.negatives import mine_library

    out = arguments.out or settings.loupe_cache / "training" / "mined.jsonl"
    with assembly.connected(settings) as client:
        print(mine_library(LiveLibrary(open_pictures(client)), out, arguments.at_most))
    return exits.Exit.DONE


def experiment(arguments: argparse.Namespace, settings: Settings) -> int:
    from training.experiments.run import run_named

    if arguments.seeds < 1:
        raise TrainingError(f"--seeds is {arguments.seeds}; it is at least 1.")
    out = arguments.out or PROJECT / "docs" / "experiments"
    print(run_named(arguments.name, settings.loupe_cache, out, arguments.seeds, arguments.small))
    return exits.Exit.DONE


COMMANDS = {"data": data, "specialists": specialists, "finetune": finetune, "mine": mine, "experiment": experiment}

if __name__ == "__main__":
    exits.run(lambda: main(parse_arguments()))
