"""Render drawings to pictures in the cache, each once.

rendered.jsonl holds a line a drawing, written when its picture is on the disk: killed anywhere and called again, only
the rest is rendered. A drawing that gave no picture is not tried again, except one that was too slow or crashed.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from training.atomic import write_whole
from training.data.pairs import picture_path
from training.data.renderer import Accident, render_all
from training.data.svg import SIDE, VERSION, Unrenderable

RECORDS = "rendered.jsonl"


def render_missing(
    folder: Path, svgs: Iterable[str], workers: int, progress: bool = False
) -> dict[str, str | Unrenderable]:
    """SVG -> SHA-256 of its picture in `folder`, or why there is none; raises CannotWrite or OSError."""
    done = _read(folder)
    keys = {svg: key_of(svg) for svg in svgs}
    todo = {key: svg for svg, key in keys.items() if key not in done}
    if todo:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / RECORDS).open("a", encoding="utf-8") as records:
            records.write("\n" if records.tell() else "")  # a killed run may have left half a line
            quiet = None if progress else True  # None: quiet where nobody watches
            bar = tqdm(_render_twice(todo, workers), total=len(todo), desc="pictures", unit="", disable=quiet)
            for key, result in bar:
                if isinstance(result, Unrenderable):
                    done[key], outcome = result, {"why": str(result)}
                else:
                    done[key] = sha256 = _store(folder, result)
                    outcome = {"sha256": sha256}
                if not isinstance(result, Accident):
                    records.write(json.dumps({"key": key, **outcome}) + "\n")
                    records.flush()
    return {svg: done[key] for svg, key in keys.items()}


def _render_twice(svgs: dict[str, str], workers: int) -> Iterator[tuple[str, bytes | Unrenderable]]:
    """What was too slow or crashed is tried again alone, when the machine is less busy."""
    again = {}
    for key, result in render_all(svgs.items(), workers):
        if isinstance(result, Accident):
            again[key] = svgs[key]
        else:
            yield key, result
    yield from render_all(again.items(), workers=1)


def key_of(svg: str) -> str:
    """What the picture depends on."""
    return hashlib.sha256(f"{VERSION} {SIDE} {svg}".encode("utf-8", "replace")).hexdigest()


def _read(folder: Path) -> dict[str, str | Unrenderable]:
    done: dict[str, str | Unrenderable] = {}
    try:
        lines = (folder / RECORDS).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return done
    for line in lines:
        try:
            record = json.loads(line)
            key = record["key"]
            if "why" in record:
                done[key] = Unrenderable(record["why"])
            elif picture_path(folder, record["sha256"]).exists():
                done[key] = record["sha256"]
        except (ValueError, KeyError, TypeError):  # the line that was being written when a run was killed
            continue
    return done


def _store(folder: Path, png: bytes) -> str:
    sha256 = hashlib.sha256(png).hexdigest()
    path = picture_path(folder, sha256)
    if not path.exists():
        write_whole(path, lambda part: part.write_bytes(png))
    return sha256
