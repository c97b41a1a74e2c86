"""As whom PostgreSQL runs: as we are, as a uid of a user namespace, or as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hub.database.binaries import program_folder
from hub.errors import ConfigError, StoreAwayError

_LAUNCHER = Path(__file__).with_name("launcher.py")
_PROGRAM_TIMEOUT_S = 300
# Nothing of ours: PGOPTIONS or PGDATA of the shell would change what the server does.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Runner:
    """How to start PostgreSQL's programs so that they accept who they are.

    At most one is set: `inner`, the uid inside a user namespace, or `user`, the uid and gid to
    become.
    """

    programs: Path
    inner: int | None = None
    user: tuple[int, int] | None = None

    def run(self, program: str, *arguments: str) -> None:
        """Run `program` to its end.

        Raises:
            StoreAwayError: it failed; the last line that it wrote is in the text.
        """
        done = self._launch("run", str(self.programs / program), *arguments)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise StoreAwayError(f"{program} failed: {lines[-1]}")

    def detach(self, log: Path, program: str, *arguments: str) -> int:
        """Start `program` so that it outlives us, its output appended to `log`; its pid."""
        done = self._launch("detach", str(log), str(self.programs / program), *arguments)
        if done.returncode or not done.stdout.strip().isdigit():
            raise StoreAwayError(f"{program} could not be started")
        return int(done.stdout)

    def can_use(self, folder: Path) -> bool:
        """Would PostgreSQL, run like this, be able to write in `folder` and be found?"""
        try:
            return not self._launch(
                "probe", str(folder), str(self.programs / "postgres")
            ).returncode
        except StoreAwayError:
            return False

    def give(self, folder: Path) -> None:
        """Make `folder`, which we just made, belong to who runs PostgreSQL."""
        if self.user is not None:
            os.chown(folder, *self.user, follow_symlinks=False)

    def _launch(self, action: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        who = "self"
        if self.inner is not None:
            who = f"namespace:{self.inner}"
        elif self.user is not None:
            who = "user:{}:{}".format(*self.user)
        try:
            return subprocess.run(  # noqa: S603 -- our own launcher and arguments
                [sys.executable, "-I", "-S", str(_LAUNCHER), action, who, *arguments],
                env=_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PROGRAM_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StoreAwayError(f"{action} of a PostgreSQL program did not end") from error


def find_runner(folder: Path) -> Runner | None:
    """A runner that PostgreSQL accepts and that reaches `folder`, `None` if there is none.

    PostgreSQL refuses root, and `initdb` a uid without a name; both are given the uid of a named
    user in a user namespace, so that the files stay ours.
    """
    programs = program_folder()
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return Runner(programs)
    runner = Runner(programs, inner=_named_uid())
    return runner if runner.can_use(folder) else None


def unprivileged_user() -> tuple[int, int]:
    """The uid and gid that root can become: of `postgres` if the machine has it, else of `nobody`.

    Raises:
        ConfigError: we are not root, or there is no such user.
    """
    if os.geteuid() == 0:
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return entry.pw_uid, entry.pw_gid
    raise ConfigError(
        "PostgreSQL cannot run as this user: be an ordinary user, or set HUB_DATABASE_URL"
    )


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def _named_uid() -> int:
    return next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid), 65534)
