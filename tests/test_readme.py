"""README.md and docs/ as a reader meets them: their examples run, their links lead somewhere, their lines fit a screen.

What a block of code is, stands behind its three backticks: `sh` is run in a shell, `sh parsed` only read by the parsers
of the commands that it names (NOT_RUN has the reason), `console` is run and its output compared, `python` runs with the
other ones of its page in one process, `python parsed` is only compiled, `json query` is a question, `text` no example.
"""

import argparse
import json
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

import exits
from schema.collection import Pictures
from search.grammar import parse
from search.query import Query
from settings import PROJECT, Settings
from tests.app.conftest import app_process, wait_for

PAGES = {str(path.relative_to(PROJECT)): path.read_text() for path in sorted(PROJECT.glob("docs/*.md"))}
PAGES["README.md"] = (PROJECT / "README.md").read_text()
FORMAL = PAGES | {name: (PROJECT / name).read_text() for name in ("ARCHITECTURE.md", "CONTRIBUTING.md")}
APP = "http://127.0.0.1:8501"
PRINTED = {
    "docs/api.md#Asking": r'\{"hits".*\{"hits".*\{"hits"',
    "docs/api.md#Albums, pictures, health": r"Loupe's HTTP API.*\"albums\":.*\"status\": ?\"ok\"",
    "docs/keeping.md#What a crash can lose, and how it is repaired": r"(100 .*){2}",
    "docs/weaviate.md#From the shell": r'"class": ?"Pictures_specialists_\w+"',
    "docs/weaviate.md#Connect": r"a brown tabby cat\n1\.0 tabby-cat-face\.jpg\n(.*\n){4}(\['.*\n){2}.*'photo': 60",
}
"""What an example prints that shows no output of its own, as a regular expression."""
NOT_RUN = {
    "README.md#Loupe": "sets the machine up",
    "README.md#Your own pictures": "the reader's pictures",
    "docs/encoder.md#The default encoder's runtime": "minutes, and downloads; tests/encoder does it",
    "docs/evaluation.md#Judge your own": "the reader's pictures, minutes",
    "docs/evaluation.md#Make it better": "hours of training",
    "docs/folders.md#Ingesting folders": "the reader's pictures",
    "docs/keeping.md#Backup and restore": "restores into an empty server; tests/schema/test_backup.py does it",
    "docs/recommendation.md#Styles: 1,030 drawings of 19 artists": "needs the training's data",
    "docs/settings.md#Another encoder": "a model of the hub",
}


class Block(NamedTuple):
    page: str
    heading: str
    kind: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.page}#{self.heading}"


def blocks() -> Iterator[Block]:
    for page, text in PAGES.items():
        python = []
        for match in re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", text, re.MULTILINE):
            heading = re.findall(r"^#+ (.*)$", text[: match.start()], re.MULTILINE)[-1]
            if match[1] == "python":
                python.append(Block(page, heading, match[1], match[2]))
            else:
                yield Block(page, heading, match[1], match[2])
        if python:  # of one page: a script
            yield python[0]._replace(text="\n".join(block.text for block in python))


class Parsed(BaseException):
    """The arguments were understood."""


@pytest.fixture
def app(samples: Pictures, environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    with app_process(environment, tmp_path / "log") as url:
        wait_for(lambda: httpx.get(f"{url}/api/search?q=cat", trust_env=False).is_success, 60)
        yield url


@pytest.fixture
def output(samples: Pictures, environment: dict[str, str]) -> Callable[..., str]:
    """What a command prints, from the root of the project, with our Python and against the samples."""
    environment = environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}
    if "WEAVIATE_URL" in environment:
        environment |= {"URL": environment["WEAVIATE_URL"], "KEY": environment["WEAVIATE_API_KEY"]}

    def run(*command: str) -> str:
        done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
        if done.returncode == 127:
            pytest.skip(done.stderr)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_every_block_says_what_it_is() -> None:
    kinds = {"sh", "sh parsed", "console", "python", "python parsed", "json query", "text"}
    assert [block for block in blocks() if block.kind not in kinds] == []
    assert {block.name for block in blocks() if block.kind.endswith(" parsed")} == set(NOT_RUN)
    assert {block.name for block in blocks() if block.kind in ("sh", "python")} == set(PRINTED)


@pytest.mark.parametrize(
    "block", [block for block in blocks() if block.kind in ("sh", "python", "console")], ids=lambda block: block.name
)
def test_an_example_runs(block: Block, output: Callable[..., str], request: pytest.FixtureRequest) -> None:
    text = block.text
    if APP in text:
        text = text.replace(APP, request.getfixturevalue("app"))
    if block.kind == "python":
        assert re.search(PRINTED[block.name], output(sys.executable, "-c", text), re.DOTALL)
    elif block.kind == "sh":
        if "WEAVIATE_URL" in request.getfixturevalue("environment"):  # its key is in no file of ours
            text = re.sub(r"^(STATUS|URL|KEY)=.*\n", "", text, flags=re.MULTILINE)
        assert re.search(PRINTED[block.name], output("sh", "-ec", text), re.DOTALL)
    else:
        command, *shown = text.splitlines()
        printed = output("sh", "-ec", command.removeprefix("$ ")).splitlines()
        assert len(printed) == len(shown), printed
        for line, pattern in zip(printed, shown, strict=True):
            assert re.fullmatch(re.escape(pattern).replace("…", ".*"), line), line


