"""The environment's faults: whose folder it is, what the terminal can write, where the command stands. Each is one
sentence and exit code 2, whatever the entry point; nothing ends in a traceback."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import exits
from api.connection import Connection
from api.context import ingest_job
from errors import FolderError, HomeError
from host.jobs import StatusFile
from ingest.roots import Roots
from schema.client import Address
from server.local_server import LocalServer
from settings import PROJECT
from tests.conftest import SETTINGS, plan
from tests.ingest.paint import paint_many
from tests.ingest.shell import Shell
from tests.small_disk import small_disk

STRANGER = 54321
"""A user without a name."""
ENTRY_POINTS = {
    "ingest": ["-m", "ingest", "."],
    "search": ["-m", "search", "cat"],
    "server": ["-m", "server", "start"],
    "layout": ["-m", "layout"],
    "run": ["run.py"],
}


def limited() -> list[str]:
    """Root may do anything, so it is asked to be a user like another."""
    if os.getuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv to take that away")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]


def run(
    *arguments: str,
    home: Path,
    before: list[str] | None = None,
    env: Mapping[str, str] | None = None,
    **options: object,
) -> "subprocess.CompletedProcess[str]":
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    own |= {"LOUPE_HOME": str(home), "LOUPE_CACHE": str(SETTINGS.loupe_cache), "PYTHONPATH": str(PROJECT)}
    given: dict[str, object] = {
        "cwd": PROJECT, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
        "text": True, "timeout": 120, "env": own | dict(env or {}),
    }  # fmt: skip
    command = [*(before or []), sys.executable, *arguments]
    return subprocess.run(command, check=False, **(given | options))  # type: ignore[call-overload, no-any-return]


def refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Exit code 2, one line that says all of this."""
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("entry", ENTRY_POINTS)
def test_a_home_of_somebody_else_is_named_with_its_owner(tmp_path: Path, entry: str) -> None:
    if os.getuid():
        pytest.skip("only root can give a folder to another user")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, STRANGER, STRANGER)
    done = run(*ENTRY_POINTS[entry], home=home, before=limited())
    refused(done, f"{home} belongs to user {STRANGER} (mode drwx------), and this is root", "chown", "LOUPE_HOME")


@pytest.mark.parametrize("entry", ["ingest", "server", "run"])
def test_a_home_that_may_not_be_written(tmp_path: Path, entry: str) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    done = run(*ENTRY_POINTS[entry], home=home, before=limited())
    refused(done, f"{home} belongs to ", "(mode dr-x------)", "chmod", "LOUPE_HOME")


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    """The folder above it is named: it is the one to change."""
    (tmp_path / "closed").mkdir(mode=0o500)
    done = run("-m", "server", "start", home=tmp_path / "closed" / "a" / "home", before=limited())
    refused(done, f"{tmp_path / 'closed'} belongs to ", "(mode dr-x------)")


def test_a_home_on_a_disk_that_is_mounted_read_only(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1):
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "disk")], check=True)
        done = run("-m", "server", "start", home=tmp_path / "disk" / "home")
    refused(done, "its disk is mounted read-only", "LOUPE_HOME")


def as_folder(path: Path) -> None:
    path.mkdir()


