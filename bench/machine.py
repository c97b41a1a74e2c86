"""On what it was measured: a figure without its machine says nothing."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

_SYNCS = 50
_PAGE = b"\0" * 8192


def describe(conn: psycopg.Connection[Any], data: Path) -> dict[str, Any]:
    """Facts of this machine, of the server behind `conn`, whose files are under `data`, and of the checkout."""
    load = os.getloadavg()[0]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _value("/proc/cpuinfo", "model name") or platform.machine(),
        "memory_gib": round(_memory_kib() / 1048576, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": _setting(conn, "server_version"),
        "fsync": _setting(conn, "fsync"),
        "synchronous_commit": _setting(conn, "synchronous_commit"),
        "shared_buffers": _setting(conn, "shared_buffers"),
        "sync_ms": round(_sync_ms(data), 2),
        "load_before": round(load, 2),
        "commit": _commit(),
    }


def line(facts: dict[str, Any], runs: int) -> str:
    """The facts as a paragraph of Markdown."""
    return (
        f"Commit {facts['commit']}. {facts['cores']} cores of {facts['cpu']}, {facts['memory_gib']} GiB; "
        f"client, hub and database share them. Linux {facts['kernel']}, Python {facts['python']}, "
        f"PostgreSQL {facts['postgresql']} with fsync {facts['fsync']}, synchronous_commit "
        f"{facts['synchronous_commit']}, shared_buffers {facts['shared_buffers']}; a synced write of 8 KiB "
        f"takes {facts['sync_ms']} ms. Load before the start: {facts['load_before']}. "
        f"Medians of {runs} {'run' if runs == 1 else 'runs'}, in brackets from the lowest to the highest."
    )


def _setting(conn: psycopg.Connection[Any], name: str) -> str:
    row = conn.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else "unknown"


def _value(path: str, key: str) -> str:
    for text in Path(path).read_text("utf-8").splitlines():
        name, _, value = text.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _memory_kib() -> int:
    return int((_value("/proc/meminfo", "MemTotal") or "0").split()[0])


def _sync_ms(folder: Path) -> float:
    """What durability costs here: on a disk that lies or in memory it is next to nothing."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            os.pwrite(file.fileno(), _PAGE, 0)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _commit() -> str:
    """The commit, marked if files that count were changed since."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", "hub", "bench", "schemas")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} with uncommitted changes" if changed else commit


def _git(*arguments: str) -> str:
    root = Path(__file__).parent.parent
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
