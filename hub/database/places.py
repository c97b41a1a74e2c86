"""Where an embedded server keeps its things, and whether those folders can be trusted."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hub.database.binaries import program_folder
from hub.database.runner import Runner, find_runner, unprivileged_user
from hub.errors import ConfigError

SOCKET_NAME = ".s.PGSQL.5432"
# sun_path has 108 bytes on Linux and 104 on macOS, the closing NUL among them.
_LONGEST_SOCKET_PATH = 103
_ELSEWHERE = Path("/var/lib/lead-hub")


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one hub's server, made and checked.

    `locks` is always under the hub's home; `data`, `sockets` and `log` lie beside it, unless PostgreSQL has to
    run as a user that cannot reach the home.
    """

    locks: Path
    data: Path
    sockets: Path
    log: Path
    runner: Runner


def prepare_places(home: Path) -> Places:
    """The folders of the hub at `home`, made if need be; nobody else's mode is ever changed.

    Raises:
        ConfigError: a folder is not ours or open to others, or PostgreSQL can run nowhere here.
    """
    home = _own_home(home)
    pg = private_folder(home / "pg")
    base, runner = _base(pg)
    sockets = _socket_folder(base)
    for folder in (base, sockets):
        private_folder(folder, runner)
    return Places(pg, base / "data", sockets, base / "postgres.log", runner)


def private_folder(folder: Path, runner: Runner | None = None) -> Path:
    """`folder`, made 0700 if it is not there, for who runs PostgreSQL.

    Raises:
        ConfigError: it is there and belongs to somebody else or is open to others.
    """
    owner = runner.user[0] if runner and runner.user else os.geteuid()
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        _refuse_open(folder, owner, stat.S_IRWXG | stat.S_IRWXO)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made ({error.strerror})") from error
    else:
        if runner:
            runner.give(folder)
    return folder


def _own_home(home: Path) -> Path:
    try:
        home.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        _refuse_open(home, os.geteuid(), stat.S_IWOTH)
    except OSError as error:
        raise ConfigError(f"HUB_HOME {home}: cannot be made ({error.strerror})") from error
    return home.resolve()


def _refuse_open(folder: Path, owner: int, forbidden: int) -> None:
    found = folder.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"{folder}: not a folder")
    if found.st_uid != owner:
        raise ConfigError(f"{folder}: belongs to another user (uid {found.st_uid}); set HUB_HOME")
    if found.st_mode & forbidden:
        closed = "go-rwx" if forbidden & stat.S_IRWXG else "o-w"
        raise ConfigError(
            f"{folder}: open to other users; run `chmod {closed}` on it or set HUB_HOME"
        )


def _base(pg: Path) -> tuple[Path, Runner]:
    """Under the home if PostgreSQL can write there as we run it, else apart, as an unprivileged user."""
    runner = find_runner(pg)
    if runner is not None:
        return pg, runner
    if (pg / "data").exists():
        raise ConfigError(
            f"{pg}: made where user namespaces were allowed; allow them or set HUB_DATABASE_URL"
        )
    runner = _unprivileged_runner()
    return _ELSEWHERE / _mark(pg), runner


def _unprivileged_runner() -> Runner:
    """PostgreSQL as an unprivileged user, from a copy of its programs if it cannot reach the installed ones."""
    programs, user = program_folder(), unprivileged_user()
    try:
        _ELSEWHERE.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{_ELSEWHERE}: cannot be made ({error.strerror}); set HUB_DATABASE_URL"
        ) from error
    installed = Runner(programs, user=user)
    return installed if installed.can_use(Path("/tmp")) else Runner(_copy(programs), user=user)  # noqa: S108 -- probed, not written


def _copy(programs: Path) -> Path:
    """A copy of the wheel's programs and libraries that every user can run."""
    package = programs.parent.parent
    copy = _ELSEWHERE / f"programs-{_mark(package)}"
    if not copy.exists():
        with tempfile.TemporaryDirectory(dir=_ELSEWHERE) as scratch:
            made = Path(scratch) / "copy"
            for part in (package, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, made / part.name, symlinks=True)
            made.rename(copy)
    return copy / package.name / "pginstall" / "bin"


def _socket_folder(base: Path) -> Path:
    """`base/socket`, or a folder with a short path if that would be too long for a socket."""
    folder = base / "socket"
    if len(os.fsencode(folder / SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
        return folder
    name = f"lead-hub-{os.geteuid()}-{_mark(base)}"
    for place in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 -- a folder of ours, 0700, is made in it
        if len(os.fsencode(place / name / SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
            return place / name
    raise ConfigError(f"{base}: path too long for a socket; set HUB_HOME to a shorter one")


def _mark(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
