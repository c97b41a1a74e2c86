"""The access key that signs our own calls: a key id and a secret, both from the environment."""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.errors import ConfigError
from hub.settings import secrets_from_environment


@dataclass(frozen=True, slots=True)
class Credentials:
    """SecretId and SecretKey of 腾讯云, or AccessKeyId and secret of clink; the secret never shows."""

    key_id: str
    secret: str = field(repr=False)


def credentials_of(key_id_env: str, secret_env: str) -> Credentials:
    """The access key in two environment variables.

    Raises:
        ConfigError: the options do not name them, or one is empty; says which.
    """
    return Credentials(
        _from_environment(key_id_env, "key_id_env"), _from_environment(secret_env, "secret_env")
    )


def _from_environment(variable: str, option: str) -> str:
    if not variable:
        raise ConfigError(f"set options.{option} of the call400 source before pulling it")
    values = secrets_from_environment(variable)
    if not values:
        raise ConfigError(f"set the environment variable {variable} (options.{option})")
    return values[0].decode()
