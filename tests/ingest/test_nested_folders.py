"""A folder inside another one, each ingested on its own: counts of folders are of what lies in them."""

import shutil
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

import pytest

from schema.collection import Pictures
from search.filters import Condition
from search.query import Query, Term
from search.searcher import Searcher
from tests.colours import ColourEncoder
from tests.ingest.paint import paint_many
from tests.ingest.runs import Run, stored


@pytest.fixture
def nested(run: Run, folder: Path) -> Path:
    """Pictures of which half have a caption, in a sub-folder that is ingested first; then the folder above it, with
    copies of some that have other captions, and some of its own."""
    paths = paint_many(folder / "trip" / "day", 40)
    for path in paths[::2]:
        path.with_suffix(".txt").write_text("a red thing")
    run(folder / "trip" / "day")
    (folder / "best").mkdir()
    for path in paths[:16]:
        copy = Path(shutil.copy(path, folder / "best"))
        copy.with_suffix(".txt").write_text("a blue thing")
    for path in paint_many(folder / "trip" / "night", 60)[:40]:
        path.unlink()
    run(folder)
    return folder


def expected(pictures: Pictures, root: Path, among: Collection[UUID] | None = None) -> Counter[str]:
    """Every folder from the outermost ingested one down, with the pictures that lie below it; by a slow list."""
    below: dict[str, set[str]] = {}
    for path, record in stored(pictures).items():
        for parent in Path(path).parents:
            if parent.is_relative_to(root) and (among is None or record.uuid in among):
                below.setdefault(str(parent), set()).add(record.sha256)
    return Counter({name: len(records) for name, records in below.items()})


def test_folder_counts_are_of_everything_below_whichever_folder_was_ingested_first(
    nested: Path, pictures: Pictures, colours: ColourEncoder, run: Run
) -> None:
    searcher = Searcher(pictures, colours)
    truth = expected(pictures, nested)
    assert truth[str(nested)] == 60 and truth[str(nested / "trip")] == 60 and truth[str(nested / "best")] == 16
    assert dict(searcher.facets()["folder"]) == truth
    results = searcher.search(Query((Term(text="red"),), facets=True, limit=100))
    likely = {hit.uuid for hit in results.hits if not hit.below}
    assert dict(results.facets["folder"]) == expected(pictures, nested, likely)
    listed = searcher.search(Query((), filters=(Condition.parse("format=PNG"),), facets=True))
    assert dict(listed.facets["folder"]) == truth
    for name, count in truth.items():
        assert searcher.count([Condition("folder", "=", name)]) == count, name
        assert searcher.count([Condition("folder", "=", name, negated=True)]) == 60 - count, name
    run(nested / "trip")
    assert dict(searcher.facets()["folder"]) == truth


def test_no_folder_above_the_ingested_ones_is_counted(
    run: Run, tmp_path: Path, pictures: Pictures, colours: ColourEncoder
) -> None:
    """Nor the root of the disk; a folder that was not ingested can be asked for all the same."""
    for name in ("a", "b"):
        paint_many(tmp_path / "disk" / name / "x", 3 if name == "a" else 6)
        run(tmp_path / "disk" / name)
    searcher = Searcher(pictures, colours)
    disk = tmp_path / "disk"
    assert dict(searcher.facets()["folder"]) == {
        str(disk / "a"): 3, str(disk / "a" / "x"): 3, str(disk / "b"): 6, str(disk / "b" / "x"): 6,
    }  # fmt: skip
    assert searcher.count([Condition("folder", "=", str(disk))]) == 6
    assert searcher.count([Condition("folder", "=", "/")]) == 6
