"""python -m ingest FOLDER: bring the library up to date with a folder of pictures."""

import argparse
import json
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import weaviate

import assembly
import exits
from encoder.protocol import EncoderIdentity
from host.jobs import StatusFile, only_one
from ingest.command import Stop, parse_arguments, progress_bar
from ingest.exclusions import Exclusions
from ingest.files import check_root
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.prune import find_below, find_losses, forget, prune
from ingest.report import IngestReport
from ingest.roots import Roots
from ingest.tagging import tags_lock
from schema.collection import ensure_pictures, find_pictures, live_pictures, open_pictures
from server.command import agreed as agree
from settings import Settings, read_settings


def main(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    report = (forget_folder if arguments.forget else bring_up_to_date)(arguments, settings)
    if report is None:
        return exits.Exit.USAGE
    print(json.dumps(report.to_json(), ensure_ascii=False) if arguments.json else report)
    if arguments.new_collection:
        print("The new collection is filled. To search it: python -m server switch", file=sys.stderr)
    return report.exit


def bring_up_to_date(arguments: argparse.Namespace, settings: Settings) -> IngestReport:
    own = (settings.loupe_home, settings.loupe_cache)
    root = check_root(arguments.folder, own)
    stop = Stop()
    stop.listen()
    with assembly.connected(settings) as client:
        encoder = assembly.encoder(settings)
        thumbnails = assembly.thumbnails(settings)
        with ExitStack() as held:
            ledger, status = open_ledger(arguments, settings, client, encoder.identity, root, held)
            bar = held.enter_context(progress_bar(status, root))
            bar.start(root, Exclusions(root, own))
            ingest = Ingest(
                ledger,
                encoder,
                thumbnails,
                limits=assembly.limits(settings, arguments.max_megapixels),
                batch_size=settings.loupe_batch_size,
                dry_run=arguments.dry_run,
                on_progress=bar.show,
                stopped=stop.is_set,
                earlier=earlier_ledger(settings, client) if arguments.new_collection else None,
                own=own,
            )
            report = ingest.run(root)
            if not report.interrupted:
                losses = find_losses(ledger, root, ingest.would_drop, ingest.unread, ingest.exclusions, stop.is_set)
                agreed = (lambda question: True) if arguments.yes else agree
                wish = {"remove": arguments.prune, "agreed": agreed, "at_most": arguments.at_most}
                prune(ledger, thumbnails, losses, report, stopped=stop.is_set, **wish)
            bar.finish(report)
    return report


def forget_folder(arguments: argparse.Namespace, settings: Settings) -> IngestReport | None:
    """Take the folder out of the library that is in use, whichever encoder filled it; None without a yes."""
    roots = Roots(settings.loupe_home)
    with assembly.connected(settings) as client, ExitStack() as held:
        pictures = open_pictures(client)
        ledger = Ledger(pictures, settings.loupe_weaviate_wait_s, assembly.remedy(settings))
        below = find_below(ledger, roots, arguments.folder)
        if not (arguments.yes or arguments.dry_run or agree(below.question)):
            return None
        status = None
        if not arguments.dry_run:
            status = held.enter_context(only_one(assembly.make_home(settings), pictures.name, below.folder))
        bar = held.enter_context(progress_bar(status, below.folder))
        stop = Stop()
        stop.listen()  # until here nothing was changed, and ctrl-C ends it at once
        thumbnails = assembly.thumbnails(settings)
        report = forget(ledger, thumbnails, roots, below, dry_run=arguments.dry_run, stopped=stop.is_set)
        bar.finish(report)
    return report


def open_ledger(
    arguments: argparse.Namespace,
    settings: Settings,
    client: weaviate.WeaviateClient,
    identity: EncoderIdentity,
    root: Path,
    held: ExitStack,
) -> tuple[Ledger, StatusFile | None]:
    """The library to fill, held for this process alone. A dry run makes, holds and notes nothing."""
    wait_s, remedy = settings.loupe_weaviate_wait_s, assembly.remedy(settings)
    if arguments.dry_run:
        found = find_pictures(client, identity, new_collection=arguments.new_collection)
        return Ledger(found, wait_s, remedy), None
    options = assembly.storage_options(settings)
    pictures = ensure_pictures(client, identity, options, new_collection=arguments.new_collection)
    status = held.enter_context(only_one(assembly.make_home(settings), pictures.name, root))
    Roots(settings.loupe_home).add(root)  # before the first picture: what a cut-off run has stored is to be seen
    lock = partial(tags_lock, settings.loupe_home, pictures.name)
    return Ledger(pictures, wait_s, remedy, lock), status


def earlier_ledger(settings: Settings, client: weaviate.WeaviateClient) -> Ledger | None:
    """The library in use: tags that were given in it go into the new one too."""
    live = live_pictures(client)
    return Ledger(live, settings.loupe_weaviate_wait_s, assembly.remedy(settings)) if live else None


if __name__ == "__main__":
    exits.run(lambda: main(parse_arguments()))
