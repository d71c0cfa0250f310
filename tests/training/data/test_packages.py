"""From a package's name to its files, with stand-ins for apt-get, dpkg-deb and npm that do what those do."""

import errno
import gzip
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from errors import CannotWrite
from training.data import packages
from training.data.packages import SourceMissing, debian, licence_of, npm, version_of


@pytest.fixture(autouse=True)
def unpacks_safely(request: pytest.FixtureRequest) -> None:
    if "npm" in request.function.__code__.co_names and not hasattr(tarfile, "data_filter"):
        pytest.skip("this Python is older than 3.11.4 and cannot unpack safely")


@pytest.fixture(autouse=True)
def every_registry_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_unreachable", {})


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def tool(folder: Path, name: str, code: str) -> None:
    """A program of that name; it notes its arguments in NAME.calls."""
    path = folder / name
    note = f"import sys, pathlib; open({str(folder / name) + '.calls'!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
    path.write_text(f"#!{sys.executable}\n{note}{code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def calls(folder: Path, name: str) -> list[str]:
    noted = folder / f"{name}.calls"
    return noted.read_text().splitlines() if noted.exists() else []


def archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content.encode()))
    return path


def npm_that_gives(folder: Path, packed: Path) -> None:
    tool(folder, "npm", f"import shutil; shutil.copy({str(packed)!r}, '.')")


def test_npm_gives_the_files_in_the_version_of_the_recipe(tools: Path, tmp_path: Path) -> None:
    npm_that_gives(tools, archive(tmp_path / "iconify-json-noto-1.2.9.tgz", {"package/icons.json": "{}"}))
    folder = npm("@iconify-json/noto", tmp_path, "1.2.9")
    assert (folder / "icons.json").read_text() == "{}"
    assert version_of(folder) == "1.2.9"
    [call] = calls(tools, "npm")
    assert call.startswith("pack --ignore-scripts --fetch-retries=2 ") and call.endswith(" @iconify-json/noto@1.2.9")


def test_an_npm_package_without_a_fixed_version_says_which_came(tools: Path, tmp_path: Path) -> None:
    npm_that_gives(tools, archive(tmp_path / "other-3.1.4.tgz", {"package/a": ""}))
    assert version_of(npm("other", tmp_path)) == "3.1.4"


def test_what_lies_in_the_cache_needs_no_tool(tools: Path, tmp_path: Path) -> None:
    npm_that_gives(tools, archive(tmp_path / "a-1.0.0.tgz", {"package/a": "a"}))
    first = npm("a", tmp_path)
    (tools / "npm").unlink()
    assert npm("a", tmp_path) == first
    kept = tmp_path / "training" / "packages" / "debian" / "b@1%3a2-3"
    kept.mkdir(parents=True)
    assert debian("b", tmp_path) == kept
    assert version_of(kept) == "1:2-3"


def test_another_fixed_version_is_another_package(tools: Path, tmp_path: Path) -> None:
    npm_that_gives(tools, archive(tmp_path / "a-1.0.0.tgz", {"package/a": "old"}))
    npm("a", tmp_path, "1.0.0")
    npm_that_gives(tools, archive(tmp_path / "a-2.0.0.tgz", {"package/a": "new"}))
    assert (npm("a", tmp_path, "2.0.0") / "a").read_text() == "new"


def test_debian_gives_the_unpacked_files_and_the_version(tools: Path, tmp_path: Path) -> None:
    tool(tools, "apt-get", "pathlib.Path('a_1%3a2-3_all.deb').write_text('')")
    tool(
        tools, "dpkg-deb",
        "if sys.argv[1] == '-f': print('1:2-3')\n"
        "else: f = pathlib.Path(sys.argv[3], 'usr'); f.mkdir(parents=True); (f / 'file').write_text('it')",
    )  # fmt: skip
    folder = debian("a", tmp_path)
    assert (folder / "usr" / "file").read_text() == "it"
    assert version_of(folder) == "1:2-3"
    assert folder.name == "a@1%3a2-3"
    assert calls(tools, "apt-get") == ["-o DPkg::Lock::Timeout=60 download a"]


