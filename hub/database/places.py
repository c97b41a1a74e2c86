"""Where an embedded server keeps its things, and whether those folders can be trusted."""

from __future__ import annotations

import hashlib
import os
import re
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
_PLAIN = re.compile(r"[\w./+-]+", re.ASCII)
_ELSEWHERE = Path("/var/lib/lead-hub")


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one hub's server, made and checked.

    `locks` is under the hub's home; `data`, `sockets` and `log` lie beside it, unless PostgreSQL
    has to run as a user that cannot reach the home.
    """

    locks: Path
    data: Path
    sockets: Path
    log: Path
    runner: Runner


def prepare_places(home: Path) -> Places:
    """The folders of the hub at `home`, made if need be; the mode of one that exists is left alone.

    Raises:
        ConfigError: a folder is not ours or open to others, or PostgreSQL can run nowhere here.
    """
    home = own_home(home)
    locks = private_folder(home / "locks")
    base, runner = _base(home)
    sockets = private_folder(_socket_folder(base), runner)
    return Places(locks, base / "data", sockets, base / "postgres.log", runner)


def is_embedded() -> bool:
    """Does this hub bring its own database?"""
    return not os.environ.get("HUB_DATABASE_URL", "").strip()


def cluster_folder(home: Path) -> Path | None:
    """Where the data of this home's embedded server lies, None if it has none; makes nothing."""
    note = home / "locks" / "elsewhere"
    base = Path(note.read_text("utf-8")) if note.exists() else home / "pg"
    return base if base.exists() else None


def private_folder(folder: Path, runner: Runner | None = None) -> Path:
    """`folder`, made 0700 if it is not there, for who runs PostgreSQL (default: us).

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


def own_home(home: Path) -> Path:
    """The hub's home without symbolic links in its path, made if it is not there.

    Raises:
        ConfigError: it cannot be made, is not ours, or others may write in it.
    """
    # Root's home may be passed through: PostgreSQL may have to run as another user in it.
    mode = 0o700 if os.geteuid() else 0o711
    try:
        home.mkdir(mode=mode, parents=True)
    except FileExistsError:
        _refuse_open(home.resolve(), os.geteuid(), stat.S_IWOTH)
    except OSError as error:
        raise ConfigError(f"HUB_HOME {home}: cannot be made ({error.strerror})") from error
    return home.resolve()


def _refuse_open(folder: Path, owner: int, forbidden: int) -> None:
    try:
        found = folder.lstat()
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be used ({error.strerror}); set HUB_HOME") from error
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"{folder}: not a folder; set HUB_HOME")
    if found.st_uid != owner:
        raise ConfigError(f"{folder}: belongs to another user (uid {found.st_uid}); set HUB_HOME")
    if found.st_mode & forbidden:
        closed = "go-rwx" if forbidden & stat.S_IRWXG else "o-w"
        raise ConfigError(f"{folder}: open to other users; `chmod {closed}` it or set HUB_HOME")


def _base(home: Path) -> tuple[Path, Runner]:
    """The folder of the cluster and who runs it: as a rule `home/pg`, and we.

    Where root has no user namespaces, PostgreSQL runs as an unprivileged user; if that user cannot
    reach the home, the cluster lies elsewhere and a note in the home says where.
    """
    pg, note = home / "pg", home / "locks" / "elsewhere"
    if note.exists():
        return _noted(Path(note.read_text("utf-8")))
    if pg.exists() and pg.lstat().st_uid != os.geteuid():
        runner = unprivileged_runner()
        return private_folder(pg, runner), runner
    private_folder(pg)
    found = find_runner(pg)
    if found is not None:
        return pg, found
    if (pg / "data").exists():
        raise ConfigError(f"{pg}: needs user namespaces; allow them or set HUB_DATABASE_URL")
    runner = unprivileged_runner()
    runner.give(pg)
    if runner.can_use(pg):
        return pg, runner
    pg.rmdir()
    base = private_folder(_ELSEWHERE / _mark(home), runner)
    note.write_text(str(base), "utf-8")
    return base, runner


def _noted(base: Path) -> tuple[Path, Runner]:
    if not base.exists():
        raise ConfigError(f"{base}: this hub's database was there and is gone; restore it")
    runner = unprivileged_runner()
    return private_folder(base, runner), runner


def unprivileged_runner() -> Runner:
    """PostgreSQL as an unprivileged user, from a copy of its programs if need be.

    Raises:
        ConfigError: we cannot become one.
    """
    programs, user = program_folder(), unprivileged_user()
    try:
        _ELSEWHERE.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{_ELSEWHERE}: cannot be made ({error.strerror}); set HUB_DATABASE_URL"
        ) from error
    installed = Runner(programs, user=user)
    scratch = Path(tempfile.gettempdir())
    return installed if installed.can_use(scratch) else Runner(_copied(programs), user=user)


def _copied(programs: Path) -> Path:
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
    """`base/socket`, or a folder of the system's for temporary files if libpq could not use that.

    A socket's path is short by nature, and libpq takes a comma in it for a list.
    """
    name = f"lead-hub-{os.geteuid()}-{_mark(base)}"
    short = (Path(tempfile.gettempdir()) / name, Path("/tmp") / name)  # noqa: S108 -- made 0700, or refused
    for folder in (base / "socket", *short):
        path = str(folder / SOCKET_NAME)
        if _PLAIN.fullmatch(path) and len(path) <= _LONGEST_SOCKET_PATH:
            return folder
    raise ConfigError(f"{base}: no usable path for a socket; set HUB_HOME to a short, plain one")


def _mark(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
