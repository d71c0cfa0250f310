"""The only reader of the environment and of `.env` (invariant I6). Entry points read it and hand values on."""

from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent
Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(Exception):
    """A setting cannot be used; the message names the variable, never a secret's value. Entry points exit with 2."""


class Settings(BaseSettings):
    """Every setting with its default; `.env.example` documents each (a test holds the two together)."""

    model_config = SettingsConfigDict(
        env_file=PROJECT / ".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, frozen=True
    )

    loupe_home: Path = user_data_path("loupe")
    loupe_cache: Path = user_cache_path("loupe")

    loupe_encoder: str = "specialists"
    loupe_device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    loupe_dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    loupe_threads: Annotated[int, Field(ge=0, le=256)] = 0
    loupe_batch_size: Annotated[int, Field(ge=1, le=1024)] = 32

    loupe_max_megapixels: Annotated[float, Field(gt=0, le=1000)] = 150
    loupe_max_file_mb: Annotated[float, Field(gt=0, le=4096)] = 512
    loupe_max_upload_mb: Annotated[float, Field(gt=0, le=1024)] = 20

    loupe_weaviate_version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = "1.35.2"
    loupe_weaviate_port: Port = 8080
    loupe_weaviate_grpc_port: Port = 50051
    loupe_weaviate_wait_s: Annotated[float, Field(ge=1, le=3600)] = 120
    loupe_clip_inference_api: str = "http://127.0.0.1:8085"
    loupe_shards: Annotated[int, Field(ge=1, le=1024)] = 1
    loupe_replication: Annotated[int, Field(ge=1, le=99)] = 1
    loupe_quantization: Literal["none", "rq8"] = "none"

    weaviate_url: str = ""
    weaviate_api_key: SecretStr = SecretStr("")
    weaviate_grpc_host: str = ""
    weaviate_grpc_port: Port = 50051

    @field_validator("weaviate_api_key")
    @classmethod
    def _one_clean_line(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if text != text.strip() or any(c in text for c in "\r\n\t\"'"):
            raise ValueError("the key holds quotes, spaces or a line break; write it bare, on one line")
        return key

    @field_validator("weaviate_url")
    @classmethod
    def _http_address(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("the address must start with http:// or https://, for example http://127.0.0.1:8080")
        return url.rstrip("/")

    @field_validator("loupe_home", "loupe_cache")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().resolve()


def read_settings() -> Settings:
    """The settings of this process; raises SettingsError with one sentence for each variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise SettingsError(
            "These settings cannot be used (environment or .env; .env.example explains them):\n  " + "\n  ".join(lines)
        ) from None
