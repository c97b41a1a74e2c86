"""What can be set for a source under `options:`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.connectors.source_options import PerSource, checked_options, https_base
from hub.settings import secrets_from_environment


class YonbipOptions(BaseModel):
    """Options of one source; an unknown one is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    app_key: str = ""
    secret_env: str = Field(
        default="", description="variable with the AppSecret; several, by comma"
    )
    ack: Literal["encrypted", "plain"] = "encrypted"
    refused_status: int = Field(default=401, ge=400, le=599)

    # Token.
    tenant_id: str = ""
    gateway: str = Field(
        default="https://apigateway.yonyoucloud.com",
        description="where a tenant's own is asked for",
    )

    @field_validator("gateway")
    @classmethod
    def _gateway(cls, value: str) -> str:
        return https_base(value)


options_of = PerSource(lambda source: checked_options(YonbipOptions, source))
"""The options of a source, checked: ConfigError if one is unknown or has a wrong value."""


def secrets_of(options: YonbipOptions) -> tuple[str, ...]:
    """Every AppSecret that is valid now."""
    return tuple(secret.decode() for secret in secrets_from_environment(options.secret_env))
