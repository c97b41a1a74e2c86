"""Dagster's own settings: `dagster.yaml` for a demo (SQLite) or for real (PostgreSQL)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy.engine import make_url

from hub.errors import ConfigError

_COMMON: dict[str, Any] = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    "run_monitoring": {
        "enabled": True,
        "start_timeout_seconds": 120,
        "poll_interval_seconds": 60,
    },
    # One pull of a platform at a time: its rate limits are per account or per application.
    "concurrency": {"pools": {"default_limit": 1, "granularity": "op"}},
    # Only ticks have retention in Dagster itself; events and runs need a job of our own.
    "retention": {
        "sensor": {"purge_after_days": {"skipped": 1, "success": 7, "failure": 30, "started": 1}},
        "schedule": {"purge_after_days": {"skipped": 7, "success": 30, "failure": 90}},
    },
    "sensors": {"use_threads": True, "num_workers": 2},
    "schedules": {"use_threads": True, "num_workers": 2},
}
# Dagster reads the address there itself: no password stands in a file.
DATABASE_VARIABLE = "HUB_DAGSTER_DATABASE_URL"
# A run starts at once: the queue costs up to five seconds a run, and a demo has few runs.
_AT_ONCE = {
    "run_coordinator": {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator"}
}
_QUEUED = {
    "concurrency": {**_COMMON["concurrency"], "runs": {"max_concurrent_runs": 4}},
    "run_queue": {"dequeue_interval_seconds": 2},
}


def write_instance(home: Path, *, postgres_url: str | None = None) -> Path:
    """Write `dagster.yaml` into `home` (made if need be) and return its path.

    Args:
        home: What `DAGSTER_HOME` is to name.
        postgres_url: Dagster's own database; without one SQLite files under `home`.

    Raises:
        ConfigError: `postgres_url` is no URL of a PostgreSQL database.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    document = {**_COMMON, **(_AT_ONCE if postgres_url is None else _QUEUED)}
    if postgres_url is not None:
        psycopg2_url(postgres_url)
        document["storage"] = {"postgres": {"postgres_url": {"env": DATABASE_VARIABLE}}}
    text = "# Written by the hub at every start; change hub/definitions/instance.py instead.\n"
    return write_whole(home / "dagster.yaml", text + yaml.safe_dump(document, sort_keys=False))


def write_whole(path: Path, text: str) -> Path:
    """Write a file of Dagster's home unless it says so already; returns `path`.

    Several processes do so at one moment (containers that share the home): each reads a whole file.
    """
    if not path.exists() or path.read_text("utf-8") != text:
        partial = path.with_suffix(f".{os.getpid()}-{os.urandom(3).hex()}.partial")
        partial.touch(mode=0o600)
        partial.write_text(text, "utf-8")
        os.replace(partial, path)  # noqa: PTH105 -- an old file is replaced whole
    return path


def psycopg2_url(postgres_url: str) -> str:
    """The same database for dagster-postgres, which speaks psycopg2; it may hold a password.

    SQLAlchemy 2.1 would read plain `postgresql` as psycopg 3.

    Raises:
        ConfigError: it is no URL of a PostgreSQL database with a host and a name.
    """
    try:
        url = make_url(postgres_url)
    except Exception as error:
        raise ConfigError(
            "the Dagster database is no URL; write postgresql://user:password@host/name"
        ) from error
    if not url.drivername.startswith("postgres") or not url.host or not url.database:
        raise ConfigError("the Dagster database must be PostgreSQL, with a host and a name")
    return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
