"""`options:` of a source: checked once against a connector's model, remembered while the settings live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from hub.errors import ConfigError
from hub.settings import SourceSettings, secrets_from_environment

_KEPT = 256

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)


class PerSource(Generic[T]):
    """What `make` gives for a source, made once.

    Settings are read once and live as long as the process, yet every delivery needs its options: the
    settings are kept beside them, so that an id cannot come to mean other settings.
    """

    def __init__(self, make: Callable[[SourceSettings], T]) -> None:
        self._make = make
        self._known: dict[int, tuple[SourceSettings, T]] = {}

    def __call__(self, source: SourceSettings) -> T:
        """What belongs to a source; raises what `make` raises."""
        known = self._known.get(id(source))
        if known is not None and known[0] is source:
            return known[1]
        made = self._make(source)
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[id(source)] = (source, made)
        return made


def checked_options(model: type[Model], source: SourceSettings) -> Model:
    """The options of a source as the connector's model.

    Raises:
        ConfigError: an option is unknown or has a wrong value; names it.
    """
    try:
        return model.model_validate(dict(source.options))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"options.{where} of a {source.platform} source: {first['msg']}"
        ) from None


def https_base(value: str) -> str:
    """An address without its last slash, for a validator of options.

    Raises:
        ValueError: it is none, or plain http to another machine.
    """
    if not value.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise ValueError("must be https (plain http only on this machine)")
    return value.rstrip("/")


def require_option(value: str, name: str, platform: str) -> str:
    """The value of an option that talking to the platform needs.

    Raises:
        ConfigError: it is not set.
    """
    if not value:
        raise ConfigError(f"set options.{name} of the {platform} source before authorising it")
    return value


def application_secret(app_id: str, secret_env: str, platform: str) -> str:
    """The secret of the application at the platform, from the environment variable that the options name.

    Raises:
        ConfigError: `app_id` or `secret_env` is not set, or the variable is empty; says which.
    """
    require_option(app_id, "app_id", platform)
    require_option(secret_env, "secret_env", platform)
    secrets = secrets_from_environment(secret_env)
    if not secrets:
        raise ConfigError(f"set the environment variable {secret_env} (application secret)")
    return secrets[0].decode()
