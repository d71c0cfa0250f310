"""What is stored and not found by its own vectors is named, and mended; after a crash by itself."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import weaviate
from pydantic import ValidationError

import assembly
from assembly import after_a_crash
from errors import HomeError
from host.jobs import hold
from ingest.ledger import Ledger
from schema.check import NEWEST, check, mend
from schema.collection import StorageOptions, delete_library, ensure_pictures, open_pictures
from server import local_server
from server.local_server import LocalServer
from settings import Settings
from tests.colours import ColourEncoder
from tests.conftest import SETTINGS, command, plan
from tests.schema.kills import client_of, contents, kill, recall_at_10
from tests.search.colour_library import Library, fill


@pytest.fixture
def damaged(own_server: LocalServer) -> LocalServer:
    """The library of an older Loupe, whose server was killed right after an acknowledged batch: sixty pictures, of
    which some are not in the index. How many is chance: as many as the index's log held back. One has an own tag."""
    for _ in range(5):
        own_server.start()
        with pytest.MonkeyPatch.context() as older, client_of(own_server) as client:
            delete_library(client)
            pictures = ensure_pictures(client, ColourEncoder().identity, StorageOptions())
            older.setattr("ingest.ledger.keep_found", lambda *arguments: None)
            library = fill(pictures, ColourEncoder())
            one = min(library.records.values(), key=lambda record: record.uuid)
            Ledger(pictures, wait_s=10).set_tags(one.with_own_tags(("by hand",)))
        kill(own_server)
        own_server.start()
        with client_of(own_server) as client:
            if check(open_pictures(client)).unfound:
                return own_server
    raise AssertionError("nothing was lost in five kills; the test shows nothing")


def test_a_sound_library_has_nothing_to_mend(client: weaviate.WeaviateClient, library: Library) -> None:
    found = check(library.pictures)
    assert (found.pictures, found.unfound) == (60, ())
    assert mend(library.pictures, found) == found
    assert "all 60 pictures are found by their own vectors" in str(found)


def test_the_quick_look_asks_the_newest(client: weaviate.WeaviateClient, library: Library) -> None:
    """It looks at every picture, and asks only some to find themselves."""
    found = check(library.pictures, newest=5)
    assert (found.pictures, found.unfound) == (60, ())


def test_row_53_an_older_library_is_mended_by_command(damaged: LocalServer) -> None:
    """Row 53: `check` names what is lost and exits with 1; with --mend it exits with 0, and another one finds nothing.
    Vectors stay bit by bit, properties and own tags too."""
    with client_of(damaged) as client:
        before = contents(open_pictures(client).collection)
    lost = command(damaged.home, "check", "--json")
    (said,) = json.loads(lost.stdout)
    assert (lost.returncode, said["pictures"]) == (1, 60)
    count = len(said["unfound"])
    assert count >= 1
    assert all(one["path"].startswith("/") for one in said["unfound"])
    mended = command(damaged.home, "check", "--mend")
    assert mended.returncode == 0, mended.stdout
    assert f"{count} were not, and were put into the index again" in mended.stdout
    again = command(damaged.home, "check", "--json")
    assert (again.returncode, json.loads(again.stdout)[0]["unfound"]) == (0, [])
    with client_of(damaged) as client:
        assert contents(open_pictures(client).collection) == before
        assert any("by hand" in str(properties) for properties, _ in before.values())
        assert min(recall_at_10(open_pictures(client).collection).values()) >= 0.99


def test_mending_refuses_beside_an_ingest(own_server: LocalServer) -> None:
    """As backup and reset do; to look only is allowed."""
    own_server.start()
    with client_of(own_server) as client:
        delete_library(client)
        name = ensure_pictures(client, ColourEncoder().identity, StorageOptions()).name
    with hold(own_server.home, name):
        mending = command(own_server.home, "check", "--mend")
        assert (mending.returncode, "One ingest at a time" in mending.stderr) == (2, True), mending.stderr
        assert command(own_server.home, "check").returncode == 0


