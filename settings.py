"""The only reader of the environment and of `.env` (invariant I6). Entry points read it and hand values on."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from errors import SettingsError

PROJECT = Path(__file__).resolve().parent
Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """Every setting with its default; `.env.example` documents each (a test holds the two together)."""

    model_config = SettingsConfigDict(
        env_file=PROJECT / ".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, frozen=True
    )

    loupe_home: Path = Field(default_factory=lambda: user_data_path("loupe"))
    loupe_cache: Path = Field(default_factory=lambda: user_cache_path("loupe"))

    loupe_encoder: str = "specialists"
    loupe_device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    loupe_dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    loupe_threads: Annotated[int, Field(ge=0, le=256)] = 0
    loupe_batch_size: Annotated[int, Field(ge=1, le=1024)] = 32

    loupe_false_alarm: Annotated[float, Field(gt=0, lt=1)] = 0.01
    loupe_question_timeout_s: Annotated[float, Field(ge=1, le=600)] = 10
    loupe_cache_mb: Annotated[float, Field(ge=0, le=100_000)] = 256

    loupe_max_megapixels: Annotated[float, Field(gt=0, le=1000)] = 150
    loupe_max_file_mb: Annotated[float, Field(gt=0, le=4096)] = 512
    loupe_max_decoded_mb: Annotated[float, Field(ge=100, le=1_000_000)] = 1500
    loupe_max_decode_s: Annotated[float, Field(gt=0, le=3600)] = 5
    loupe_max_upload_mb: Annotated[float, Field(gt=0, le=1024)] = 20
    loupe_max_upload_decoded_mb: Annotated[float, Field(ge=100, le=1_000_000)] = 600

    loupe_remote_folders: bool = False

    loupe_weaviate_version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = "1.35.2"
    loupe_weaviate_port: Port = 8080
    loupe_weaviate_grpc_port: Port = 50051
    loupe_weaviate_wait_s: Annotated[float, Field(ge=1, le=3600)] = 180
    loupe_clip_inference_api: str = "http://127.0.0.1:8085"
    loupe_shards: Annotated[int, Field(ge=1, le=1024)] = 1
    loupe_replication: Annotated[int, Field(ge=1, le=99)] = 1
    loupe_quantization: Literal["none", "rq8"] = "none"

    weaviate_url: str = ""
    weaviate_api_key: SecretStr = SecretStr("")
    weaviate_grpc_host: str = ""
    weaviate_grpc_port: Port = 50051
    weaviate_proxy: SecretStr = SecretStr("")

    @field_validator("weaviate_api_key")
    @classmethod
    def _one_clean_line(cls, key: SecretStr) -> SecretStr:
        if not all("!" <= c <= "~" and c not in "\"'" for c in key.get_secret_value()):  # it travels in an HTTP header
            raise ValueError(
                "the key holds quotes, spaces, a line break or letters outside ASCII; write it bare, on one line"
            )
        return key

    @field_validator("weaviate_url", "loupe_clip_inference_api")
    @classmethod
    def _http_address(cls, url: str) -> str:
        if url and not _is_http_address(url):
            raise ValueError(
                "the address must be http:// or https:// with a host and perhaps a port, for example http://127.0.0.1:8080"
            )
        return url.rstrip("/")

    @field_validator("weaviate_proxy")
    @classmethod
    def _plain_proxy(cls, proxy: SecretStr) -> SecretStr:
        parts = urlsplit(proxy.get_secret_value())
        if any((parts.scheme, parts.netloc, parts.path)) and not (parts.scheme == "http" and parts.hostname):
            raise ValueError(
                "the proxy must be http:// with a host and a port, for example http://proxy.example.org:3128"
            )
        return proxy

    @field_validator("weaviate_grpc_host")
    @classmethod
    def _bare_host(cls, host: str) -> str:
        if any(c == "/" or c.isspace() for c in host):
            raise ValueError("a bare host name or IP address is needed, for example 127.0.0.1")
        return host

    @field_validator("loupe_home", "loupe_cache")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        try:
            return path.expanduser().resolve()
        except RuntimeError:  # nobody's home folder is known (no HOME), a loop of links
            raise ValueError(f"the folder {path} cannot be found; write its whole path") from None
        except (OSError, ValueError) as error:  # no current folder any more, a NUL in the name
            raise ValueError(f"the folder {path} cannot be found ({error}); write its whole path") from None


def _is_http_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username or parts.password)
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and port != 0
        and bare
        and not any(map(str.isspace, url))
    )


def read_settings() -> Settings:
    """The settings of this process; raises SettingsError with one sentence for each variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise SettingsError(
            "These settings cannot be used (environment or .env; .env.example explains them):\n  " + "\n  ".join(lines)
        ) from None
    except RuntimeError as error:
        raise SettingsError(f"LOUPE_HOME and LOUPE_CACHE have no default here: {error}. Set both, or HOME.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The file .env cannot be read ({type(error).__name__}). Save it as UTF-8 text that you may read."
        ) from None
