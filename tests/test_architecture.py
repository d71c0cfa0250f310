"""Who may import whom. ARCHITECTURE.md shows the same table; this test parses the files and holds it."""

import ast
import re
import sys
from functools import cache
from importlib.metadata import requires
from pathlib import Path

import pytest

from settings import PROJECT

PACKAGES = (
    "host",
    "pictures",
    "encoder",
    "schema",
    "server",
    "search",
    "ingest",
    "layout",
    "evaluation",
    "training",
    "api",
    "app_pages",
)
ENTRY_POINTS = {
    "app.py",
    "run.py",
    "server/command.py",
    "ingest/command.py",
    "search/command.py",
    "encoder/command.py",
    *(f"{package}/__main__.py" for package in PACKAGES),
}
COMPOSITION = {"assembly.py", "exits.py"}
FOR_EVERYBODY = {"host", "encoder.protocol"}
"""Every module may import these."""

ALLOWED: dict[str, set[str]] = {
    "host": set(),
    "pictures": set(),
    "encoder": {"pictures.looks"},
    "schema": set(),
    "server": set(),
    "search": {"schema", "pictures", "encoder.occlusion"},
    "ingest": {"schema", "pictures"},
    "layout": {"search.index", "schema"},
    "evaluation": {"search", "schema", "pictures"} | {f"ingest.{name}" for name in ("files", "captions", "sidecars")},
    "training": {"encoder", "evaluation", "layout", "pictures", "ingest.files", "ingest.captions"},
    "api": {"search", "schema", "pictures", "layout"},
    "app_pages": {"api", "search", "schema", "pictures", "layout", "ingest.tagging"},
}
"""Package -> what of ours its modules may import besides their own package; entry points may import everything."""

THIRD_PARTY = {
    "streamlit": {"app.py", "app_pages/", "api/links.py"},
    "torch": {"encoder/", "training/"},
    "transformers": {"encoder/", "training/"},
    "openvino": {"encoder/"},
    "tokenizers": {"encoder/"},
    "pytorch_metric_learning": {"training/"},
    "weaviate": {
        "schema/",
        "ingest/ledger.py",
        "search/index.py",
        "search/conditions.py",
        "assembly.py",
        "ingest/command.py",
        "server/command.py",
    },
}
"""Library -> the files that may import it."""


def sources() -> list[Path]:
    folders = [path for package in PACKAGES for path in (PROJECT / package).rglob("*.py")]
    roots = {"app.py", "run.py", "settings.py", "errors.py"} | COMPOSITION
    return sorted([*folders, *(PROJECT / name for name in roots)])


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module that the file imports, also inside functions; `from a import b` counts as `a.b` when that is a
    module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            module = node.module or ""
            submodules = {f"{module}.{alias.name}" for alias in node.names}
            inner = {name for name in submodules if (PROJECT / f"{name.replace('.', '/')}.py").exists()}
            found |= inner or {module}
    return frozenset(found)


def inside(module: str, allowed: str) -> bool:
    return module == allowed or module.startswith(f"{allowed}.")


def main_guard_lines(path: Path) -> set[str]:
    """What is imported under `if __name__ == "__main__"`: there the module is an entry point."""
    text = path.read_text()
    for node in ast.parse(text).body if "__main__" in text else ():
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            return {n.module or "" for n in ast.walk(node) if isinstance(n, ast.ImportFrom)}
    return set()


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_imports_keep_to_the_table(path: Path) -> None:
    name = name_of(path)
    if name in ENTRY_POINTS | COMPOSITION:
        return
    package = name.split("/")[0] if "/" in name else ""
    for module in imports_of(path) - main_guard_lines(path):
        ours = module.split(".")[0] in PACKAGES or module.split(".")[0] in (
            "settings",
            "assembly",
            "exits",
            "app",
            "run",
        )
        if not ours or (package and inside(module, package)):
            continue
        allowed = ALLOWED.get(package, set()) | FOR_EVERYBODY
        assert any(inside(module, name) for name in allowed), f"{name} must not import {module}"


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_libraries_are_imported_where_they_belong(path: Path) -> None:
    name = name_of(path)
    for module in imports_of(path):
        places = THIRD_PARTY.get(module.split(".")[0])
        assert places is None or any(
            name == place or (place.endswith("/") and name.startswith(place)) for place in places
        ), f"{name} must not import {module}"


def test_settings_are_read_by_entry_points_only() -> None:
    """Invariant I6: nobody else reads the environment or .env, except to hand the environment to child processes."""
    for path in sources():
        name = name_of(path)
        reads = re.search(r"os\.environ|os\.getenv|read_settings\(\)", path.read_text())
        passes_on = {"server/binary.py", "server/environment.py"}
        assert not reads or name in ENTRY_POINTS | COMPOSITION | passes_on | {"settings.py"}, name


def test_connecting_and_writing_happen_in_one_place() -> None:
    """Invariant I6: only client.py connects, only ledger.py writes pictures."""
    for path in sources():
        text, name = path.read_text(), name_of(path)
        assert "weaviate.connect_" not in text or name == "schema/client.py", name
        writes = {"ingest/ledger.py", "schema/documents.py", "schema/indexing.py"}
        assert not re.search(r"\.data\.(insert|update|replace|delete)|insert_many", text) or name in writes, name
        asks = {"search/index.py", "schema/check.py", "schema/indexing.py"}
        assert not re.search(r"(?<!self)\.query\.(near|hybrid|bm25)", text) or name in asks, name


def test_every_import_is_a_requirement_or_the_standard_library() -> None:
    """requirements.txt names what is imported, and what another package needs for a feature that we use."""
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    named = {re.split(r"[<>=~ #]", line)[0].lower() for line in lines if line and not line.startswith("#")}
    packages = {
        "PIL": "pillow",
        "grpc": "grpcio",
        "weaviate": "weaviate-client",
        "sklearn": "scikit-learn",
        "umap": "umap-learn",
    }
    not_imported = {
        "python-dotenv": "pydantic-settings",
        "python-multipart": "streamlit",
    }  # .env; forms of the HTTP API
    own = {*PACKAGES, "settings", "errors", *(name.removesuffix(".py") for name in COMPOSITION)}
    used = (
        {module.split(".")[0] for path in sources() for module in imports_of(path)} - own - set(sys.stdlib_module_names)
    )
    assert {packages.get(name, name.replace("_", "-")).lower() for name in used} | set(not_imported) == named
    for name, package in not_imported.items():
        assert any(need.startswith(name) for need in requires(package) or ())


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_modules_stay_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400, "a module above 400 lines is two modules"
    assert ast.get_docstring(ast.parse(text)), "a module's first line says what it does"
    assert path.stem not in ("utils", "helpers", "common", "manager", "handler", "base")
