"""Obtain a package's files from Debian or npm by name; nothing of a package is run.

`cache` is Loupe's cache folder. A package's folder appears whole or not at all (unpacked beside it, then renamed), so
a killed run is simply called again.
"""

import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from errors import CannotWrite, TrainingError
from training.atomic import FULL

TIMEOUT_S = 900
MAX_UNPACKED_MB = 1000
MAX_FILES = 100_000
"""The largest package of the recipe has 60 MB in 800 files; an archive of a few kB can hold any number."""
UNREACHABLE_S = 300
"""How long a tool that found no network is not asked again: without one, each package would take its tries anew."""
NPM_TRIES = ("--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
"""npm's own second and third try come after 10 and 60 s, in silence."""
_NO_NETWORK = re.compile(
    r"EAI_AGAIN|ENOTFOUND|ENETUNREACH|ECONNREFUSED|ETIMEDOUT|Temporary failure resolving|Could not (resolve|connect)"
)
_unreachable: dict[str, float] = {}  # tool -> when
_NO_SPACE = re.compile(r"ENOSPC|EDQUOT|No space left on device|Disk quota exceeded|File too large")


class SourceMissing(TrainingError):
    """A package cannot be had on this machine; the message says why and what to do."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The package {name} cannot be had: {reason}")
        self.name, self.reason = name, reason


def debian(name: str, cache: Path) -> Path:
    """The files of a Debian package, unpacked and not installed; what lies in the cache is not asked for again.

    In the version of the machine's release. Raises SourceMissing; CannotWrite where the disk is full, since no other
    package could be had either.
    """

    def obtain(folder: Path) -> tuple[str, Path]:
        for tool in ("apt-get", "dpkg-deb"):
            if shutil.which(tool) is None:
                raise SourceMissing(name, f"there is no {tool} here; it comes with Debian and Ubuntu")
        _run(name, ["apt-get", "-o", "DPkg::Lock::Timeout=60", "download", name], folder, _apt_remedy)
        archive = _archive(name, folder, "apt-get", "deb")
        version = _run(name, ["dpkg-deb", "-f", archive.name, "Version"], folder).strip()
        _run(name, ["dpkg-deb", "-x", archive.name, "unpacked"], folder)
        return version, folder / "unpacked"

    return _shelve(cache / "training" / "packages" / "debian", name, "*", obtain)


def npm(name: str, cache: Path, wanted: str | None = None) -> Path:
    """The files of an npm package in the version `wanted`, else the newest; none of it is run. Raises as `debian`."""

    def obtain(folder: Path) -> tuple[str, Path]:
        if shutil.which("npm") is None:
            raise SourceMissing(name, "there is no npm here; install it (Debian: apt-get install npm)")
        if not hasattr(tarfile, "data_filter"):
            raise SourceMissing(name, "this Python cannot unpack an archive safely; use 3.11.4 or newer")
        spec = f"{name}@{wanted}" if wanted else name
        _run(name, ["npm", "pack", "--ignore-scripts", *NPM_TRIES, spec], folder, _npm_remedy)
        packed = _archive(name, folder, "npm", "tgz")
        try:
            with tarfile.open(packed) as archive:
                archive.extractall(folder / "unpacked", members=_within_bounds(name, archive), filter="data")
        except (tarfile.TarError, EOFError) as error:
            raise SourceMissing(name, f"its archive cannot be unpacked ({error}); try again") from None
        return wanted or packed.stem.rpartition("-")[2], folder / "unpacked" / "package"

    return _shelve(cache / "training" / "packages" / "npm", name, wanted or "*", obtain)


def _archive(name: str, folder: Path, tool: str, ending: str) -> Path:
    archives = list(folder.glob(f"*.{ending}"))
    if len(archives) != 1:
        raise SourceMissing(name, f"{tool} left {len(archives)} archives where one was expected")
    return archives[0]


def _within_bounds(name: str, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Each member as it is reached, before anything of it is written."""
    size = 0
    for count, member in enumerate(archive, start=1):
        size += member.size
        if size > MAX_UNPACKED_MB * 1e6 or count > MAX_FILES:
            raise SourceMissing(
                name,
                f"its archive holds more than {MAX_UNPACKED_MB} MB or {MAX_FILES} files unpacked, as no package of the "
                "recipe does; look at what the registry sent",
            )
        yield member


def version_of(folder: Path) -> str:
    """The version of a folder that `debian` or `npm` returned."""
    return folder.name.rpartition("@")[2].replace("%3a", ":")


def licence_of(folder: Path) -> str:
    """What the package says of its licence: package.json, or the first paragraph of Debian's copyright file."""
    try:
        if (described := folder / "package.json").exists():
            return str(json.loads(described.read_text(encoding="utf-8"))["license"])
        text = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("usr/share/doc/*/copyright")))
    except (OSError, ValueError, KeyError, TypeError):
        return "not stated"
    if named := re.search(r"^License: *(\S.*)$", text, re.MULTILINE):  # the machine-readable form
        return named[1]
    return "public domain" if re.search(r"public\s+domain\s+dedication", text, re.IGNORECASE) else "not stated"


