"""A folder, a ledger of an empty library, and a run of one into the other."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from ingest.prune import find_losses, prune
from ingest.report import IngestReport
from ingest.tagging import tag, tags_lock
from pictures.open import Limits
from pictures.thumbnails import ThumbnailStore
from schema.collection import Pictures
from tests.colours import ColourEncoder
from tests.ingest.runs import Give, Run
from tests.ingest.shell import Shell


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def ledger(pictures: Pictures, tmp_path: Path) -> Ledger:
    return Ledger(pictures, wait_s=10, lock=partial(tags_lock, tmp_path, pictures.name))


@pytest.fixture
def give(pictures: Pictures, tmp_path: Path) -> Give:
    return partial(tag, pictures, home=tmp_path)


@pytest.fixture
def run(ledger: Ledger, colours: ColourEncoder, tmp_path: Path) -> Run:
    thumbnails = ThumbnailStore(tmp_path / "thumbs")

    def run(folder: Path, *, remove: bool = False, agreed: bool = True, dry_run: bool = False) -> IngestReport:
        ingest = Ingest(
            ledger, colours, thumbnails, limits=Limits(), batch_size=4, dry_run=dry_run, own=[tmp_path / "home"]
        )
        report = ingest.run(folder)
        prune(
            ledger,
            thumbnails,
            find_losses(ledger, folder, ingest.would_drop, ingest.unread, ingest.exclusions),
            report,
            remove=remove,
            agreed=lambda question: agreed,
        )
        return report

    return run


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder that everybody may enter, and the rights of the user who runs the tests again afterwards."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    os.seteuid(os.getuid())
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def one_shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("faults") / "home")
    yield shell
    shell.server.stop()


@pytest.fixture
def shell(one_shell: Shell) -> Shell:
    one_shell.server.start()  # again, where a test has killed it
    one_shell.forget()
    return one_shell
