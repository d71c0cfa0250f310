"""Row 38: Weaviate is killed again and again while a folder is ingested, and the library is as good as any."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from weaviate.classes.data import DataObject

from assembly import after_a_crash
from schema.check import check, mend
from schema.collection import StorageOptions, ensure_pictures, open_pictures
from tests.colours import ColourEncoder
from tests.ingest.paint import paint
from tests.ingest.shell import Shell, wait_for
from tests.schema.kills import kill, recall_at_10


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path / "home")
    shell.server.start()
    yield shell
    shell.server.stop()


def paint_random(folder: Path, count: int) -> None:
    colours = np.random.default_rng(38).integers(0, 256, (count, 3))
    for index, (red, green, blue) in enumerate(colours.tolist()):
        paint(folder / f"{index:05}.png", (red, green, blue), index)


def clean_recall(shell: Shell) -> dict[str, float]:
    """The same vectors in a collection that nobody disturbs."""
    with shell.client() as client:
        stored = list(open_pictures(client).collection.iterator(include_vector=True, return_properties=[]))
        clean = ensure_pictures(client, ColourEncoder("clean").identity, StorageOptions(), new_collection=True)
        for start in range(0, len(stored), 500):
            rows = [DataObject(uuid=one.uuid, vector=dict(one.vector)) for one in stored[start : start + 500]]
            assert not clean.collection.data.insert_many(rows).errors
        recall = recall_at_10(clean.collection)
        client.collections.delete(clean.name)
    return recall


@pytest.mark.parametrize(
    ("count", "kills"), [(400, 2), pytest.param(3000, 10, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_row_38_kills_of_the_database_in_an_ingest(shell: Shell, tmp_path: Path, count: int, kills: int) -> None:
    """Row 38: SIGKILLs at random moments (seeded), and each time a start, as `python -m server start` makes it. Exit 0,
    every file is there once, and in all three named vectors recall@10 against exact search is at least .99 of that of a
    run nobody disturbed. 3,000 pictures and ten kills take two minutes, most of it waiting: with -m slow."""
    paint_random(tmp_path / "photos", count)
    chance = random.Random(38)
    process = shell.start(tmp_path / "photos", LOUPE_BATCH_SIZE="32", COLOUR_DELAY_S="0.002")
    met = 0
    for share in sorted(chance.uniform(0, 0.9) for _ in range(kills)):
        wait_for(lambda share=share: shell.encoded() >= share * count or process.poll() is not None, 120)
        time.sleep(chance.uniform(0, 0.1))
        met += process.poll() is None
        kill(shell.server)
        shell.server.start()
        with shell.client() as client:
            after_a_crash(shell.server, client)
    output, said = process.communicate(timeout=120)
    assert (process.returncode, met) == (0, kills), said
    assert json.loads(output)["added"] == count
    clean = clean_recall(shell)
    with shell.client() as client:
        pictures = open_pictures(client)
        assert pictures.collection.aggregate.over_all(total_count=True).total_count == count
        found = recall_at_10(pictures.collection)
        assert {name: found[name] >= 0.99 * clean[name] for name in clean} == dict.fromkeys(clean, True), (found, clean)
        assert mend(pictures, check(pictures)).unfound == ()
