"""Do what `python -m ingest` is asked for, and report how far it is and what it did. A part of that entry point."""

import json
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import weaviate
from tqdm import tqdm

import assembly
from encoder.protocol import EncoderIdentity
from errors import Exit
from host.jobs import StatusFile, only_one
from ingest.exclusions import Exclusions
from ingest.files import PictureFile, check_root, find_images
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.prune import find_below, find_losses, forget, prune
from ingest.report import IngestReport, Progress
from ingest.roots import Roots
from ingest.tagging import tags_lock
from schema.collection import ensure_pictures, find_pictures, live_pictures, open_pictures
from schema.names import escaped
from server.command import agreed as agree
from settings import Settings, read_settings

NAMED = 20
"""Failures shown one by one at the terminal; --json has them all."""


def run(arguments: Namespace) -> int:
    settings = read_settings()
    report = (forget_folder if arguments.forget else bring_up_to_date)(arguments, settings)
    if report is None:
        return Exit.USAGE
    print(json.dumps(report.to_json(), ensure_ascii=False) if arguments.json else report)
    if arguments.new_collection:
        print("The new collection is filled. To search it: python -m server switch", file=sys.stderr)
    return report.exit


def bring_up_to_date(arguments: Namespace, settings: Settings) -> IngestReport:
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


def forget_folder(arguments: Namespace, settings: Settings) -> IngestReport | None:
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
    arguments: Namespace,
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


class Stop(threading.Event):
    """Ctrl-C once: finish the batch in flight and end in order. Twice: end at once."""

    def listen(self) -> None:
        """Handle ctrl-C, SIGTERM, and a terminal that is closed (except under nohup)."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and not (name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN):
                signal.signal(number, self.on_signal)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.is_set():
            raise KeyboardInterrupt
        self.set()
        print("\nStopping after the batch in flight; once more to stop at once.", file=sys.stderr)


class Bar:
    """A progress bar on stderr, and the same figures in the status file where there is one."""

    def __init__(self, file: StatusFile | None, bar: "tqdm[Any]") -> None:
        self._file = file
        self._bar = bar

    def start(self, root: Path, exclusions: Exclusions) -> None:
        """Count the pictures, so that the remaining time can be shown: one more stat a file."""
        self._bar.total = sum(isinstance(entry, PictureFile) for entry in find_images(root, exclusions=exclusions))
        self._update(total=self._bar.total)

    def show(self, progress: Progress) -> None:
        self._bar.update(progress.done - self._bar.n)
        self._bar.set_postfix(encoded=progress.encoded, failed=progress.failed, refresh=False)
        self._update(done=progress.done, encoded=progress.encoded, failed=progress.failed, at_once=False)

    def finish(self, report: IngestReport) -> None:
        self._bar.close()
        self._update(report=report.to_json())
        if report.ended_by:
            print(f"  {report.ended_by}", file=sys.stderr)
        failures = [*report.unreadable, *report.rejected, *report.not_removed]
        for failure in failures[:NAMED]:
            print(f"  {escaped(failure.path)}: {failure.reason}", file=sys.stderr)
        if len(failures) > NAMED:
            print(f"  and {len(failures) - NAMED} more; --json names them all", file=sys.stderr)
        for warning in report.warnings:
            print(f"  {escaped(warning)}", file=sys.stderr)
        if report.left_out:
            print(f"  {report.left_out}", file=sys.stderr)
        for count, what in (
            (report.missing, "of the library are gone from the folder; --prune removes them"),
            (report.excluded, "of the library are left out by a rule by now; --prune removes them"),
            (report.offline, "are out of reach (an unmounted or unreadable folder) and were kept"),
        ):
            if count:
                print(f"  {count} pictures {what}", file=sys.stderr)

    def _update(self, *, at_once: bool = True, **changes: object) -> None:
        if self._file is not None:
            self._file.update(at_once=at_once, **changes)


@contextmanager
def progress_bar(file: StatusFile | None, root: Path) -> Iterator[Bar]:
    with tqdm(total=0, unit=" files", desc=escaped(root.name), disable=None, dynamic_ncols=True) as bar:
        yield Bar(file, bar)
