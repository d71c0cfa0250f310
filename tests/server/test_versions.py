"""Row 47: a library goes through an update of Weaviate, and a server that is too old for it says so."""

from pathlib import Path

import pytest

from errors import ServerError
from schema.collection import StorageOptions, ensure_pictures, open_pictures
from server.binary import binary_path
from server.local_server import LocalServer
from tests.colours import ColourEncoder
from tests.conftest import SETTINGS, plan
from tests.schema.kills import client_of, recall_at_10
from tests.search.colour_library import fill


def built() -> list[str]:
    """The versions of the server that are on this machine, the oldest first."""
    folder = binary_path(SETTINGS.loupe_cache, "0").parent.parent
    found = [path.name for path in folder.iterdir() if binary_path(SETTINGS.loupe_cache, path.name).is_file()]
    return sorted(found, key=lambda name: [int(part) for part in name.split(".")])


def test_row_47_a_library_of_an_older_server_opens_in_a_newer_one(tmp_path: Path) -> None:
    """Row 47: filled by the older, read and filled by the newer: all are there, and found. Back to the older one: it
    works, or one sentence says that newer data need the newer version."""
    versions = built() if SETTINGS.loupe_cache.exists() else []
    if len(versions) < 2:
        pytest.skip(
            f"two versions of the server are needed, and {', '.join(versions) or 'none'} is built here; another "
            "is built by: LOUPE_WEAVIATE_VERSION=1.39.0 python -m server start"
        )
    older, newer = (LocalServer(plan(tmp_path / "home", version=version)) for version in (versions[0], versions[-1]))
    encoder = ColourEncoder()
    try:
        older.start()
        with client_of(older) as client:
            fill(ensure_pictures(client, encoder.identity, StorageOptions()), encoder)
        older.stop()
        newer.start()
        with client_of(newer) as client:
            pictures = open_pictures(client, encoder.identity)
            assert pictures.collection.aggregate.over_all(total_count=True).total_count == 60
            fill(pictures, encoder, seed=6)
            assert min(recall_at_10(pictures.collection, 60).values()) >= 0.99
        newer.stop()
        try:
            older.start()
        except ServerError as error:
            assert "LOUPE_WEAVIATE_VERSION" in str(error)
        else:
            with client_of(older) as client:
                assert open_pictures(client).collection.aggregate.over_all(total_count=True).total_count == 60
    finally:
        newer.stop()
        older.stop()
