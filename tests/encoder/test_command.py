"""`python -m encoder`: what is printed of an export, and what follows from it."""

from pathlib import Path

import pytest

from encoder import command
from encoder.command import Judged, _decide, on_white, sample_images, verify
from encoder.protocol import Encoder
from errors import EncoderError, Exit
from tests.conftest import SAMPLES, SETTINGS


def test_the_report_has_agreement_speed_memory_and_the_decision(
    specialists: Encoder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with --development the figures of captions that look for their pictures, of each set."""
    photos = sorted((SAMPLES / "photos").glob("*.jpg"))[:12]
    words = [path.stem.replace("-", " ") for path in photos]
    judged = Judged("photographs", [on_white(path) for path in photos], words, [[at] for at in range(12)])
    monkeypatch.setattr(command, "sample_images", lambda: list(sample_images())[:24])
    monkeypatch.setattr(command, "_development", lambda cache: [judged])
    assert verify(SETTINGS.loupe_cache, development=True) == Exit.DONE
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
    assert "f32: 1.00 times as fast; passes" in lines
    assert lines[-1].startswith("decision: openvino in f32 (")


def test_an_export_that_fails_is_an_error_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _decide(tmp_path, "image: mean cosine .99 below .995") == Exit.USAGE
    assert f"mean cosine .99 below .995. Remove {tmp_path} to have it made again" in capsys.readouterr().out


def test_without_an_export_there_is_nothing_to_verify(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderError, match="There is no export to verify"):
        verify(tmp_path / "file", development=False)
