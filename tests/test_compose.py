"""The containers' files, read and compared with the code.

No container engine runs here: no image is built and no container is started. Only the Weaviate settings of
docker-compose.yml are tried, on the server that the other tests use.
"""

import ast
import json
import re
import shlex
import tomllib
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest
import yaml

from server.environment import COMMON_ENVIRONMENT, environment_of
from server.local_server import LocalServer
from settings import PROJECT, Settings
from tests.conftest import plan

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
WEAVIATE, APP = COMPOSE["services"]["weaviate"], COMPOSE["services"]["app"]
DOCKERFILE = [
    line.split(maxsplit=1)
    for line in re.sub(
        r"\\\n", " ", re.sub(r"^#.*\n", "", (PROJECT / "Dockerfile").read_text(), flags=re.MULTILINE)
    ).splitlines()
    if line.strip()
]
CONTAINER_ONLY = {
    "AUTHENTICATION_APIKEY_ALLOWED_KEYS",
    "CLUSTER_BASIC_AUTH_PASSWORD",
    "PERSISTENCE_DATA_PATH",
    "BACKUP_FILESYSTEM_PATH",
    "CLUSTER_HOSTNAME",
    "CLIP_INFERENCE_API",
    "GO_PROFILING_DISABLE",
    "GOMEMLIMIT",
}


def variables(text: str) -> set[str]:
    """The variables that compose fills in from .env."""
    return set(re.findall(r"\$\{([A-Z0-9_]+)", text))


def of_docker(name: str) -> list[str]:
    """The arguments of each such instruction, in order."""
    return [arguments for instruction, arguments in DOCKERFILE if instruction == name]


def in_context(path: PurePosixPath) -> bool:
    """Whether .dockerignore lets the file into the image: the last line that fits it, or a folder above it, decides."""
    kept = True
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if line and not line.startswith("#") and re.fullmatch(f"{pattern}(/.*)?", str(path)):
            kept = line.startswith("!")
    return kept


def own_imports(file: Path) -> set[str]:
    """Our top-level modules that the file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return {name for name in names if (PROJECT / f"{name}.py").exists() or (PROJECT / name / "__init__.py").exists()}


def app_files() -> set[PurePosixPath]:
    """Every file that the app and the commands need: what they import, directly or not, and the packages' folders."""
    reached: set[str] = set()
    new = {"app", "app_pages", "evaluation", "training"}
    while new:
        name = new.pop()
        reached.add(name)
        sources = (
            [PROJECT / f"{name}.py"] if (PROJECT / f"{name}.py").exists() else sorted((PROJECT / name).rglob("*.py"))
        )
        new |= {each for source in sources for each in own_imports(source)} - reached
    paths = [path for name in reached for path in (PROJECT / name).rglob("*")] + [
        PROJECT / f"{name}.py" for name in reached
    ]
    paths += [*(PROJECT / "samples").rglob("*"), *(PROJECT / ".streamlit").glob("config.toml")]
    found = {
        PurePosixPath(path.relative_to(PROJECT)) for path in paths if path.is_file() and "__pycache__" not in path.parts
    }
    return found | {PurePosixPath("requirements.txt")}


def test_the_compose_file_is_one_by_the_compose_specification() -> None:
    """The schema is the one that the PyPI package check-jsonschema carries."""
    schema = files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text()
    jsonschema.validate(COMPOSE, json.loads(schema))


def test_weaviate_has_the_settings_of_the_local_server_and_the_named_ones() -> None:
    environment = WEAVIATE["environment"]
    assert {name: environment.get(name) for name in COMMON_ENVIRONMENT} == COMMON_ENVIRONMENT
    assert set(environment) == COMMON_ENVIRONMENT.keys() | CONTAINER_ONLY


