"""The README's direct queries run as they stand, against the sample library."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from schema.collection import Pictures
from settings import PROJECT

SECTION = (PROJECT / "README.md").read_text().split("## Weaviate, directly")[1].split("\n## ")[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)


def test_the_python_examples_run(samples: Pictures, environment: dict[str, str]) -> None:
    """All of them in one process, in their order; what they print is what they promise."""
    script = "\n".join(blocks("python"))
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].endswith("Close-up of the face of a brown tabby cat")
    assert lines[1] == "1.0 tabby-cat-face.jpg"
    assert len(lines) == 8
    assert "'photo': 60" in lines[-1]


def test_the_curl_example_runs(samples: Pictures, environment: dict[str, str]) -> None:
    [command] = blocks("sh")
    environment = environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}
    if "WEAVIATE_URL" in environment:  # a server of the reader's own: its key is in no file of ours
        command = command.splitlines()[-1]
        environment |= {"URL": environment["WEAVIATE_URL"], "KEY": environment["WEAVIATE_API_KEY"]}
    try:
        run = subprocess.run(
            ["sh", "-c", command], env=environment, cwd=PROJECT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no shell here")
    if run.returncode == 127:
        pytest.skip("curl is not installed here")
    assert json.loads(run.stdout)["class"] == samples.name
