"""What can be set for a 法大大 source under `options:`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.connectors.source_options import PerSource, checked_options, https_base


class FadadaOptions(BaseModel):
    """Options of one 法大大 source; an unknown one is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    refused_status: int = Field(default=401, ge=400, le=599)

    # Token and pulls.
    app_id: str = ""
    secret_env: str = Field(default="", description="environment variable with the appSecret")
    api_base: str = "https://api.fadada.com/api/v5"
    detail_path: str = Field(default="/sign-task/get-detail", pattern=r"^/[\w/-]+$")
    owner_id: str = Field(default="", description="openCorpId (openUserId) whose tasks are listed")
    owner_type: Literal["corp", "person"] = "corp"
    owner_role: Literal["initiator", "actor", ""] = "initiator"
    window_days: int = Field(default=30, ge=1, le=360)
    max_pages: int = Field(default=10_000, ge=1)
    open_after_h: int = Field(default=24, ge=0, description="age at which an open task is asked")
    open_every_h: int = Field(default=20, ge=1, description="once in so many hours each")
    calls_per_s: int = Field(default=10, ge=1, le=20, description="of an interface, for one app")
    tries: int = Field(default=4, ge=1)
    retry_budget_s: float = Field(default=60.0, ge=0)
    error_actions: dict[str, str] = Field(default_factory=dict)

    @field_validator("app_id", "owner_id", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        """YAML reads an id as a number."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if whole else value

    @field_validator("api_base")
    @classmethod
    def _base(cls, value: str) -> str:
        return https_base(value)


options_of = PerSource(lambda source: checked_options(FadadaOptions, source))
"""The options of a source, checked: ConfigError if one is unknown or has a wrong value."""