def unreadable(path: Path) -> None:
    path.write_text("{}")
    path.chmod(0)


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize(
    ("name", "spoil", "words"),
    [
        ("api_key", as_folder, "is a folder where Loupe keeps a file. Move it away"),
        ("api_key", garbage, "holds no key. Delete it"),
        ("api_key", unreadable, "(mode ----------)"),
        ("server.json", as_folder, "is a folder where Loupe keeps a file. Move it away"),
        ("server.json", unreadable, "(mode ----------)"),
        ("server.lock", as_folder, "server.lock"),
        ("server.lock", unreadable, "(mode ----------)"),
    ],
)
def test_a_file_of_the_home_that_cannot_be_used(
    tmp_path: Path, name: str, spoil: Callable[[Path], None], words: str
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    spoil(home / name)
    refused(run("-m", "server", "start", home=home, before=limited()), str(home / name), words)


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    done = run("-m", "search", "cat", home=tmp_path / "home")
    refused(done, f"{tmp_path / 'home'} is a file where Loupe needs a folder")


def test_a_cache_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    env = {"LOUPE_CACHE": str(tmp_path / "cache"), "LOUPE_WEAVIATE_VERSION": "9.9.9"}
    done = run("-m", "server.binary", home=tmp_path, before=limited(), env=env)
    refused(done, f"{tmp_path / 'cache'} belongs to ", "LOUPE_CACHE")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{", b"5", b"[1]"])
def test_a_damaged_list_of_folders_is_said_and_not_written_over(tmp_path: Path, content: bytes) -> None:
    """Today's list would be lost with it."""
    (tmp_path / "roots.json").write_bytes(content)
    for look in (Roots(tmp_path).all, lambda: Roots(tmp_path).add(Path("/photos"))):
        with pytest.raises(FolderError, match=r"roots\.json is no list of folders any more\. Delete it and ingest"):
            look()
    assert (tmp_path / "roots.json").read_bytes() == content


def test_a_status_that_is_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "ingest.json").mkdir()
    with pytest.raises(FolderError, match="is a folder where Loupe keeps a file"):
        StatusFile(tmp_path).read()


def test_the_app_says_it_on_every_page_and_goes_on_when_it_is_mended(tmp_path: Path) -> None:
    """Not that Weaviate does not answer."""
    (tmp_path / "home").write_text("")
    server = LocalServer(plan(tmp_path / "home"))

    def address() -> Address:
        server.join()
        raise AssertionError("a server on a file")

    connection = Connection(address, lambda: pytest.fail("no encoder is asked for"))
    with pytest.raises(HomeError, match="is a file where Loupe needs a folder"):
        connection.searcher()


def test_an_ingest_of_the_page_that_cannot_begin_says_why(tmp_path: Path) -> None:
    """Its button is pressed before the page is drawn: nobody else would say it."""
    (tmp_path / "home").write_text("")
    ingestion = ingest_job(tmp_path / "home", PROJECT)
    ingestion.start(str(tmp_path))
    assert f"{tmp_path / 'home'} is a file where Loupe needs a folder" in ingestion.failure()


def test_without_a_home_folder_the_setting_is_named(tmp_path: Path) -> None:
    """A user whom the system does not know, without HOME: no folder named `~` is made. (A user it knows needs no
    HOME. The commands need one all the same, because the database's client does when it is imported.)"""
    unknown = "import pwd\ndef none(uid): raise KeyError(uid)\npwd.getpwuid = none\n"
    command = [sys.executable, "-c", f"{unknown}import settings; settings.read_settings()"]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert "SettingsError: LOUPE_HOME and LOUPE_CACHE have no default here: could not determine the home" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_from_under_the_command(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    options = {"cwd": tmp_path / "here", "preexec_fn": (tmp_path / "here").rmdir}
    done = run("-m", "server", "status", home=tmp_path / "home", **options)
    refused(done, "The folder that this was started in is gone")


SAY = 'import exits, json; exits.run(lambda: print(json.dumps("é ā 🦊 \\udcff", ensure_ascii=False)) or 0)'


@pytest.mark.parametrize("coding", ["ascii", "iso-8859-1", "cp1252", "utf-8"])
def test_no_letter_ends_a_command_and_json_stays_json(tmp_path: Path, coding: str) -> None:
    done = run("-c", SAY, home=tmp_path, env={"PYTHONIOENCODING": coding}, text=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout.decode(coding)) == "é ā 🦊 \udcff"


def test_help_is_written_on_every_terminal(tmp_path: Path) -> None:
    """Its letters too: arguments are parsed where a letter ends nothing. So it is in every entry point."""
    for package in ("ingest", "search", "evaluation", "training"):
        text = (PROJECT / package / "__main__.py").read_text()
        assert re.search(r"exits\.run\(lambda: main\((command\.)?parse_arguments\(", text), package
    assert "exits.run(lambda: main(_parse_arguments()" in (PROJECT / "run.py").read_text()
    code = "import argparse, exits; exits.run(argparse.ArgumentParser(description='é').parse_args)"
    done = run("-c", code, "--help", home=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and "\\u00e9" in done.stdout, done


@pytest.mark.parametrize("code", ["print('x') or 0", "print('x' * 1_000_000) or 1", "sys.exit(print('x'))"])
def test_an_output_that_takes_nothing_is_a_sentence(tmp_path: Path, code: str) -> None:
    """A full disk behind `> file`; also where it shows only at the end."""
    with Path("/dev/full").open("w") as full:
        done = run("-c", f"import exits, sys; exits.run(lambda: {code})", home=tmp_path, stdout=full)
    refused(done, "What this command writes cannot be written (No space left on device)")


def test_streams_that_are_closed_end_nothing_and_no_file_takes_their_place(tmp_path: Path) -> None:
    """`>&-`: the next file that is opened would get the number 1, and what a library prints would go into it."""
    code = (
        "import exits, os, pathlib\n"
        "def work():\n"
        f"    handle = os.open({str(tmp_path / 'file')!r}, os.O_WRONLY | os.O_CREAT)\n"
        "    print('x'); os.write(1, b'y'); os.write(2, b'z')\n"
        "    return 0 if handle > 2 else 1\n"
        "exits.run(work)"
    )

    def close() -> None:
        for number in (0, 1, 2):
            os.close(number)

    options = {"stdin": None, "stdout": None, "stderr": None, "preexec_fn": close}
    assert run("-c", code, home=tmp_path, **options).returncode == 0
    assert (tmp_path / "file").read_bytes() == b""


def test_a_reader_that_has_enough_is_no_fault(tmp_path: Path) -> None:
    """`| head`."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        done = run("-c", "import exits; exits.run(lambda: print('x' * 100_000) or 0)", home=tmp_path, stdout=pipe)
    assert (done.returncode, done.stderr) == (0, "")


def test_where_no_file_can_hold_the_details_they_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """TMPDIR is missing or full: neither another traceback nor an empty file."""

    def nothing(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    def full(*_: object, **__: object) -> tuple[int, str]:
        return os.open("/dev/full", os.O_WRONLY), str(tmp_path / "made")

    for mkstemp in (nothing, full):
        (tmp_path / "made").touch()
        monkeypatch.setattr("tempfile.mkstemp", mkstemp)
        with pytest.raises(SystemExit) as ended:
            exits.run(lambda: 1 // 0)
        said = capfd.readouterr().err
        assert ended.value.code == exits.Exit.UNEXPECTED
        assert said.startswith("Loupe failed unexpectedly: ") and "Please report these details:" in said
        assert "ZeroDivisionError" in said
    assert not (tmp_path / "made").exists()


def test_a_fault_of_loupe_is_none_of_the_system(tmp_path: Path) -> None:
    """A file that Loupe looked for in the wrong place keeps its details."""
    done = run("-c", "import exits, pathlib; exits.run(lambda: pathlib.Path('none.txt').read_text())", home=tmp_path)
    assert done.returncode == exits.Exit.UNEXPECTED
    details = re.search(r"The details are in (\S+);", done.stderr)
    assert details and "none.txt" in Path(details[1]).read_text()
    Path(details[1]).unlink()


def test_a_home_that_others_can_look_into_is_said_once_and_what_is_new_is_private(tmp_path: Path) -> None:
    """An ingest with Weaviate, on a home of mode 755."""
    shell = Shell(tmp_path / "home")
    shell.home.mkdir(mode=0o755)
    shell.home.chmod(0o755)
    paint_many(tmp_path / "photos", 3)
    shell.environment["COLOUR_LOG"] = ""
    code, _, said = shell.run(tmp_path / "photos")
    assert code == 0, said
    assert said.count(f"Other users of this machine may look into {shell.home} (mode drwxr-xr-x)") == 1
    assert f"chmod -R go= {shell.home}" in said
    top = [path for path in shell.home.iterdir() if path.stat().st_mode & 0o077]
    assert top == []
    files = [path for path in shell.home.rglob("*") if path.is_file()]
    assert [path for path in files if path.stat().st_mode & 0o077] == []
    assert {"api_key", "server.json", "ingest.json", "roots.json", "weaviate.log"} <= {path.name for path in files}
    assert any("thumbs" in path.parts for path in files) and any("weaviate" in path.parts for path in files)
    shell.home.chmod(0o700)
    assert "Other users" not in shell.run(tmp_path / "photos")[2]


def test_the_app_refuses_a_wrong_setting(tmp_path: Path) -> None:
    """Streamlit has said a line or two of its own before."""
    done = run("-m", "streamlit", "run", "app.py", home=tmp_path / "home", env={"LOUPE_BATCH_SIZE": "many"})
    assert done.returncode == 2, done
    assert "LOUPE_BATCH_SIZE: Input should be a valid integer" in done.stderr and "Traceback" not in done.stderr
