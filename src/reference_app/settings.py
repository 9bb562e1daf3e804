"""What the deployment sets from outside: environment variables, or a `.env` file in the working directory."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from dotenv import load_dotenv
from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ("Settings", "load_settings")

_BROKERS = ("redis", "rediss", "unix", "embedded")
_HIDDEN = ("redis_url",)


def _broker_url(url: SecretStr) -> SecretStr:
    if urlsplit(url.get_secret_value()).scheme not in _BROKERS:
        raise ValueError(f"a URL that begins with {', '.join(f'{scheme}://' for scheme in _BROKERS)}")
    return url


def _password_file(path: Path | None, info: ValidationInfo) -> Path | None:
    if path is None:
        return None
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ValueError(f"a file that can be read ({reason})") from error
    if not password or "\n" in password:
        raise ValueError("a file that holds the password in one line")
    url = info.data.get("redis_url")
    if url is not None:
        parts = urlsplit(url.get_secret_value())
        if parts.password is not None or parts.scheme not in {"redis", "rediss"}:
            raise ValueError("set only with a REDIS_URL that begins with redis:// or rediss:// and has no password")
    return path


def _trace_url(template: str) -> str:
    if template and (not template.startswith(("http://", "https://")) or "{trace_id}" not in template):
        raise ValueError("an http:// or https:// URL that has {trace_id} in it, or nothing")
    return template


class Settings(BaseSettings):
    """The settings; each is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    redis_url: Annotated[SecretStr, AfterValidator(_broker_url)] = SecretStr("redis://localhost:6379/0")
    """The broker of the queues, which keeps the reports too."""
    redis_password_file: Annotated[Path | None, AfterValidator(_password_file)] = None
    """A file that holds the broker's password, which is not in the URL then."""
    max_upload_bytes: int = Field(default=20 * 1024 * 1024, ge=1, le=256 * 1024 * 1024)
    """The largest file that is taken."""
    max_columns: int = Field(default=1000, ge=1, le=10_000)
    """The most columns that are taken; each is a job."""
    report_ttl_s: int = Field(default=86_400, ge=60, le=365 * 86_400)
    """How long a report is kept, from its upload."""
    trace_url: Annotated[str, AfterValidator(_trace_url)] = ""
    """Where the page's link to a trace leads; `{trace_id}` stands for the trace. Empty: no link."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least level that is logged."""
    shutdown_grace_s: int = Field(default=20, ge=0, le=3600)
    """How long a stopping worker lets its jobs run on."""
    reports_concurrency: int = Field(default=2, ge=1, le=100)
    """How many jobs of the queue `reports` a worker runs at once."""
    analysis_concurrency: int = Field(default=4, ge=1, le=100)
    """How many jobs of the queue `analysis` a worker runs at once."""
    maintenance_concurrency: int = Field(default=2, ge=1, le=100)
    """How many jobs of the queue `maintenance` a worker runs at once."""
    ready_timeout_s: float = Field(default=2.0, gt=0, le=60)
    """How long `/health/ready` waits for the broker."""
    health_dir: Path | None = None
    """The folder in which workers tell that they live, for `python -m litestar_saq.health`. None: they do not."""

    @property
    def broker_url(self) -> SecretStr:
        """The broker's URL, with the password of the file where there is one."""
        if self.redis_password_file is None:
            return self.redis_url
        parts = urlsplit(self.redis_url.get_secret_value())
        password = quote(self.redis_password_file.read_text(encoding="utf-8").strip(), safe="")
        user, _, host = parts.netloc.rpartition("@")
        return SecretStr(parts._replace(netloc=f"{user}:{password}@{host}").geturl())


def load_settings() -> Settings:
    """Return the settings, or end the process with one line on standard error and exit code 1."""
    try:
        # Into the environment, because OpenTelemetry's variables are read from there.
        load_dotenv(Path(".env"))
        return Settings()
    except ValidationError as error:
        sys.exit(f"The settings can't be used: {'; '.join(_sentences(error))}")
    except UnicodeDecodeError:
        sys.exit("The settings can't be used: the file .env is not UTF-8 text")


def _sentences(error: ValidationError) -> list[str]:
    sentences = []
    for problem in error.errors(include_url=False, include_context=False):
        name = str(problem["loc"][0])
        # pydantic's "Input should be a valid integer, unable to parse ..." says the same thing twice.
        accepted = re.sub(r"^(Value error, |Input should be )|, unable to .*", "", problem["msg"])
        value = "not usable" if name in _HIDDEN else repr(problem["input"])
        sentences.append(f"{name.upper()} is {value}, but should be {accepted}")
    return sentences
