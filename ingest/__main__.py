"""python -m ingest FOLDER: bring the library up to date with a folder of pictures."""

import argparse
import json
import signal
import sys

import assembly
import exits
from ingest.command import Stop, ask, parse_arguments, progress_bar
from ingest.files import check_root
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.prune import find_losses, prune
from ingest.roots import Roots
from ingest.status import only_one
from schema.collection import ensure_pictures
from settings import read_settings


def main(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    root = check_root(arguments.folder)
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.on_signal)
    with assembly.connected(settings) as client:
        encoder = assembly.encoder(settings)
        options = assembly.storage_options(settings)
        pictures = ensure_pictures(client, encoder.identity, options, new_collection=arguments.new_collection)
        ledger = Ledger(pictures, settings.loupe_weaviate_wait_s, assembly.remedy(settings))
        thumbnails = assembly.thumbnails(settings)
        with only_one(settings.loupe_home, pictures.name, root) as status, progress_bar(status, root) as bar:
            bar.start(root)
            ingest = Ingest(
                ledger,
                encoder,
                thumbnails,
                limits=assembly.limits(settings, arguments.max_megapixels),
                batch_size=settings.loupe_batch_size,
                dry_run=arguments.dry_run,
                on_progress=bar.show,
                stopped=stop.is_set,
            )
            report = ingest.run(root)
            if not report.interrupted:
                losses = find_losses(ledger, root, ingest.would_drop)
                agreed = (lambda question: True) if arguments.yes else ask
                prune(ledger, thumbnails, losses, report, remove=arguments.prune, agreed=agreed)
            if not arguments.dry_run:
                Roots(settings.loupe_home).add(root)
            bar.finish(report)
    print(json.dumps(report.to_json(), ensure_ascii=False) if arguments.json else report)
    if arguments.new_collection:
        print(f"The new collection is {pictures.name}. To search it: python -m schema switch", file=sys.stderr)
    return (
        exits.Exit.INTERRUPTED if report.interrupted else exits.Exit.SOME_FAILED if report.failed else exits.Exit.DONE
    )


if __name__ == "__main__":
    arguments = parse_arguments()
    exits.run(lambda: main(arguments))
