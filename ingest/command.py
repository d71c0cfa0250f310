"""Read the ingest command's arguments, and report at the terminal how far it is and what it did."""

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from host.jobs import StatusFile
from ingest.exclusions import Exclusions
from ingest.files import PictureFile, find_images
from ingest.report import IngestReport, Progress
from schema.names import escaped

NAMED = 20
"""Failures shown one by one at the terminal; --json has them all."""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m ingest", description="Bring the library up to date with a folder of pictures."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and change nothing")
    parser.add_argument(
        "--prune",
        action="store_true",
        help="remove pictures from the library whose files are gone, or left out by .loupeignore by now",
    )
    parser.add_argument(
        "--yes",
        action="store_true",
        help="with --prune: do not ask when more than half would be removed; with --forget: do not ask",
    )
    parser.add_argument(
        "--at-most",
        type=int,
        metavar="N",
        help="with --prune: do not ask; remove nothing if more than N are gone",
    )
    parser.add_argument(
        "--forget",
        action="store_true",
        help="take the folder out of the library instead (asks first, or --yes); it need not exist any more",
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.add_argument("--max-megapixels", type=_megapixels, metavar="N", help="refuse larger pictures (150)")
    parser.add_argument(
        "--new-collection", action="store_true", help="fill a collection for this encoder beside the one in use"
    )
    arguments = parser.parse_args()
    if arguments.forget and (arguments.prune or arguments.new_collection):
        parser.error("--forget goes with --yes, --dry-run and --json only")
    return arguments


def _megapixels(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"a number above 0 and at most 1000 is needed, got {text!r}")
    return value


class Stop:
    """Ctrl-C once: finish the batch in flight and end in order. Twice: end at once."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def is_set(self) -> bool:
        return self._event.is_set()

    def listen(self) -> None:
        """Handle ctrl-C, SIGTERM, and a terminal that is closed (except under nohup)."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and not (name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN):
                signal.signal(number, self.on_signal)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._event.is_set():
            raise KeyboardInterrupt
        self._event.set()
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
