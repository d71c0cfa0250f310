"""What a question, an ingest and the page load into their process."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from schema.collection import Pictures
from settings import PROJECT

LOADED = """
import pkgutil, runpy, sys
from contextlib import suppress
from importlib import import_module

sys.argv = sys.argv[1:]
try:
    if sys.argv[0] == "the page":
        import api, app_pages, assembly, settings
        for package in (api, app_pages):
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                with suppress(RuntimeError):  # a page that runs in Streamlit alone; it has imported what it needs
                    import_module(module.name)
        assembly.encoder(settings.read_settings()).encode_texts(["a boat"])
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
finally:
    print("loaded:", *sorted({name.split(".")[0] for name, module in sys.modules.items() if module}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "command", [["search", "a boat", "--json"], ["ingest", "FOLDER"], ["the page"]], ids=lambda c: c[0]
)
def test_a_question_an_ingest_and_the_page_load_neither_torch_nor_transformers(
    samples: Pictures, environment: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    """In a process of its own. The encoder is loaded there: OpenVINO is among what is listed."""
    Image.effect_noise((64, 64), 90).save(tmp_path / "new.png")
    arguments = [str(tmp_path) if part == "FOLDER" else part for part in command]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.splitlines()[-1].split())
    assert {"loaded:", "openvino", "tokenizers" if command[0] != "ingest" else "PIL"} <= loaded
    assert not loaded & {"torch", "transformers", "huggingface_hub", "openvino_telemetry", "sklearn", "umap"}