@pytest.mark.parametrize("broken", ["lock", "running", "checked"])
def test_a_look_after_a_crash_that_cannot_be_done_ends_nothing_else(
    own_server: LocalServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """A folder is where its lock should be, or LOUPE_HOME cannot be used: a sentence says how to look by hand."""
    own_server.start()
    kill(own_server)
    own_server.start()
    lock = own_server.home / "check.lock"
    lock.unlink(missing_ok=True)

    def full(*arguments: object) -> None:
        raise HomeError("The disk is full.")

    with client_of(own_server) as client:
        if broken == "lock":
            lock.mkdir()
        else:
            monkeypatch.setattr(own_server, broken, full)
        with caplog.at_level(logging.WARNING):
            after_a_crash(own_server, client)
    if broken == "lock":
        lock.rmdir()
    assert "That could not be done" in caplog.text and "By hand: python -m server check --mend" in caplog.text


def test_as_many_of_the_newest_are_asked_as_an_ingest_may_store_at_once() -> None:
    Settings(_env_file=None, loupe_batch_size=NEWEST)
    with pytest.raises(ValidationError):
        Settings(_env_file=None, loupe_batch_size=NEWEST + 1)


def test_the_next_command_after_a_kill_mends_by_itself(damaged: LocalServer, caplog: pytest.LogCaptureFixture) -> None:
    """Once: the record of the server says that it was killed, until the library was looked through."""
    settings = Settings(_env_file=None, loupe_home=damaged.home, loupe_cache=SETTINGS.loupe_cache)
    with caplog.at_level(logging.WARNING), assembly.connected(settings) as client:
        assert "did not end in order" in caplog.text and "were not, and were put into the index again" in caplog.text
        assert check(open_pictures(client)).unfound == ()
        caplog.clear()
        with assembly.connected(settings):
            assert caplog.text == ""


def test_start_mends_by_itself(damaged: LocalServer) -> None:
    assert "were not, and were put into the index again" in command(damaged.home, "start").stderr
    assert command(damaged.home, "check").returncode == 0


def test_a_twin_in_the_index_does_not_hide_a_picture_that_is_not(own_server: LocalServer) -> None:
    """Two pictures of the same vectors, one of them in the index: the distance reached is 0 for both, and the other is
    named all the same."""
    own_server.start()
    with client_of(own_server) as client:
        delete_library(client)
        library = fill(ensure_pictures(client, ColourEncoder().identity, StorageOptions()), ColourEncoder())
        first, other = list(library.records.values())[:2]
        collection = library.pictures.collection
        twins = {name: vector.tolist() for name, vector in library.vectors[first.uuid].items()}
        collection.data.update(other.uuid, vector=twins)
        assert check(library.pictures).unfound == ()
    for _ in range(5):  # Weaviate may write the index by itself in the last moment
        # As a kill leaves it: the object is there, but not in the index.
        with client_of(own_server) as client, pytest.MonkeyPatch.context() as older:
            pictures = open_pictures(client)
            pictures.collection.data.delete_by_id(other.uuid)
            older.setattr("ingest.ledger.keep_found", lambda *arguments: None)
            Ledger(pictures, 10).add([(other, library.vectors[first.uuid])])
        kill(own_server)
        own_server.start()
        with client_of(own_server) as client:
            found = check(open_pictures(client))
        if found.unfound:
            break
    with client_of(own_server) as client:
        pictures = open_pictures(client)
        assert [one.uuid for one in found.unfound] == [other.uuid]
        assert mend(pictures, found).unfound == ()


def test_many_of_one_vector_are_not_called_lost(empty: weaviate.WeaviateClient) -> None:
    """Fifty of one caption: the index reaches some only by their equals."""
    pictures = ensure_pictures(empty, ColourEncoder().identity, StorageOptions())
    library = fill(pictures, ColourEncoder())
    first = next(iter(library.vectors.values()))
    one = next(iter(library.records.values()))
    same = [(replace(one, sha256=f"{index:064x}"), first) for index in range(50)]
    assert Ledger(pictures, 10).add(same) == []
    assert check(pictures).unfound == ()


def test_a_clean_stop_needs_no_look(own_server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded in server.json; a kill, a crash and a SIGKILL after a SIGTERM that was not heard are no clean stop."""
    own_server.stop()
    own_server.checked(own_server.start())
    own_server.stop()
    clean = own_server.start()
    assert not clean.to_check
    kill(own_server)
    killed = own_server.start()
    assert killed.to_check
    own_server.stop()
    assert own_server.start().to_check, "nobody has looked yet"
    own_server.checked(killed)
    assert own_server.running().to_check, "the check was of another server"  # type: ignore[union-attr]
    own_server.checked(own_server.start())
    assert not own_server.running().to_check  # type: ignore[union-attr]
    monkeypatch.setattr(local_server, "STOP_TIMEOUT_S", 0)
    own_server.stop()
    monkeypatch.undo()
    assert own_server.start().to_check


def test_a_record_of_an_older_loupe_asks_for_a_look(own_server: LocalServer) -> None:
    """It does not say how the server ended."""
    own_server.checked(own_server.start())
    own_server.stop()
    file = own_server.home / "server.json"
    record = json.loads(file.read_text())
    del record["stopped"], record["to_check"]
    file.write_text(json.dumps(record))
    assert own_server.start().to_check


def test_a_new_home_needs_no_look(tmp_path: Path) -> None:
    server = LocalServer(plan(tmp_path / "home"))
    try:
        assert not server.start().to_check
    finally:
        server.stop()
