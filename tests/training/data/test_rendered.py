"""What is rendered stays rendered; what was cut off is done again; the same in the end."""

import errno
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from errors import CannotWrite
from tests.training.data.tiny_sets import BLUE, GREEN, RED, svg
from training.data import rendered
from training.data.pairs import picture_path
from training.data.rendered import RECORDS, render_missing
from training.data.renderer import Accident
from training.data.svg import Unrenderable, render

TEXTS = [svg(RED), svg(GREEN), svg(BLUE), svg("")]


class InProcess:
    """`render_all` without processes; `accidents` happen once each."""

    def __init__(self, *accidents: str) -> None:
        self.asked: list[str] = []
        self.accidents = list(accidents)

    def __call__(self, svgs: Iterable[tuple[str, str]], workers: int) -> Iterator[tuple[str, bytes | Unrenderable]]:
        for key, text in svgs:
            self.asked.append(text)
            if text in self.accidents:
                self.accidents.remove(text)
                yield key, Accident("too slow")
                continue
            try:
                yield key, render(text)
            except Unrenderable as reason:
                yield key, reason


@pytest.fixture
def renderer(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    renderer = InProcess()
    monkeypatch.setattr(rendered, "render_all", renderer)
    return renderer


def shown(results: dict[str, str | Unrenderable]) -> dict[str, str]:
    return {text: str(result) for text, result in results.items()}


def test_each_drawing_is_rendered_once(tmp_path: Path, renderer: InProcess) -> None:
    first = render_missing(tmp_path, [*TEXTS, TEXTS[0]], workers=1)
    assert renderer.asked == TEXTS
    assert picture_path(tmp_path, str(first[TEXTS[0]])).read_bytes() == render(TEXTS[0])
    assert str(first[TEXTS[3]]) == "blank"
    assert shown(render_missing(tmp_path, TEXTS, workers=1)) == shown(first)
    assert renderer.asked == TEXTS


def test_a_line_cut_off_by_a_kill_is_done_again(tmp_path: Path, renderer: InProcess) -> None:
    whole = shown(render_missing(tmp_path, TEXTS, workers=1))
    lines = (tmp_path / RECORDS).read_text().splitlines(keepends=True)
    (tmp_path / RECORDS).write_text("".join(lines[:2]) + lines[2][:30])
    renderer.asked.clear()
    assert shown(render_missing(tmp_path, TEXTS, workers=1)) == whole
    assert renderer.asked == TEXTS[2:]
    assert shown(render_missing(tmp_path, TEXTS, workers=1)) == whole
    assert renderer.asked == TEXTS[2:]


@pytest.mark.parametrize("line", ["[]", "3", '{"key": 1}', '{"sha256": null, "key": "a"}', "\x00\x00", '"'])
def test_lines_of_another_shape_are_passed_over(tmp_path: Path, renderer: InProcess, line: str) -> None:
    (tmp_path / RECORDS).write_text(line)
    assert shown(render_missing(tmp_path, TEXTS[:1], workers=1))
    assert renderer.asked == TEXTS[:1]


def test_a_picture_that_is_gone_is_made_again(tmp_path: Path, renderer: InProcess) -> None:
    results = render_missing(tmp_path, TEXTS, workers=1)
    gone = picture_path(tmp_path, str(results[TEXTS[1]]))
    gone.unlink()
    renderer.asked.clear()
    render_missing(tmp_path, TEXTS, workers=1)
    assert renderer.asked == [TEXTS[1]]
    assert gone.read_bytes() == render(TEXTS[1])


def test_an_accident_is_tried_a_second_time_and_then_left_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = InProcess(TEXTS[0])
    monkeypatch.setattr(rendered, "render_all", once)
    assert not isinstance(render_missing(tmp_path / "a", TEXTS, workers=1)[TEXTS[0]], Unrenderable)
    twice = InProcess(TEXTS[0], TEXTS[0])
    monkeypatch.setattr(rendered, "render_all", twice)
    assert str(render_missing(tmp_path / "b", TEXTS, workers=1)[TEXTS[0]]) == "too slow"
    assert len(json.dumps((tmp_path / "b" / RECORDS).read_text())) > 0
    assert not isinstance(render_missing(tmp_path / "b", TEXTS, workers=1)[TEXTS[0]], Unrenderable)


def test_a_full_disk_is_a_sentence_and_costs_nothing_done(
    tmp_path: Path, renderer: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes
    room = [2]

    def nearly_full(path: Path, content: bytes) -> int:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", nearly_full)
    with pytest.raises(CannotWrite, match="No space left on device"):
        render_missing(tmp_path, TEXTS, workers=1)
    monkeypatch.setattr(Path, "write_bytes", write)
    renderer.asked.clear()
    render_missing(tmp_path, TEXTS, workers=1)
    assert renderer.asked == TEXTS[2:]
    assert not list(tmp_path.rglob("*.part"))
