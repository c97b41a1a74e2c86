"""What can be set for a WeCom source under `options:`; each LIKELY or UNKNOWN of the notes is one of these."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.connectors.source_options import PerSource, checked_options, https_base
from hub.connectors.wecom.crypto import CryptoError, aes_key
from hub.errors import ConfigError
from hub.settings import secrets_from_environment

_MEMBER = re.compile(r"[^\s|]{1,64}")


class WecomOptions(BaseModel):
    """Options of one WeCom source; an unknown one is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    corp_id: str = ""

    # Callbacks.
    aes_key_env: str = Field(
        default="",
        description="environment variable with the EncodingAESKey; several, by comma, while one changes",
    )
    receivers: tuple[str, ...] = Field(
        default=(), description="ids that a callback may be for; none: the corp's own"
    )
    refused_status: int = Field(default=401, ge=400, le=599)
    domain_file: str = Field(
        default="",
        pattern=r"^(WW_verify_\w+\.txt)?$",
        description="served by the proxy at the root of public_url; `hub doctor` asks for it",
    )

    # Token.
    secret_env: str = Field(default="", description="environment variable of the app's Secret")
    api_base: str = "https://qyapi.weixin.qq.com"

    # Pulls and the resolve stage.
    members: tuple[str, ...] = Field(
        default=(), description="userids whose customers are pulled; none: all that the app sees"
    )
    max_pages: int = Field(default=10_000, ge=1)
    at_once: int = Field(default=8, ge=1, le=50, description="customers asked about at a time")

    # Limits and retries: our share of what the corp has (10,000 a minute, 150,000 an hour, by API).
    calls_per_minute: int = Field(default=2_000, ge=1, le=10_000)
    calls_per_hour: int = Field(default=30_000, ge=1, le=150_000)
    blocked_s: float = Field(default=60.0, gt=0, description="after 45009: 60 s, 3600 s or longer")
    tries: int = Field(default=4, ge=1)
    retry_budget_s: float = Field(
        default=45.0, ge=0, description="less than blocked_s: no waiting there"
    )
    error_actions: dict[int, str] = Field(default_factory=dict)

    @field_validator("api_base")
    @classmethod
    def _base(cls, value: str) -> str:
        return https_base(value)

    @field_validator("members")
    @classmethod
    def _members(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_MEMBER.fullmatch(member) for member in value):
            raise ValueError("userids of at most 64 characters without blanks")
        return value


options_of = PerSource(lambda source: checked_options(WecomOptions, source))
"""The options of a source, checked: ConfigError if one is unknown or has a wrong value."""


def receivers_of(options: WecomOptions) -> frozenset[str]:
    """The ids that a callback may be for.

    Raises:
        ConfigError: neither `receivers` nor `corp_id` is set.
    """
    found = options.receivers or ((options.corp_id,) if options.corp_id else ())
    if not found:
        raise ConfigError("set options.corp_id of the wecom source")
    return frozenset(found)


def aes_keys_of(options: WecomOptions) -> tuple[bytes, ...]:
    """The keys that callbacks may be encrypted under.

    Raises:
        ConfigError: none is set, or one is no EncodingAESKey; names the variable.
    """
    if not options.aes_key_env:
        raise ConfigError("set options.aes_key_env of the wecom source")
    texts = secrets_from_environment(options.aes_key_env)
    if not texts:
        raise ConfigError(f"set the environment variable {options.aes_key_env} (EncodingAESKey)")
    try:
        return tuple(aes_key(text.decode()) for text in texts)
    except (CryptoError, UnicodeDecodeError):
        raise ConfigError(f"{options.aes_key_env}: an EncodingAESKey has 43 characters") from None
