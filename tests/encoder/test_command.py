"""`python -m encoder`: what is printed of an export, and what follows from it."""

import json
from pathlib import Path

import pytest

from encoder import command, exported
from encoder.command import Judged, _decide, verify
from encoder.export import on_white, sample_images
from encoder.exported import DESCRIPTION, EXACT, Exported, folder_of
from encoder.protocol import Encoder
from errors import EncoderError, Exit
from tests.conftest import SAMPLES, SETTINGS


@pytest.fixture
def cache(specialists: Encoder, tmp_path: Path) -> Path:
    """The machine's export by links, as if f16 had been chosen for it."""
    made, folder = folder_of(SETTINGS.loupe_cache), folder_of(tmp_path)
    folder.mkdir(parents=True)
    for name in exported.FILES:
        (folder / name).symlink_to(made / name)
    about = json.loads((made / DESCRIPTION).read_text()) | {"precision": "f16", "reason": "1.50 times as fast"}
    (folder / DESCRIPTION).write_text(json.dumps(about))
    return tmp_path


def test_the_report_has_agreement_speed_memory_and_the_decision(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with --development the figures of captions that look for their pictures, of each set."""
    description = folder_of(cache) / DESCRIPTION
    description.write_text(description.read_text().replace('"f16"', '"f32"'))  # which every processor has
    photos = sorted((SAMPLES / "photos").glob("*.jpg"))[:12]
    words = [path.stem.replace("-", " ") for path in photos]
    judged = Judged("photographs", [on_white(path) for path in photos], words, [[at] for at in range(12)])
    monkeypatch.setattr(command, "sample_images", lambda: list(sample_images())[:24])
    monkeypatch.setattr(command, "_development", lambda cache: [judged])
    assert verify(cache, development=True) == Exit.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "24 pictures of samples/, one thread; agreement with torch in float32"
    exact = next(line for line in lines if line.startswith("f32"))
    assert "pictures/CPU s; image: cosine 1.0000, least 1.0000, nearest ten in common 1.000; look: cosine" in exact
    at = lines.index("photographs: 12 captions, 12 pictures")
    figures = [line.split(";")[0].split(maxsplit=1) for line in lines[at + 1 : at + 3]]
    assert [name for name, _ in figures] == ["torch", "f32"]
    assert figures[0][1] == figures[1][1]
    memory = [int(line.split(": ")[1].split()[0]) for line in lines if " MB after a question in words" in line]
    assert memory[0] > 1.5 * memory[1]
    assert "f32: passes" in lines
    assert lines[-1].startswith("decision: openvino in f32 (")


def test_a_chosen_number_type_that_fails_is_given_up_and_stays_so(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _decide(Exported(cache), {EXACT: "", "f16": "drawings: R@10 moves by -0.0085"}) == Exit.DONE
    assert capsys.readouterr().out == "decision: openvino in f32 (f16 differs: drawings: R@10 moves by -0.0085)\n"
    again = Exported(cache)
    assert (again.precision, again.about["reason"]) == (EXACT, "f16 differs: drawings: R@10 moves by -0.0085")


def test_a_chosen_number_type_that_passes_stays(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever another one does."""
    assert _decide(Exported(cache), {EXACT: "", "f16": "", "bf16": "image: differs"}) == Exit.DONE
    assert capsys.readouterr().out == "decision: openvino in f16 (1.50 times as fast)\n"
    assert Exported(cache).precision == "f16"


def test_an_export_whose_float32_fails_is_an_error_code(cache: Path) -> None:
    assert _decide(Exported(cache), {EXACT: "image: mean cosine", "f16": ""}) == Exit.USAGE


def test_without_an_export_there_is_nothing_to_verify(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderError, match="There is no export to verify"):
        verify(tmp_path / "file", development=False)
