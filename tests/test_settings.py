"""Settings: what is read from where, what a wrong value says, and that no key is ever shown (row 33 of the matrix)."""

import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from errors import SettingsError
from server.local_server import LocalServer
from settings import PROJECT, Settings, read_settings

KEY = "s3cret-Zx81kQ"
EXAMPLE = PROJECT / ".env.example"
COMPOSE_ONLY = ["LOUPE_PHOTOS", "LOUPE_APP_PORT"]
HOMES = ["LOUPE_HOME", "LOUPE_CACHE"]
NAMES = [name.upper() for name in Settings.model_fields]
WRONG = {
    "LOUPE_HOME": "~nobody-of-this-name/loupe",
    "LOUPE_CACHE": "~nobody-of-this-name/loupe",
    "LOUPE_DEVICE": "tpu",
    "LOUPE_DTYPE": "int8",
    "LOUPE_THREADS": "-1",
    "LOUPE_FALSE_ALARM": "1",
    "LOUPE_BATCH_SIZE": "0",
    "LOUPE_QUESTION_TIMEOUT_S": "0",
    "LOUPE_CACHE_MB": "-1",
    "LOUPE_MAX_MEGAPIXELS": "nan",
    "LOUPE_MAX_FILE_MB": "1e9",
    "LOUPE_MAX_DECODED_MB": "10",
    "LOUPE_MAX_DECODE_S": "0",
    "LOUPE_MAX_UPLOAD_MB": "a lot",
    "LOUPE_REMOTE_FOLDERS": "perhaps",
    "LOUPE_MAX_UPLOAD_DECODED_MB": "nan",
    "LOUPE_WEAVIATE_VERSION": "latest",
    "LOUPE_WEAVIATE_PORT": "http",
    "LOUPE_WEAVIATE_GRPC_PORT": "65536",
    "LOUPE_WEAVIATE_WAIT_S": "0",
    "LOUPE_CLIP_INFERENCE_API": "127.0.0.1:8085",
    "LOUPE_SHARDS": "1.5",
    "LOUPE_REPLICATION": "many",
    "LOUPE_QUANTIZATION": "pq",
    "WEAVIATE_URL": "weaviate:8080",
    "WEAVIATE_API_KEY": f'"{KEY}"',
    "WEAVIATE_GRPC_HOST": "http://weaviate",
    "WEAVIATE_GRPC_PORT": "0",
    "WEAVIATE_PROXY": "socks5://proxy:1080",
}
ANYTHING_GOES = {"LOUPE_ENCODER"}
"""A name that nobody knows is the encoder's to refuse."""


def example_lines() -> list[tuple[str, str]]:
    """(name, value) of each variable in .env.example, in its order."""
    return re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)


def message(values: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What a person is told; also checks that no key is in the traceback that a crash would print."""
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert KEY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    return str(caught.value)


def python(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | variables
    return subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60
    )


def test_every_setting_has_a_wrong_value_here() -> None:
    assert set(WRONG) | ANYTHING_GOES == set(NAMES)


@pytest.mark.parametrize("name", WRONG)
def test_row_33_a_wrong_value_names_its_variable_in_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = message({name: WRONG[name], "WEAVIATE_API_KEY": WRONG["WEAVIATE_API_KEY"]}, monkeypatch).splitlines()[1:]
    assert [line for line in lines if line.startswith(f"  {name}: ") and len(line) > len(name) + 10]
    assert len(lines) == len({name, "WEAVIATE_API_KEY"})


@pytest.mark.parametrize(
    "key", [f'"{KEY}"', f"'{KEY}'", f"{KEY}\n", f"{KEY}\r", f" {KEY}", f"a {KEY}", f"{KEY}\t", f"{KEY}é"]
)
def test_row_33_a_key_that_is_not_one_clean_line_is_refused_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "WEAVIATE_API_KEY: the key holds" in message({"WEAVIATE_API_KEY": key}, monkeypatch)


@pytest.mark.parametrize("line", [f'"{KEY}\\n"', f"\"'{KEY}'\"", f"{KEY}'", f'"{KEY}\n2"'])
def test_row_33_a_spoilt_key_in_the_file_is_refused_and_not_shown(line: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"WEAVIATE_API_KEY={line}\n")
    with pytest.raises(ValueError, match="weaviate_api_key") as caught:
        Settings(_env_file=file)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("line", [KEY, f'"{KEY}"', f"'{KEY}'", f"{KEY}  # of the server", f" {KEY} "])
def test_quotes_and_comments_of_the_file_are_not_part_of_the_key(line: str, tmp_path: Path) -> None:
    """In .env quotes belong to the file's syntax; in the environment they would be part of the value."""
    file = tmp_path / ".env"
    file.write_text(f"WEAVIATE_API_KEY={line}\n")
    assert Settings(_env_file=file).weaviate_api_key.get_secret_value() == KEY


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h",
        "http://",
        "http://h:0",
        "http://h:99999",
        "http://h:port",
        "http://[::1",
        "http://a b",
        "http://h/v1",
        f"http://u:{KEY}@h",
    ],
)
def test_an_address_that_cannot_be_one_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path or a password in the address would be ignored in silence, so they are refused too."""
    assert "WEAVIATE_URL: the address must be" in message({"WEAVIATE_URL": url}, monkeypatch)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "https://weaviate.example.org", "http://[::1]:8080", "HTTP://h"]
)
def test_an_address_may_end_with_a_slash(url: str) -> None:
    assert Settings(_env_file=None, weaviate_url=f"{url}/").weaviate_url == url


def test_row_33_a_key_is_not_in_any_text_of_the_settings() -> None:
    settings = Settings(_env_file=None, weaviate_api_key=SecretStr(KEY))
    assert settings.weaviate_api_key.get_secret_value() == KEY
    assert KEY not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_row_33_a_missing_file_means_the_defaults(tmp_path: Path) -> None:
    assert Settings(_env_file=tmp_path / ".env") == Settings(_env_file=None)


def test_row_33_a_file_in_another_encoding_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"WEAVIATE_API_KEY=\xe4" + KEY.encode())
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    assert message({}, monkeypatch).startswith("The file .env cannot be read")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that not even root can read")
def test_row_33_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.symlink_to("/proc/self/mem")
    monkeypatch.setitem(Settings.model_config, "env_file", file)
    assert message({}, monkeypatch).startswith("The file .env cannot be read")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("LOUPE_THREADS=3\nLOUPE_DEVICE=cuda\n")
    monkeypatch.setenv("LOUPE_DEVICE", "cpu")
    settings = Settings(_env_file=file)
    assert (settings.loupe_threads, settings.loupe_device) == (3, "cpu")


def test_unknown_variables_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` also holds what docker compose reads, and the settings of other versions."""
    file = tmp_path / ".env"
    file.write_text("LOUPE_PHOTOS=/photos\nLOUPE_OF_TOMORROW=1\n")
    monkeypatch.setenv("WEAVIATE_OF_TOMORROW", "1")
    assert Settings(_env_file=file) == Settings(_env_file=None)


