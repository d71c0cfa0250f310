"""The judged pictures: the table as it is, the rule of the halves, and what is refused or left out when loading."""

import hashlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import TrainingError
from training.data import judged
from training.data.judged import described, drawings, half_of, photographs
from training.data.packages import SourceMissing

SAMPLES = Path(__file__).parents[3] / "samples"
HEADER = "package\tpath\tsha256\tcaptions\tlicence\tauthor\n"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def paint(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
    return path


def describe(table: Path, *rows: tuple[str, str, str, str]) -> Path:
    table.write_text(HEADER + "".join("\t".join([*row, "CC0-1.0", "Ann Example"]) + "\n" for row in rows), "utf-8")
    return table


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two packages with one picture each; any other name cannot be had."""
    root = tmp_path / "shelf"
    paint(root / "hills@1" / "usr/a.png", 1)
    paint(root / "lakes@2" / "usr/b.png", 2)

    def debian(name: str, cache: Path) -> Path:
        for folder in root.glob(f"{name}@*"):
            return folder
        raise SourceMissing(name, "the mirror is away.")

    monkeypatch.setattr(judged, "debian", debian)
    return root


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A photograph and a drawing, distinguished by their tags."""
    root = tmp_path / "samples"
    paint(root / "photos" / "tree.png", 3)
    paint(root / "drawings" / "bee.png", 4)
    (root / "metadata.csv").write_text(
        "file_name,text,tags\nphotos/tree.png,A bare tree,photo;tree\ndrawings/bee.png,A bee,drawing\n", "utf-8"
    )
    return root


def table_of(shelf: Path, tmp_path: Path) -> Path:
    return describe(
        tmp_path / "table.tsv",
        ("hills", "usr/a.png", sha256(shelf / "hills@1/usr/a.png"), "a green hill | grass on a slope"),
        ("lakes", "usr/b.png", sha256(shelf / "lakes@2/usr/b.png"), "a lake at noon"),
    )


def test_every_row_of_the_table_is_another_picture_with_a_licence_and_an_author() -> None:
    """A hash is 64 hexadecimal digits and stands once; so does a place in a package; no field is empty."""
    rows = described()
    assert len({row.sha256 for row in rows}) == len({(row.package, row.path) for row in rows}) == len(rows) >= 80
    for row in rows:
        assert re.fullmatch(r"[0-9a-f]{64}", row.sha256), row
        assert row.licence.startswith(("CC0", "CC-BY", "GPL", "LGPL")), row
        assert row.author.strip(), row
        assert not Path(row.path).is_absolute() and ".." not in Path(row.path).parts, row


def test_captions_are_clean_short_and_never_shared() -> None:
    """One or two a picture, 4 to 12 words, one line of plain words; no two pictures have the same."""
    captions = [caption for row in described() for caption in row.captions]
    assert all(1 <= len(row.captions) <= 2 for row in described())
    for caption in captions:
        assert 4 <= len(caption.split()) <= 12, caption
        assert re.fullmatch(r"[A-Za-z][A-Za-z' ,-]*[a-z]", caption), caption
        assert caption == " ".join(caption.split()), caption
    assert len({caption.casefold() for caption in captions}) == len(captions)


def test_no_caption_is_a_file_name() -> None:
    """A caption says what is seen; a name like OneStandsOut would be found by nobody."""
    for row in described():
        stem = re.sub(r"[^a-z]", "", Path(row.path).stem.casefold())
        assert all(re.sub(r"[^a-z]", "", caption.casefold()) != stem for caption in row.captions), row


@pytest.mark.parametrize(
    ("sha", "half"), [("0f", "dev"), ("8a", "dev"), ("e1", "dev"), ("1f", "final"), ("f0", "final")]
)
def test_the_half_follows_from_the_first_digit_of_the_hash(sha: str, half: str) -> None:
    """0x0, 0x8 and 0xe are even: dev. 0x1 and 0xf are odd: final."""
    assert half_of(sha) == half


def test_both_halves_have_forty_pictures_or_more_and_a_fair_share_of_each_source() -> None:
    """Of the table and the samples together; neither half is without photographs of the samples."""
    hashes = [row.sha256 for row in described()]
    own = [sha256(path) for path in sorted((SAMPLES / "photos").iterdir())]
    assert not set(hashes) & set(own)
    counts, of_samples = Counter(map(half_of, hashes + own)), Counter(map(half_of, own))
    assert min(counts["dev"], counts["final"]) >= 40
    assert min(of_samples["dev"], of_samples["final"]) >= 15


def test_photographs_come_with_captions_half_and_source(shelf: Path, samples: Path, tmp_path: Path) -> None:
    """Packages first, then the samples that are tagged photo; the drawing among them is none."""
    said: list[str] = []
    pictures = photographs(tmp_path, samples, said.append, table_of(shelf, tmp_path))
    assert not said
    assert [(p.path.name, p.captions, p.source) for p in pictures] == [
        ("a.png", ("a green hill", "grass on a slope"), "hills"),
        ("b.png", ("a lake at noon",), "lakes"),
        ("tree.png", ("A bare tree",), "samples"),
    ]
    assert [p.half for p in pictures] == [half_of(sha256(p.path)) for p in pictures]


def test_a_package_that_cannot_be_had_is_left_out_with_its_share(shelf: Path, samples: Path, tmp_path: Path) -> None:
    """One sentence for it, and the others stay."""
    table = table_of(shelf, tmp_path)
    (shelf / "lakes@2").rename(tmp_path / "gone")
    said: list[str] = []
    pictures = photographs(tmp_path, samples, said.append, table)
    assert [p.source for p in pictures] == ["hills", "samples"]
    assert said == ["The package lakes cannot be had: the mirror is away. Left out: 1 of the 2 photographs described."]


def test_a_file_of_another_hash_is_refused_with_both(shelf: Path, samples: Path, tmp_path: Path) -> None:
    """A newer package may hold another picture under the same name: its caption would be a lie."""
    table = table_of(shelf, tmp_path)
    noted = sha256(shelf / "hills@1/usr/a.png")
    now = sha256(paint(shelf / "hills@1" / "usr/a.png", 5))
    said: list[str] = []
    assert [p.source for p in photographs(tmp_path, samples, said.append, table)] == ["lakes", "samples"]
    assert len(said) == 1
    assert re.search(rf"usr/a.png of hills 1 .*expected sha256 {noted}, got {now}.* It is left out\.$", said[0])


def test_a_file_that_is_gone_from_its_package_is_refused_too(shelf: Path, samples: Path, tmp_path: Path) -> None:
    """The package is there, in a version without the file."""
    table = table_of(shelf, tmp_path)
    (shelf / "hills@1/usr/a.png").unlink()
    said: list[str] = []
    assert [p.source for p in photographs(tmp_path, samples, said.append, table)] == ["lakes", "samples"]
    assert len(said) == 1 and "got no such file" in said[0]


def test_a_photograph_of_the_samples_without_a_caption_stops_the_judging(
    shelf: Path, samples: Path, tmp_path: Path
) -> None:
    """It could never be found, and would count against every space alike."""
    (samples / "metadata.csv").write_text("file_name,text,tags\nphotos/tree.png,,photo\n", "utf-8")
    with pytest.raises(TrainingError, match=r"tree\.png has no caption"):
        photographs(tmp_path, samples, [].append, table_of(shelf, tmp_path))


def test_the_samples_of_the_repository_are_sixty_photographs(tmp_path: Path) -> None:
    """An empty table leaves the samples alone."""
    pictures = photographs(tmp_path, SAMPLES, [].append, describe(tmp_path / "empty.tsv"))
    assert len(pictures) == 60
    assert {p.source for p in pictures} == {"samples"}
    assert all(len(p.captions) == 1 and p.captions[0] for p in pictures)


def test_a_drawing_is_named_by_its_word_and_is_never_chosen_on(shelf: Path, tmp_path: Path) -> None:
    """guinea_pig.jpg asks for "guinea pig", in half final."""
    folder = shelf / "pysiogame@4" / judged.DRAWINGS
    paint(folder / "animals" / "guinea_pig.jpg", 6)
    paint(folder / "food" / "bread.jpg", 7)
    assert [(p.captions, p.half, p.source) for p in drawings(tmp_path)] == [
        (("guinea pig",), "final", "pysiogame"),
        (("bread",), "final", "pysiogame"),
    ]


def test_a_pysiogame_without_drawings_is_a_missing_source(shelf: Path, tmp_path: Path) -> None:
    """An empty set would be judged as zero without anybody seeing why."""
    (shelf / "pysiogame@5" / "usr").mkdir(parents=True)
    with pytest.raises(SourceMissing, match=r"version 5 has no usr/share/games"):
        drawings(tmp_path)


def test_the_real_package_of_debian_holds_what_was_described(tmp_path: Path) -> None:
    """The smallest one, asked of the mirror; skipped with apt's reason where there is none."""
    rows = [row for row in described() if row.package == "dde-account-faces"]
    table = describe(tmp_path / "t.tsv", *((r.package, r.path, r.sha256, " | ".join(r.captions)) for r in rows))
    said: list[str] = []
    pictures = photographs(tmp_path / "cache", SAMPLES, said.append, table)
    if said:
        assert not any("dde-account-faces 1.0.12.1-1 " in sentence for sentence in said)
        pytest.skip(said[0])
    found = [p for p in pictures if p.source == "dde-account-faces"]
    assert [p.captions for p in found] == [row.captions for row in rows]
    for picture in found:
        with Image.open(picture.path) as image:
            assert min(image.size) >= 90
