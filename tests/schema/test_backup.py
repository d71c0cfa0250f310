"""Row 48: a library is backed up, wiped and restored by command, and is the same."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import weaviate

from errors import BackupError
from ingest.roots import Roots
from schema.backup import back_up, restore
from schema.collection import ALIAS, StorageOptions, delete_library, ensure_pictures, open_pictures
from schema.documents import COLLECTIONS, DocumentStore
from server.environment import environment_of
from server.local_server import LocalServer
from tests.colours import ColourEncoder
from tests.conftest import command, plan
from tests.schema.kills import TARGETS, client_of, vectors_of
from tests.search.colour_library import fill


@pytest.fixture
def full(own_server: LocalServer) -> LocalServer:
    """Sixty pictures, an album, a profile, a folder that was ingested."""
    own_server.start()
    with client_of(own_server) as client:
        delete_library(client)
        client.collections.delete(list(COLLECTIONS.values()))
        fill(ensure_pictures(client, ColourEncoder().identity, StorageOptions()), ColourEncoder())
        DocumentStore(client, "Albums").save("summer", {"q": "red"}, "colours")
        DocumentStore(client, "Profiles").save("me", {"likes": []}, "colours")
    Roots(own_server.home).add(Path("/photos"))
    shutil.rmtree(own_server.backups, ignore_errors=True)
    return own_server


def facts(client: weaviate.WeaviateClient) -> dict[str, Any]:
    """Count, the vectors' SHA, properties, the ten nearest of fifty questions in each vector, albums and profiles."""
    collection = open_pictures(client).collection
    rng = np.random.default_rng(48)
    return {
        "alias": client.alias.get(alias_name=ALIAS).collection,
        "count": collection.aggregate.over_all(total_count=True).total_count,
        "sha": {name: hashlib.sha256(rows.tobytes()).hexdigest() for name, rows in vectors_of(collection).items()},
        "properties": {one.uuid: one.properties for one in collection.iterator()},
        "nearest": [
            [one.uuid for one in collection.query.near_vector(question.tolist(), limit=10, target_vector=name).objects]
            for name in TARGETS
            for question in rng.normal(size=(50, 13 if name == "look" else 4))
        ],
        "albums": DocumentStore(client, "Albums").load("summer").document,
        "profiles": DocumentStore(client, "Profiles").load("me").document,
    }


def test_row_48_backed_up_wiped_and_restored_it_is_the_same(full: LocalServer) -> None:
    """Row 48: the data folder is removed, as a broken disk would; what is left is the backup's folder."""
    with client_of(full) as client:
        before = facts(client)
    made = command(full.home, "backup", "monday")
    assert made.returncode == 0, made.stderr
    assert str(full.backups / "monday") in made.stdout and "Not in it: your pictures' files" in made.stdout
    full.stop()
    shutil.rmtree(full.data)
    (full.home / "roots.json").unlink()
    full.start()
    read = command(full.home, "restore", "monday")
    assert read.returncode == 0, read.stderr
    with client_of(full) as client:
        assert facts(client) == before
    assert Roots(full.home).all() == [Path("/photos")]


def test_a_backup_is_never_mixed_with_a_library(full: LocalServer) -> None:
    """Nothing is changed; after a reset it is restored, and albums that stayed are left as they are by now."""
    with client_of(full) as client:
        back_up(client, "tuesday")
        with pytest.raises(BackupError, match=r"There is a library already \(Pictures_colours.*python -m server reset"):
            restore(client, "tuesday")
        delete_library(client)
        DocumentStore(client, "Albums").save("summer", {"q": "changed since"}, "colours")
        restored, left = restore(client, "tuesday")
        assert (len(restored), sorted(left)) == (1, sorted(COLLECTIONS.values()))
        assert open_pictures(client).collection.aggregate.over_all(total_count=True).total_count == 60
        assert DocumentStore(client, "Albums").load("summer").document == {"q": "changed since"}


def test_names_that_are_missing_taken_or_none_are_sentences(full: LocalServer) -> None:
    with client_of(full) as client:
        back_up(client, "wednesday")
        with pytest.raises(BackupError, match="There is a backup 'wednesday' already"):
            back_up(client, "wednesday")
        with pytest.raises(BackupError, match=r"There is no backup 'never'\. There are: wednesday\."):
            restore(client, "never")
    said = command(full.home, "backup", "../Monday")
    assert (said.returncode, "is of a-z, 0-9, - and _, got '../Monday'" in said.stderr) == (2, True)
    assert command(full.home, "restore").returncode == 2


def test_a_folder_that_cannot_be_written_is_a_sentence(full: LocalServer) -> None:
    """As a full disk: the server cannot write the backup, and its reason is in the sentence."""
    full.backups.mkdir(exist_ok=True)
    (full.backups / "thursday").write_text("a file where the folder should be")
    with client_of(full) as client, pytest.raises(BackupError, match=r"'thursday' was not made: .*Look for room"):
        back_up(client, "thursday")


def test_a_server_without_the_module_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = {"ENABLE_MODULES": "multi2vec-clip"}
    monkeypatch.setattr("server.local_server.environment_of", lambda *values: environment_of(*values) | without)
    server = LocalServer(plan(tmp_path / "home"))
    server.start()
    try:
        with client_of(server) as client, pytest.raises(BackupError, match="no module backup-filesystem"):
            back_up(client, "friday")
    finally:
        server.stop()