def test_an_empty_value_means_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}=\n" for name in NAMES))
    assert Settings(_env_file=file) == Settings(_env_file=None)
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert Settings(_env_file=None) == Settings(_env_file=tmp_path / "none")


def test_folders_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    settings = Settings(_env_file=None, loupe_home=Path("~/loupe"), loupe_cache=Path("cache"))
    assert (settings.loupe_home, settings.loupe_cache) == (tmp_path / "me" / "loupe", tmp_path / "cache")


def test_the_example_names_every_setting_in_order_and_nothing_else() -> None:
    assert [name for name, _ in example_lines()] == [*NAMES, *COMPOSE_ONLY]


def test_every_setting_of_the_example_is_explained() -> None:
    """Each variable stands under a comment, alone or with those of the same paragraph."""
    for paragraph in EXAMPLE.read_text().split("\n\n"):
        if re.search(r"^#?[A-Z_]+=", paragraph, re.MULTILINE):
            assert re.match(r"\n?# [A-Z0-9a-z]", paragraph), paragraph


@pytest.mark.parametrize("name", [name for name in NAMES if name not in HOMES])
def test_the_example_shows_the_default(name: str) -> None:
    default = Settings.model_fields[name.lower()].default
    text = default.get_secret_value() if isinstance(default, SecretStr) else str(default)
    assert dict(example_lines())[name] == (text.lower() if isinstance(default, bool) else text)


def test_the_example_switched_on_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^#(?=[A-Z_]+=)", "", EXAMPLE.read_text(), flags=re.MULTILINE))
    assert "\nLOUPE_THREADS=0\n" in file.read_text()
    assert Settings(_env_file=file) == Settings(_env_file=None)


def test_row_33_the_example_sets_nothing_and_holds_no_secret() -> None:
    values = dict(example_lines())
    assert values["WEAVIATE_API_KEY"] == ""
    assert [values[name] for name in HOMES] == ["", ""]
    assert all(not line or line.startswith("#") for line in EXAMPLE.read_text().splitlines())


def test_row_33_the_file_with_the_keys_is_git_ignored() -> None:
    lines = (PROJECT / ".gitignore").read_text().splitlines()
    assert ".env" in lines
    assert not any(line.startswith("!") for line in lines)


def test_row_33_a_command_ends_with_2_and_one_sentence_for_a_wrong_setting(tmp_path: Path) -> None:
    result = python(
        "-m", "server", "status", LOUPE_WEAVIATE_PORT="eighty", WEAVIATE_API_KEY=f'"{KEY}"', LOUPE_HOME=str(tmp_path)
    )
    assert result.returncode == 2, result
    assert "LOUPE_WEAVIATE_PORT: " in result.stderr
    assert "WEAVIATE_API_KEY: " in result.stderr
    assert "Traceback" not in result.stderr
    assert KEY not in result.stderr + result.stdout


def test_row_33_a_server_that_does_not_answer_does_not_bring_the_key_out(tmp_path: Path) -> None:
    result = python(
        "-m", "server", "status", WEAVIATE_URL="http://127.0.0.1:9", WEAVIATE_API_KEY=KEY, LOUPE_HOME=str(tmp_path)
    )
    assert result.returncode == 3, result
    assert "http://127.0.0.1:9" in result.stdout
    assert "Traceback" not in result.stderr
    assert KEY not in result.stderr + result.stdout


def test_row_33_a_wrong_key_is_refused_without_being_shown(server: LocalServer, tmp_path: Path) -> None:
    """A real Weaviate refuses the key; neither the error nor the server's log holds that key or the right one."""
    running = server.running()
    assert running is not None
    result = python(
        *("-m", "server", "status"),
        WEAVIATE_URL=running.url,
        WEAVIATE_GRPC_PORT=str(running.grpc_port),
        WEAVIATE_API_KEY=KEY,
        LOUPE_HOME=str(tmp_path),
    )
    said = result.stdout + result.stderr + server.log_file.read_text()
    assert result.returncode == 3, result
    assert "WEAVIATE_API_KEY" in result.stdout
    assert KEY not in said
    assert server.api_key() not in said
