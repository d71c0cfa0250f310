"""How the server's binary is obtained in a new environment, where most packages are not installed yet."""

import subprocess
import sys
from pathlib import Path

from settings import PROJECT
from tests.conftest import SETTINGS

INSTALLED = {"filelock", "platformdirs", "pydantic", "pydantic_core", "pydantic_settings", "dotenv"}
ALONE = f"""
import importlib.abc, runpy, site, sys
from importlib.metadata import packages_distributions

LATER = set(packages_distributions()) - {INSTALLED | {"annotated_types", "typing_extensions", "typing_inspection"}!r}

class NotYet(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in LATER:
            raise ModuleNotFoundError(f"{{name}} is not installed yet")

sys.meta_path.insert(0, NotYet())
runpy.run_module("server.binary", run_name="__main__")
"""


def obtain(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ALONE]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


def test_it_runs_beside_the_installation_of_the_packages(environment: dict[str, str]) -> None:
    """`make setup` builds Weaviate while the packages are installed: what it needs is in the Makefile's first step."""
    done = obtain(environment)
    assert (done.returncode, "Weaviate is here: " in done.stderr) == (0, True), done.stderr
    assert str(SETTINGS.loupe_cache) in done.stderr


def test_a_cache_that_cannot_be_used_is_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    done = obtain(environment | {"LOUPE_CACHE": str(tmp_path / "cache")})
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "is a file where Loupe needs a folder" in done.stderr
