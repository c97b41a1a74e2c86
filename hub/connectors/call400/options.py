"""What can be set for a call centre under `options:`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.connectors.call400.profiles import PROFILES
from hub.connectors.source_options import PerSource, checked_options, https_base
from hub.errors import ConfigError
from hub.settings import SourceSettings


class CallOptions(BaseModel):
    """Options of one source; an unknown one is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[str, str] = Field(
        default_factory=dict,
        description="parameter of your own template → the vendor's default name",
    )
    drop_fields: tuple[str, ...] = Field(
        default=(), description="constants of the template that are no part of the call"
    )
    lines: tuple[str, ...] = Field(
        default=(), description="our own numbers; a call to another one is held as suspect"
    )
    ack: str | None = Field(default=None, description="answer of success, if not the profile's")
    refusal: str | None = None
    refused_status: int = Field(default=401, ge=400, le=599)

    # Pulls. The access key stands in two environment variables.
    key_id_env: str = Field(default="", description="SecretId of 腾讯云, AccessKeyId of clink")
    secret_env: str = Field(default="", description="SecretKey, or the access key's secret")
    api_base: str = Field(default="", description="TCCC: its own if empty; clink: must be set")
    sdk_app_id: str = Field(default="", description="TCCC: `account` if empty")
    window_days: int = Field(default=7, ge=1, le=28)
    settle_s: int = Field(default=7200, ge=0, description="a call is listed once it is over")
    calls_per_s: int = Field(default=5, ge=1, le=20)
    max_pages: int = Field(default=10_000, ge=1)
    tries: int = Field(default=5, ge=1)
    retry_budget_s: float = Field(default=120.0, ge=0)
    clink_path: str = Field(default="list_cdr_ibs", pattern=r"^[a-z_]+(/[a-z_]+)*$")
    clink_slash: bool = Field(default=True, description="send /path/?, as the vendor's SDK does")
    clink_expires_s: int = Field(default=600, ge=1, le=86_400)
    clink_hidden_type: int | None = Field(default=None, ge=0, le=4)

    @field_validator("sdk_app_id", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        """YAML reads an id as a number."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if whole else value

    @field_validator("api_base")
    @classmethod
    def _base(cls, value: str) -> str:
        return https_base(value) if value else ""

    @field_validator("lines", mode="before")
    @classmethod
    def _lines(cls, value: object) -> object:
        """YAML reads a number as a number; either is fine. A list or one."""
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(digits(str(item)) for item in items)


def digits(number: str) -> str:
    """The digits of a number, without the marks that people put between them."""
    return "".join(filter(str.isdecimal, number))


def _checked(source: SourceSettings) -> CallOptions:
    if source.push is not None and source.push not in PROFILES:
        known = ", ".join(PROFILES)
        raise ConfigError(f"push {source.push!r} of a call400 source: choose from {known}")
    return checked_options(CallOptions, source)


options_of = PerSource(_checked)
"""The options of a source, checked: ConfigError also if `push` names no profile."""
