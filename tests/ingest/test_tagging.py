"""Tags given in Loupe: written, found at once, refused in a sentence. A real Weaviate."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from weaviate.collections.data import _DataCollection

from ingest import tagging
from ingest.ledger import Ledger
from ingest.tagging import MAX_OWN_TAGS, TagError, retagged, tag, tags_lock
from schema.collection import Pictures
from schema.record import ImageRecord
from search.filters import Condition
from search.query import Query, Term
from search.searcher import Searcher
from tests.colours import ColourEncoder
from tests.conftest import all_records
from tests.ingest.paint import paint, paint_many
from tests.ingest.runs import Give, Run, only


def found(pictures: Pictures, colours: ColourEncoder, condition: str) -> set[UUID]:
    results = Searcher(pictures, colours).search(Query((Term(text="red"),), filters=(Condition.parse(condition),)))
    return {hit.uuid for hit in results.hits}


def test_a_tag_is_found_at_once_in_every_way_and_no_vector_changes(
    pictures: Pictures, ledger: Ledger, run: Run, give: Give, colours: ColourEncoder, folder: Path
) -> None:
    paint_many(folder, 3)
    run(folder)
    [first, second, third] = all_records(ledger)
    fetch = pictures.collection.query.fetch_object_by_id
    before = fetch(first.uuid, include_vector=True).vector
    report = give([first.uuid, second.uuid], add=["Summer house"])
    assert (report.changed, report.unchanged, report.missing) == ((first.uuid, second.uuid), (), ())
    assert found(pictures, colours, "tags=Summer house") == {first.uuid, second.uuid}
    assert found(pictures, colours, "words~summer HOUSE") == {first.uuid, second.uuid}
    assert found(pictures, colours, "!tags=Summer house") == {third.uuid}
    asked = Query((Term(text="house"),), hybrid=True, limit=3)
    best = Searcher(pictures, colours).search(asked).hits[:2]
    assert {hit.uuid for hit in best} == {first.uuid, second.uuid}
    assert dict(Searcher(pictures, colours).facets()["tag"]) == {"Summer house": 2}
    assert fetch(first.uuid, include_vector=True).vector == before


def test_a_tag_that_is_taken_back_is_found_no_more(
    pictures: Pictures, ledger: Ledger, run: Run, give: Give, colours: ColourEncoder, folder: Path
) -> None:
    paint(folder / "a.png")
    run(folder)
    one = only(ledger)
    give([one.uuid], add=["cat", "sofa"])
    assert give([one.uuid], remove=["CAT"]).changed == (one.uuid,)
    assert only(ledger).own_tags == only(ledger).tags == ("sofa",)
    assert not found(pictures, colours, "tags=cat") | found(pictures, colours, "words~cat")
    give([one.uuid], remove=["sofa"])
    assert only(ledger) == one


def test_a_tag_of_a_file_is_not_removed_and_the_file_is_named(
    ledger: Ledger, run: Run, give: Give, folder: Path
) -> None:
    path = paint(folder / "a.png")
    (folder / "metadata.csv").write_text("file_name,tags\na.png,Cat;dog\n")
    run(folder)
    one = only(ledger)
    report = give([one.uuid], remove=["cat", "bird"], add=["DOG", "sofa"])
    assert (report.changed, [refusal.tag for refusal in report.refused]) == ((one.uuid,), ["Cat"])
    assert f"'Cat' comes from the metadata file (metadata.csv or metadata.jsonl) that lists {path}" in str(report)
    assert only(ledger).tags == ("Cat", "dog", "sofa")


def test_a_tag_inside_the_file_is_told_apart(ledger: Ledger, run: Run, give: Give, folder: Path) -> None:
    paint(folder / "a.png")
    run(folder)
    one = replace(only(ledger), file_tags=("cat",), tags_source="xmp", tags_place="")
    [refusal] = retagged(one, [], ["cat"])[1]
    assert f"'cat' is written in the file {folder / 'a.png'} itself (XMP)" in refusal.reason


@pytest.mark.parametrize(
    ("add", "remove", "sentence"),
    [
        ((), (), "No tag was named"),
        (("cat", " \t "), (), "' \\t ' is none"),
        (("x" * 101,), (), "A tag has at most 100 characters; 'xxxx"),
        (("x" * 1_000_000,), (), "A tag has at most 100 characters"),
        (("Cat",), ("cat",), "The tag 'Cat' is to be added and removed at once"),
        ([f"tag {number}" for number in range(65)], (), "At most 64 tags are taken at once, got 65"),
    ],
)
def test_what_is_no_tag_is_refused_before_anything_is_written(
    pictures: Pictures, tmp_path: Path, add: list[str], remove: list[str], sentence: str
) -> None:
    with pytest.raises(TagError) as caught:
        tag(pictures, [uuid4()], add, remove, home=tmp_path)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 300


def test_too_many_pictures_or_none_are_refused(give: Give) -> None:
    with pytest.raises(TagError, match="No picture was chosen"):
        give([], add=["cat"])
    with pytest.raises(TagError, match=r"At most 10,000 pictures are tagged at once, got 10,001"):
        give([uuid4() for _ in range(10_001)], add=["cat"])


def test_a_picture_that_is_gone_is_told(ledger: Ledger, run: Run, give: Give, folder: Path) -> None:
    paint(folder / "a.png")
    run(folder)
    gone = uuid4()
    report = give([gone, only(ledger).uuid, gone], add=["cat"])
    assert (report.missing, report.changed) == ((gone,), (only(ledger).uuid,))
    assert "1 not in the library any more" in str(report)


def test_tags_in_any_script_with_commas_and_in_two_cases(ledger: Ledger, run: Run, give: Give, folder: Path) -> None:
    paint(folder / "a.png")
    run(folder)
    uuid = only(ledger).uuid
    report = give([uuid], add=["Cafe\u0301", "CAFÉ", "两张照片", "Paris, France", 'a "b"', "❤", " two \n words "])
    tags = ("Café", "两张照片", "Paris, France", 'a "b"', "❤", "two words")
    assert (only(ledger).tags, report.refused) == (tags, ())
    assert give([uuid], add=["CAFÉ"]).unchanged == (uuid,)
    assert give([uuid], remove=["nothing of the kind"]).unchanged == (uuid,)


def test_a_full_picture_takes_no_more_and_says_so(ledger: Ledger, run: Run, give: Give, folder: Path) -> None:
    paint(folder / "a.png")
    run(folder)
    uuid = only(ledger).uuid
    give([uuid], add=[f"tag {number}" for number in range(MAX_OWN_TAGS)])
    report = give([uuid], add=["one more"])
    assert report.unchanged == (uuid,)
    assert f"a.png has {MAX_OWN_TAGS} tags of your own" in str(report)
    assert give([uuid], add=["one more"], remove=["tag 7"]).changed == (uuid,)
    assert len(only(ledger).own_tags) == MAX_OWN_TAGS


def test_writers_at_the_same_time_lose_nothing_of_each_other(
    pictures: Pictures, ledger: Ledger, run: Run, tmp_path: Path, folder: Path
) -> None:
    """Eight at once, five tags each, on the same two pictures, while their metadata file changes and is ingested."""
    paint_many(folder, 2)
    metadata = folder / "metadata.csv"
    run(folder)
    uuids = [record.uuid for record in all_records(ledger)]
    stop = threading.Event()

    def ingest() -> None:
        for number in range(1000):
            metadata.write_text(f"file_name,tags\n0000.png,told {number}\n0001.png,told {number}\n")
            run(folder)
            if stop.is_set():
                return

    with ThreadPoolExecutor(9) as pool:
        ingesting = pool.submit(ingest)
        jobs = [
            pool.submit(tag, pictures, uuids, [f"{writer}-{number}"], home=tmp_path)
            for number in range(5)
            for writer in range(8)
        ]
        for job in jobs:
            job.result()
        stop.set()
        ingesting.result()
    wanted = {f"{writer}-{number}" for number in range(5) for writer in range(8)}
    for record in all_records(ledger):
        assert set(record.own_tags) == wanted
        assert set(record.tags) == wanted | set(record.file_tags)
        assert len(record.file_tags) == 1


def test_what_a_writer_of_another_machine_overwrote_is_written_again(
    pictures: Pictures, ledger: Ledger, run: Run, give: Give, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one does not take the lock: it read before, and writes after us."""
    paint(folder / "a.png")
    run(folder)
    one = only(ledger)
    original = Ledger.set_tags
    interrupted = []

    def overwritten(self: Ledger, record: ImageRecord) -> bool:
        done = original(self, record)
        if not interrupted:
            interrupted.append(original(self, one.with_own_tags(("theirs",))))
        return done

    monkeypatch.setattr(Ledger, "set_tags", overwritten)
    assert give([one.uuid], add=["ours"]).changed == (one.uuid,)
    assert only(ledger).own_tags == ("theirs", "ours")


def test_a_picture_removed_while_it_is_tagged_is_no_fault(
    ledger: Ledger, run: Run, give: Give, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(folder / "a.png")
    run(folder)
    one = only(ledger)
    original = _DataCollection.update

    def vanished(self: object, *arguments: object, **named: object) -> object:
        ledger.remove(one)
        return original(self, *arguments, **named)

    monkeypatch.setattr(_DataCollection, "update", vanished)
    report = give([one.uuid], add=["cat"])
    assert (report.changed, report.unchanged, report.missing) == ((), (), (one.uuid,))


def test_a_lock_that_nobody_gives_up_is_a_sentence(
    pictures: Pictures, tmp_path: Path, give: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagging, "LOCK_S", 0.05)
    with tags_lock(tmp_path, pictures.name), pytest.raises(TagError, match="Another program has been changing tags"):
        give([uuid4()], add=["cat"])


def test_a_library_that_keeps_no_own_tags_yet_says_what_to_do(pictures: Pictures, tmp_path: Path) -> None:
    older = replace(pictures, properties=pictures.properties - {"own_tags"})
    with pytest.raises(TagError, match=r"made by an older Loupe and keeps no tags of your own yet. Ingest"):
        tag(older, [uuid4()], ["cat"], home=tmp_path)