def _shelve(shelf: Path, name: str, wanted: str, obtain: Callable[[Path], tuple[str, Path]]) -> Path:
    """The package's folder on the shelf, which `obtain` fills and returns with its version where there is none."""
    flat = name.lstrip("@").replace("/", "+")
    if here := sorted(shelf.glob(f"{flat}@{wanted}")):
        return here[-1]
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        for leftover in shelf.glob(".partial-*"):
            owner = leftover.name.split("-")[1]
            if not (owner.isdigit() and psutil.pid_exists(int(owner))):  # killed, and not at work beside this one
                shutil.rmtree(leftover, ignore_errors=True)
        mine = f".partial-{os.getpid()}-"
        with tempfile.TemporaryDirectory(prefix=mine, dir=shelf, ignore_cleanup_errors=True) as temporary:
            version, unpacked = obtain(Path(temporary))
            target = shelf / f"{flat}@{version.replace(':', '%3a')}"
            try:
                unpacked.replace(target)
            except OSError:
                if not target.is_dir():  # else a run beside this one was faster
                    raise
            return target
    except OSError as error:
        if error.errno in FULL:
            raise _full(name, shelf) from None
        raise SourceMissing(
            name, f"it cannot be written to {shelf} ({error.strerror or error}); free space there or check permissions"
        ) from None


def _run(
    name: str,
    command: Sequence[str],
    folder: Path,
    remedy: Callable[[str], str] = lambda said: said.rpartition("\n")[2] or "no reason given",
) -> str:
    """What the command printed; raises SourceMissing with its last words."""
    tool = command[0]
    if time.monotonic() - _unreachable.get(tool, -UNREACHABLE_S) < UNREACHABLE_S:
        raise SourceMissing(name, f"{tool} found no network a moment ago; try again when there is one")
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise SourceMissing(name, f"{tool} gave no answer in {TIMEOUT_S} s; try again") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceMissing(name, f"{tool} could not be run ({error})") from None
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        if _NO_SPACE.search(said):
            raise _full(name, folder.parent)
        if _NO_NETWORK.search(said):
            _unreachable[tool] = time.monotonic()
        raise SourceMissing(name, f"{tool}: {remedy(said)}")
    return done.stdout


def _full(name: str, shelf: Path) -> CannotWrite:
    return CannotWrite(
        f"The package {name} cannot be put into {shelf}: no space is left, there or where apt-get and npm keep copies "
        "of their own. Free some space and start again; the packages that are there stay."
    )


def _apt_remedy(said: str) -> str:
    lines = [line.removeprefix("E: ") for line in said.splitlines() if line.startswith("E: ")] or said.splitlines()[-1:]
    advice = "; its lists may be old or empty: run `apt-get update` as root, then try again"
    return " ".join(lines[:2]) + (advice if re.search(r"Unable to locate|No candidate|candidate|404", said) else "")


def _npm_remedy(said: str) -> str:
    lines = re.findall(r"^npm (?:error|ERR!)\s*(.*)$", said, re.MULTILINE)
    return " ".join(lines[:2]) or "no reason given"
