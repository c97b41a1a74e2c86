"""CPU seconds of processes, read from /proc: they say what a figure is limited by."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# Fields of /proc/<pid>/stat behind the name in brackets (man 5 proc), counted from 0.
_PARENT, _USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM, _RSS_PAGES = 1, 11, 12, 13, 14, 21


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds spent so far, by role."""

    seconds: dict[str, float]

    def since(self, earlier: Usage) -> dict[str, float]:
        """What was spent after `earlier` was read."""
        return {
            role: spent - earlier.seconds.get(role, 0.0) for role, spent in self.seconds.items()
        }


def usage(roles: dict[str, list[int]], postmaster: int | None) -> Usage:
    """CPU seconds of each role's processes, of all of PostgreSQL, and of everything else on the machine."""
    spent = {role: sum(_own(pid) for pid in pids) for role, pids in roles.items()}
    if postmaster is not None:
        spent["postgresql"] = _with_children(postmaster)
    spent["all else"] = _machine() - sum(spent.values())
    return Usage(spent)


@dataclass(frozen=True, slots=True)
class Member:
    """One process of a tree; its CPU seconds are its own and those of children it has buried."""

    pid: int
    name: str
    cpu_s: float
    rss_mib: float


def tree(root: int) -> list[Member]:
    """A process and all below it that live now, parents first."""
    found, left = [], [root]
    while left:
        pid = left.pop(0)
        fields = _stat(pid)
        if fields:
            buried = (int(fields[_CHILDREN_USER]) + int(fields[_CHILDREN_SYSTEM])) * _TICK_S
            memory = int(fields[_RSS_PAGES]) * os.sysconf("SC_PAGE_SIZE") / 1048576
            found.append(Member(pid, _name(pid), _own(pid) + buried, memory))
            left += _children(pid)
    return found


def shown(spent: dict[str, float], wall_s: float, cores: int) -> str:
    """CPU seconds by role, and how busy the cores were in `wall_s`."""
    parts = ", ".join(f"{role} {seconds:.1f}" for role, seconds in spent.items())
    busy = sum(spent.values()) / (wall_s * cores) if wall_s else 0.0
    return f"{parts} CPU s in {wall_s:.1f} s on {cores} cores ({busy:.0%} busy)"


def _machine() -> float:
    """CPU seconds of all cores that were not idle (man 5 proc: user, nice, system, idle, iowait, …)."""
    first = Path("/proc/stat").read_text("utf-8").partition("\n")[0]
    user, nice, system, _idle, _iowait, irq, softirq, *_ = (
        int(part) for part in first.split()[1:]
    )
    return (user + nice + system + irq + softirq) * _TICK_S


def _own(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[_USER]) + int(fields[_SYSTEM])) * _TICK_S if fields else 0.0


def _with_children(pid: int) -> float:
    """A process, its living children and those it has buried (workers come and go)."""
    fields = _stat(pid)
    if not fields:
        return 0.0
    buried = (int(fields[_CHILDREN_USER]) + int(fields[_CHILDREN_SYSTEM])) * _TICK_S
    return _own(pid) + buried + sum(_own(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields and int(fields[_PARENT]) == pid:
                found.append(int(entry.name))
    return found


def _name(pid: int) -> str:
    """What it runs: the module or program, and the first word behind it."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")
    except OSError:  # it has ended meanwhile
        return "?"
    if "-m" in words:
        words = words[words.index("-m") + 1 :]
    named = [word.rpartition("/")[2] for word in words[:3] if word and not word.startswith("-")]
    return " ".join(named)


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:  # it has ended meanwhile
        return []
    return text.rpartition(")")[2].split()
