"""What can be set for a 腾讯电子签 source under `options:`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.connectors.source_options import PerSource, checked_options
from hub.connectors.tencent_esign.crypto import KEY_BYTES
from hub.errors import ConfigError
from hub.settings import secrets_from_environment


class TencentEsignOptions(BaseModel):
    """Options of one 腾讯电子签 source; an unknown one is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    callback_key_env: str = Field(
        default="",
        description="environment variable with the CallbackUrlKey; several, by comma, while one changes",
    )
    user_data: Literal["plain", "base64"] = Field(
        default="plain", description="how the contract's number stands in UserData"
    )
    ack: str = '{"code":0,"message":"success"}'
    refused_status: int = Field(default=401, ge=400, le=599)


options_of = PerSource(lambda source: checked_options(TencentEsignOptions, source))
"""The options of a source, checked: ConfigError if one is unknown or has a wrong value."""


def keys_of(options: TencentEsignOptions) -> tuple[bytes, ...]:
    """The keys that callbacks may be encrypted under; none where they come in clear.

    Raises:
        ConfigError: the variable is empty, or a key has another length; names the variable.
    """
    if not options.callback_key_env:
        return ()
    keys = secrets_from_environment(options.callback_key_env)
    if not keys:
        raise ConfigError(f"set the environment variable {options.callback_key_env}")
    if any(len(key) != KEY_BYTES for key in keys):
        raise ConfigError(
            f"{options.callback_key_env}: a CallbackUrlKey has {KEY_BYTES} characters"
        )
    return keys
