"""What is set for the load: environment variables that begin with `LOAD_`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ("LoadSettings",)


class LoadSettings(BaseSettings):
    """The settings; each is the environment variable of the same name in capitals, after `LOAD_`."""

    model_config = SettingsConfigDict(env_prefix="LOAD_", env_ignore_empty=True)

    rate: float = Field(default=5.0, gt=0, le=1000)
    """How many jobs and files are sent in a second."""
    api_url: str = Field(default="http://127.0.0.1:8000", pattern="^https?://")
    """Where the API is."""
    rows: int = Field(default=2000, ge=1, le=100_000)
    """How many rows a file has at most."""
