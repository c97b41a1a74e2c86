"""What can be set for a call centre under `options:`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hub.connectors.call400.profiles import PROFILES
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


_CACHE_SIZE = 256
# Every delivery needs its source's options, and settings live as long as the process: the settings
# are kept beside them, so that an id cannot come to mean other settings.
_cache: dict[int, tuple[SourceSettings, CallOptions]] = {}


def options_of(source: SourceSettings) -> CallOptions:
    """The options of a source, checked.

    Raises:
        ConfigError: an option is unknown or has a wrong value, or `push` names no profile.
    """
    known = _cache.get(id(source))
    if known is not None and known[0] is source:
        return known[1]
    options = _checked(source)
    if len(_cache) >= _CACHE_SIZE:
        _cache.clear()
    _cache[id(source)] = (source, options)
    return options


def _checked(source: SourceSettings) -> CallOptions:
    if source.push is not None and source.push not in PROFILES:
        known = ", ".join(PROFILES)
        raise ConfigError(f"push {source.push!r} of a call400 source: choose from {known}")
    try:
        return CallOptions.model_validate(dict(source.options))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"options.{where} of a call400 source: {first['msg']}") from None