@pytest.mark.parametrize(
    ("obtain", "failing", "said", "handed_on"),
    [
        (
            debian, "apt-get", "W: x\nE: Unable to locate package a\n",
            r"had: apt-get: Unable to locate package a; .*run `apt-get update` as root",
        ),
        (debian, "dpkg-deb", "tar: x\n" * 999 + "dpkg-deb: error: bad archive\n", "dpkg-deb: error: bad archive$"),
        (
            npm, "npm", "npm warn config\nnpm error code ENOTFOUND\nnpm error network request to the registry failed\n",
            "npm: code ENOTFOUND network request to the registry failed$",
        ),
    ],
)  # fmt: skip
def test_a_tools_own_reason_is_handed_on_and_its_warnings_are_not(
    tools: Path, tmp_path: Path, obtain, failing: str, said: str, handed_on: str
) -> None:
    tool(tools, "apt-get", "pathlib.Path('a_1_all.deb').write_text('')")
    tool(tools, "dpkg-deb", "")
    tool(tools, failing, f"sys.stderr.write({said!r}); sys.exit(2)")
    with pytest.raises(SourceMissing, match=handed_on) as caught:
        obtain("a", tmp_path)
    assert "x" not in str(caught.value).split() and "W: x" not in str(caught.value)


@pytest.mark.parametrize(
    ("obtain", "tool_of", "said"),
    [
        (npm, "npm", "npm error code EAI_AGAIN"),
        (debian, "apt-get", "E: Failed to fetch http://a/b.deb  Temporary failure resolving 'a'"),
    ],
)
def test_without_a_network_a_registry_is_asked_once(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obtain, tool_of: str, said: str
) -> None:
    """Twenty packages would be twenty times its tries; what lies in the cache comes all the same, and later it is
    asked again."""
    tool(tools, "dpkg-deb", "")
    tool(tools, tool_of, f"sys.stderr.write({said!r} + chr(10)); sys.exit(1)")
    with pytest.raises(SourceMissing, match=r"EAI_AGAIN|Temporary failure"):
        obtain("a", tmp_path)
    with pytest.raises(SourceMissing, match=rf"The package b cannot be had: {tool_of} found no network a moment ago"):
        obtain("b", tmp_path)
    assert len(calls(tools, tool_of)) == 1
    kept = tmp_path / "training" / "packages" / ("npm" if obtain is npm else "debian") / "c@1"
    kept.mkdir(parents=True)
    assert obtain("c", tmp_path) == kept
    monkeypatch.setattr(packages, "UNREACHABLE_S", 0)
    with pytest.raises(SourceMissing, match=r"EAI_AGAIN|Temporary failure"):
        obtain("b", tmp_path)


def test_a_package_that_is_not_there_does_not_stop_the_next(tools: Path, tmp_path: Path) -> None:
    tool(tools, "npm", "sys.stderr.write('npm error code E404' + chr(10)); sys.exit(1)")
    for name in ("a", "b"):
        with pytest.raises(SourceMissing, match=f"The package {name} cannot be had: npm: code E404$"):
            npm(name, tmp_path)


def refused_archive(tools: Path, tmp_path: Path, *members: tarfile.TarInfo) -> str:
    """The reason; nothing of the archive is left, and nothing lies outside."""
    packed = tmp_path / "a-1.0.0.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        good = tarfile.TarInfo("package/good")
        archive.addfile(good, io.BytesIO())
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size) if member.isreg() else None)
    npm_that_gives(tools, packed)
    outside = {path for path in tmp_path.parent.rglob("*") if "packages" not in path.parts}
    with pytest.raises(SourceMissing) as caught:
        npm("a", tmp_path)
    assert list((tmp_path / "training" / "packages" / "npm").iterdir()) == []
    new = {path for path in tmp_path.parent.rglob("*") if "packages" not in path.parts} - outside
    assert {path.name for path in new} <= {"npm.calls", "training"}
    return str(caught.value)


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, target, size
    return entry


