"""Runs a program as somebody PostgreSQL accepts; a script of its own for `hub.database.runner`.

    python -I -S launcher.py probe  WHO FOLDER PROGRAM
    python -I -S launcher.py run    WHO PROGRAM [ARGUMENT …]
    python -I -S launcher.py detach WHO LOG PROGRAM [ARGUMENT …]

WHO is `self`, `namespace:UID` or `user:UID:GID`. In a user namespace PostgreSQL, which refuses
uid 0, sees UID, while every file is still reached as the one we are. `probe` exits 0 if such a
program can be started and can write in FOLDER. `detach` prints the pid and leaves the program to
itself.

It is a process apart, not a function between fork and exec: the hub has threads by then.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000


def _become(who: str) -> None:
    kind, *numbers = who.split(":")
    if kind == "namespace":
        _enter_namespace(int(numbers[0]))
    elif kind == "user":
        uid, gid = map(int, numbers)
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _enter_namespace(inner: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are refused")
    process = Path("/proc/self")
    (process / "setgroups").write_text("deny")
    (process / "uid_map").write_text(f"{inner} {outer_uid} 1")
    (process / "gid_map").write_text(f"{inner} {outer_gid} 1")


def _detach(log: str, command: list[str]) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    child = os.fork()
    if child:
        sys.stdout.write(f"{child}\n")
        return
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.execv(command[0], command)  # noqa: S606 -- no shell: the hub's own program and arguments


def main() -> None:
    """Do what the arguments say; see the module's text."""
    action, who, *rest = sys.argv[1:]
    _become(who)
    if action == "detach":
        _detach(rest[0], rest[1:])
    elif action == "probe":
        # access(2) asks for the real uid without capabilities: just what PostgreSQL will meet.
        folder, program = rest
        writable = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
        sys.exit(not (writable and os.access(program, os.R_OK | os.X_OK)))
    else:
        os.execv(rest[0], rest)  # noqa: S606 -- as above


if __name__ == "__main__":
    main()