@pytest.mark.parametrize(
    "line",
    [
        line.replace("\\\n", " ")
        for block in blocks()
        if block.kind == "sh parsed"
        for line in re.findall(r"^(?:.*\\\n)*.*$", block.text.strip(), re.MULTILINE)
    ],
)
def test_a_command_is_understood(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own parser; what has none of ours names something that is there."""
    words = shlex.split(line, comments=True)
    if words[:2] == ["python", "-m"]:
        for name in ("parse_args", "parse_intermixed_args"):
            monkeypatch.setattr(argparse.ArgumentParser, name, _parsing(getattr(argparse.ArgumentParser, name)))
        monkeypatch.setattr(exits, "run", lambda command: command())
        monkeypatch.setattr(sys, "argv", ["", *words[3:]])
        monkeypatch.delitem(sys.modules, f"{words[2]}.__main__", raising=False)  # another test may have imported it
        with pytest.raises(Parsed):
            runpy.run_module(words[2], run_name="__main__")
    elif words[0] == "make":
        assert words[1] in re.findall(r"^(\w+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    elif words[0] == "export":
        assert words[1].partition("=")[0].lower() in Settings.model_fields
    elif words[0] == "streamlit":
        assert words[1] == "run" and (PROJECT / words[2]).exists()
    else:
        assert words == [".", ".venv/bin/activate"]


def _parsing(original: Callable[..., object]) -> Callable[..., object]:
    def parse_and_stop(*arguments: object, **options: object) -> object:
        original(*arguments, **options)
        raise Parsed

    return parse_and_stop


@pytest.mark.parametrize("block", [block for block in blocks() if block.kind in ("json query", "python parsed")])
def test_what_is_no_command_can_be_read(block: Block) -> None:
    if block.kind == "json query":
        assert Query.from_json(json.loads(block.text)).terms
    else:
        compile(block.text, block.name, "exec")


def test_every_line_of_the_table_of_the_grammar_can_be_asked() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", PAGES["docs/asking.md"].split("\n## ")[1], re.MULTILINE)
    assert len(rows) > 9
    for row in rows:
        terms, conditions = parse(row.strip("`"))
        assert terms or conditions, row


def test_the_settings_page_has_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `?(.*?)`? \|", PAGES["docs/settings.md"], re.MULTILINE)
    assert rows == re.findall(r"^#([A-Z][A-Z0-9_]*)=(.*)$", (PROJECT / ".env.example").read_text(), re.MULTILINE)


def test_the_readme_is_read_in_a_minute() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 100
    assert len(FORMAL["ARCHITECTURE.md"].splitlines()) <= 150
    assert len(FORMAL["CONTRIBUTING.md"].splitlines()) <= 60


@pytest.mark.parametrize("page", FORMAL)
def test_lines_fit_a_screen(page: str) -> None:
    """Tables of docs/ may be wider, and docs/experiments.md is made from recorded results."""
    may_be_wide = "|" if page.startswith("docs/") else "\0"
    long = [line for line in FORMAL[page].splitlines() if len(line) > 160 and not line.startswith(may_be_wide)]
    assert long == [] or page == "docs/experiments.md"


@pytest.mark.parametrize("page", FORMAL)
def test_what_a_page_names_is_there(page: str) -> None:
    """Links, with the heading that they point at, and modules in backticks."""
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", FORMAL[page]):
        file, _, anchor = link.partition("#")
        target = (PROJECT / page).parent / file if file else PROJECT / page
        assert target.exists(), link
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings], link
    for module in re.findall(r"\b[\w/]+/\w+\.py\b", FORMAL[page]):
        assert (PROJECT / module).exists(), module


def test_the_functions_that_architecture_names_are_there() -> None:
    """In the package of the module behind them."""
    hops = re.findall(
        r"^ *(?:=> )?([A-Z]\w+.*?|[a-z_,| ]+?) {2,}(\w+)/[\w/]+\.py", FORMAL["ARCHITECTURE.md"], re.MULTILINE
    )
    assert len(hops) > 25
    for names, package in hops:
        code = "".join(path.read_text() for path in (PROJECT / package).rglob("*.py"))
        for name in re.split(r"[,;|] ?", names.split("->")[-1]):
            assert re.search(rf"\b(def|class) {name.strip().split('.')[-1]}\b", code), f"{name} in {package}"