HOSTILE = {
    "parents": [member("../../../../../evil", size=3)],
    "parents inside": [member("package/../../../../../../evil", size=3)],
    "link out": [member("package/l", tarfile.SYMTYPE, "/etc"), member("package/l/evil", size=3)],
    "link up": [member("package/l", tarfile.SYMTYPE, "../../../../.."), member("package/l/evil", size=3)],
    "hard link out": [member("package/l", tarfile.LNKTYPE, "../../../../../../etc/hostname")],
    "device": [member("package/d", tarfile.CHRTYPE)],
    "pipe": [member("package/p", tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_row_19_no_member_leads_out_of_the_folder(tools: Path, tmp_path: Path, kind: str) -> None:
    """Names, links and special files: the archive is refused as a whole."""
    assert "its archive cannot be unpacked" in refused_archive(tools, tmp_path, *HOSTILE[kind])


def test_row_19_an_absolute_name_stays_inside(tools: Path, tmp_path: Path) -> None:
    """Its leading slash is dropped, as by tar itself."""
    evil = tmp_path / "evil"
    npm_that_gives(tools, archive(tmp_path / "a-1.0.0.tgz", {"package/a": "", str(evil): "x"}))
    folder = npm("a", tmp_path)
    assert not evil.exists()
    assert [path.name for path in folder.iterdir()] == ["a"]


def test_row_19_unpacking_is_bounded_in_bytes_and_files(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10 GB of zeros in a small archive: refused at the header of the member that is too much. Nested archives stay
    packed."""
    packed = tmp_path / "a-1.0.0.tgz"
    with gzip.open(packed, "wb", compresslevel=1) as stream:
        stream.write(member("package/zeros", size=10_000_000_000).tobuf() + bytes(5_000_000))
    assert packed.stat().st_size < 50_000
    npm_that_gives(tools, packed)
    with pytest.raises(SourceMissing, match="holds more than 1000 MB or 100000 files unpacked"):
        npm("a", tmp_path)
    monkeypatch.setattr(packages, "MAX_FILES", 50)
    many = {f"package/{number}": "" for number in range(60)}
    npm_that_gives(tools, archive(tmp_path / "b-1.0.0.tgz", many))
    with pytest.raises(SourceMissing, match="holds more than 1000 MB or 50 files"):
        npm("b", tmp_path)
    monkeypatch.setattr(packages, "MAX_UNPACKED_MB", 0.001)
    in_parts = {f"package/{number}": "x" * 300 for number in range(5)}
    npm_that_gives(tools, archive(tmp_path / "c-1.0.0.tgz", in_parts))
    with pytest.raises(SourceMissing, match="holds more than 0"):
        npm("c", tmp_path)
    assert list((tmp_path / "training" / "packages" / "npm").iterdir()) == []


def test_a_broken_archive_is_refused_and_nothing_stays(tools: Path, tmp_path: Path) -> None:
    packed = archive(tmp_path / "a-1.0.0.tgz", {"package/a": "a" * 9999})
    packed.write_bytes(packed.read_bytes()[:60])
    npm_that_gives(tools, packed)
    with pytest.raises(SourceMissing, match="its archive cannot be unpacked"):
        npm("a", tmp_path)
    assert list((tmp_path / "training" / "packages" / "npm").iterdir()) == []


def test_a_tool_that_hangs_is_given_up(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "TIMEOUT_S", 0.2)
    tool(tools, "npm", "import time; time.sleep(30)")
    with pytest.raises(SourceMissing, match=r"npm gave no answer in 0\.2 s"):
        npm("a", tmp_path)


def test_a_cache_that_cannot_be_written_is_a_sentence(tools: Path, tmp_path: Path) -> None:
    tool(tools, "npm", "")
    (tmp_path / "training").write_text("a file where a folder should be")
    with pytest.raises(SourceMissing, match=r"cannot be written to .*free space there or check permissions"):
        npm("a", tmp_path)


@pytest.mark.parametrize("said", ["npm error code ENOSPC", "tar: a: Cannot write: No space left on device"])
def test_a_full_disk_ends_the_run_and_is_no_missing_source(tools: Path, tmp_path: Path, said: str) -> None:
    """The next packages would not fit either, and a space learnt from what did fit would be a poor one in silence."""
    tool(tools, "npm", f"sys.stderr.write({said!r} + chr(10)); sys.exit(1)")
    with pytest.raises(CannotWrite, match=r"package a cannot be put into .*/npm: no space is left.* Free some space"):
        npm("a", tmp_path)
    assert list((tmp_path / "training" / "packages" / "npm").iterdir()) == []


def test_a_disk_that_fills_up_is_the_same(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    npm_that_gives(tools, archive(tmp_path / "a-1.0.0.tgz", {"package/a": "a"}))
    monkeypatch.setattr(tarfile.TarFile, "extractall", full)
    with pytest.raises(CannotWrite, match="no space is left"):
        npm("a", tmp_path)


def test_two_runs_at_once_both_get_the_package(tools: Path, tmp_path: Path) -> None:
    """The one that is late finds the other's folder in its place."""
    packed = archive(tmp_path / "a-1.0.0.tgz", {"package/a": "mine"})
    other = tmp_path / "training" / "packages" / "npm" / "a@1.0.0"
    tool(
        tools, "npm",
        f"import shutil; shutil.copy({str(packed)!r}, '.'); p = pathlib.Path({str(other)!r}); p.mkdir(parents=True)\n"
        "(p / 'a').write_text('theirs')",
    )  # fmt: skip
    assert (npm("a", tmp_path) / "a").read_text() == "theirs"
    assert [path.name for path in other.parent.iterdir()] == ["a@1.0.0"]


def test_leftovers_of_killed_runs_are_removed_and_a_living_ones_stay(tools: Path, tmp_path: Path) -> None:
    """Also those of a name without a process."""
    dead = subprocess.Popen(["/bin/true"])
    dead.wait()
    shelf = tmp_path / "training" / "packages" / "npm"
    living = f".partial-{os.getppid()}-x1"
    for name in (f".partial-{dead.pid}-x0", living, ".partial-x2"):
        (shelf / name).mkdir(parents=True)
    npm_that_gives(tools, archive(tmp_path / "a-1.0.0.tgz", {"package/a": ""}))
    npm("a", tmp_path)
    assert sorted(path.name for path in shelf.iterdir()) == [living, "a@1.0.0"]


@pytest.mark.parametrize(
    ("place", "text", "licence"),
    [
        ("package.json", '{"license": "MIT"}', "MIT"),
        ("package.json", "{}", "not stated"),
        ("package.json", "[]", "not stated"),
        ("usr/share/doc/a/copyright", "Format: x\n\nFiles: *\nLicense: Expat\n\nFiles: d/*\nLicense: GPL\n", "Expat"),
        ("usr/share/doc/a/copyright", "a creative commons Public Domain Dedication\n", "public domain"),
        ("usr/share/doc/a/copyright", "All rights reserved.\n", "not stated"),
    ],
)
def test_the_licence_is_what_the_package_says(tmp_path: Path, place: str, text: str, licence: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text(text)
    assert licence_of(tmp_path) == licence


def test_a_real_package_comes_from_the_registry(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here")
    try:
        folder = npm("@iconify-json/flat-color-icons", tmp_path)
    except SourceMissing as missing:
        pytest.skip(str(missing))
    assert (folder / "icons.json").stat().st_size > 100_000
    assert licence_of(folder) == "MIT"


def test_a_python_that_unpacks_unsafely_is_named(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tools, "npm", "")
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    with pytest.raises(SourceMissing, match=r"use 3\.11\.4 or newer"):
        npm("other", tmp_path)