def test_a_real_weaviate_starts_with_the_compose_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The built server, with the container's environment; only paths, key and addresses are this machine's."""
    local = {
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS",
        "CLUSTER_BASIC_AUTH_PASSWORD",
        "PERSISTENCE_DATA_PATH",
        "BACKUP_FILESYSTEM_PATH",
        "CLIP_INFERENCE_API",
    }

    compose = {name: value for name, value in WEAVIATE["environment"].items() if name not in local}
    given: list[dict[str, str]] = []

    def of_compose(*arguments: Any) -> dict[str, str]:
        given.append(environment_of(*arguments) | compose)
        return given[-1]

    monkeypatch.setattr("server.local_server.environment_of", of_compose)
    server = LocalServer(plan(tmp_path))
    try:
        assert server.start().url
        assert given and compose.items() <= given[-1].items()
    finally:
        server.stop()


def test_the_node_keeps_its_name_and_its_data() -> None:
    """The name is the node's identity in raft; what it writes lies in volumes that outlive the container."""
    environment = WEAVIATE["environment"]
    assert environment["CLUSTER_HOSTNAME"] == "loupe"
    mounts = dict(volume.split(":") for volume in WEAVIATE["volumes"])
    assert {mounts[name] for name in mounts} == {
        environment["PERSISTENCE_DATA_PATH"],
        environment["BACKUP_FILESYSTEM_PATH"],
    }
    assert mounts.keys() | {"home"} == COMPOSE["volumes"].keys()
    assert "home:/data" in APP["volumes"]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_ports_are_published_on_this_machine_only(name: str) -> None:
    ports = COMPOSE["services"][name]["ports"]
    assert ports
    assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []
    assert COMPOSE["services"][name].get("network_mode") is None


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_service_is_healthy_bounded_and_kept_from_new_privileges(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()
    assert int(service["stop_grace_period"].removesuffix("s")) >= 60
    assert not service.get("privileged")


def test_the_app_waits_for_a_healthy_weaviate() -> None:
    assert APP["depends_on"] == {"weaviate": {"condition": "service_healthy"}}
    assert WEAVIATE["healthcheck"]["test"][-1].endswith("/v1/.well-known/ready")
    assert "/healthz" in APP["healthcheck"]["test"][-1]


def test_the_health_check_of_the_app_is_a_program() -> None:
    _, program, flag, code = APP["healthcheck"]["test"]
    assert (program, flag) == ("python", "-c")
    compile(code, "healthcheck", "exec")


def test_the_images_are_pinned() -> None:
    """Weaviate to a patch release; Python to a minor one on one Debian, so that a new build brings security fixes."""
    assert re.fullmatch(r"[\w./-]+/weaviate:\d+\.\d+\.\d+", WEAVIATE["image"])
    assert of_docker("FROM") == ["python:3.12-slim-trixie"]


def test_the_app_can_change_nothing_but_its_home() -> None:
    photos = APP["volumes"][1]
    assert APP["read_only"] is True
    assert APP["cap_drop"] == ["ALL"]
    assert (photos["target"], photos["read_only"]) == ("/photos", True)
    assert [mount.split(":")[0] for mount in APP["tmpfs"]] == ["/tmp"]


def test_what_must_be_set_says_so_in_a_sentence() -> None:
    text = (PROJECT / "docker-compose.yml").read_text()
    required = dict(re.findall(r"\$\{([A-Z_]+):\?([^}]*)\}", text))
    assert required.keys() == {"WEAVIATE_API_KEY", "LOUPE_PHOTOS"}
    assert all(sentence.startswith(f"Set {name} in .env") for name, sentence in required.items())


def test_what_compose_reads_from_env_is_in_the_example() -> None:
    example = set(re.findall(r"^#?([A-Z0-9_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert variables((PROJECT / "docker-compose.yml").read_text()) <= example


def test_the_ports_of_compose_default_to_those_of_the_settings() -> None:
    text = (PROJECT / "docker-compose.yml").read_text()
    defaults = dict(re.findall(r"\$\{(\w+):-(\d+)\}", text))
    fields = Settings.model_fields
    assert defaults.pop("LOUPE_APP_PORT") == "8501"
    assert defaults == {
        name: str(fields[name.lower()].default) for name in ("LOUPE_WEAVIATE_PORT", "LOUPE_WEAVIATE_GRPC_PORT")
    }


def test_the_app_is_given_settings_that_exist_and_reach_weaviate() -> None:
    environment = APP["environment"]
    assert {name.lower() for name in environment} <= Settings.model_fields.keys()
    values = {name.lower(): value for name, value in environment.items() if "${" not in value}
    settings = Settings(_env_file=None, **values)
    assert settings.weaviate_url == "http://weaviate:8080"
    assert (settings.weaviate_grpc_host, settings.weaviate_grpc_port) == ("weaviate", 50051)
    assert settings.loupe_home == Path("/data")
    for name in ("AUTHENTICATION_APIKEY_ALLOWED_KEYS", "CLUSTER_BASIC_AUTH_PASSWORD"):
        assert environment["WEAVIATE_API_KEY"] == WEAVIATE["environment"][name]


def test_the_image_runs_as_nobody_s_superuser() -> None:
    user = of_docker("USER")[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert f"--uid {user.split(':')[0]} " in " ".join(of_docker("RUN"))
    assert [instruction for instruction, _ in DOCKERFILE].index("USER") > [i for i, _ in DOCKERFILE].index("COPY")
    assert APP.get("user", user) == user


def test_the_packages_are_a_layer_before_the_code() -> None:
    assert [shlex.split(arguments)[-2:] for arguments in of_docker("COPY")] == [["requirements.txt", "."], [".", "."]]


def test_the_command_needs_no_shell_and_listens_in_the_container_only() -> None:
    command = json.loads(of_docker("CMD")[-1])
    assert command[:3] == ["streamlit", "run", "app.py"]
    assert {"--server.address=0.0.0.0", "--server.port=8501", "--server.fileWatcherType=none"} <= set(command)
    assert of_docker("EXPOSE") == ["8501"]
    config = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"


def test_the_image_holds_every_file_that_the_app_needs() -> None:
    needed = app_files()
    assert {"app.py", "settings.py", "samples", "encoder", "ingest"} <= {path.parts[0] for path in needed}
    assert sorted(str(path) for path in needed if not in_context(path)) == []


def test_the_image_holds_nothing_that_does_not_run() -> None:
    """Above all no .env: images travel."""
    top = {path.parts[0] for path in app_files()} | {"LICENSE", "NOTICE"}
    listed = re.findall(r"^!(.+)$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(listed) == top
    for name in (
        ".env",
        ".git/config",
        "tests/conftest.py",
        "app_pages/.env",
        "ingest/__pycache__/a.pyc",
        ".streamlit/secrets.toml",
    ):
        assert not in_context(PurePosixPath(name)), name
