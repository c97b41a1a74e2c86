"""What can be set for a call centre under `options:`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.connectors.call400.profiles import PROFILES
from hub.connectors.source_options import PerSource, checked_options
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
