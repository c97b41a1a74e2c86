"""Watches of machines and processes: receivers, their spools, Dagster, disks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from hub.alert_settings import WatchSettings
from hub.alerts.outbox import Severity
from hub.database.places import cluster_folder, is_embedded
from hub.inbox.spool import refused_files, segment_files
from hub.ops.heartbeats import beats, last_beat
from hub.steps.watchdog.sight import Alarm, Sight

RECEIVER, NOTIFIER, DAGSTER = "receiver", "notifier", "dagster"
RECEIVER_SILENT, DAGSTER_SILENT = timedelta(seconds=60), timedelta(minutes=3)
SPOOL_FOR, SPOOL_FULL = timedelta(seconds=60), 0.8
# A receiver tells of what was refused with its next beat: until then the alert is the drain's.
_REFUSED_SETTLES = timedelta(seconds=30)
_MB = 1_048_576


def watch_receivers(sight: Sight) -> Iterator[Alarm]:
    """Whether anybody takes leads; one that ended in good order is not missed."""
    newest = last_beat(sight.conn, RECEIVER)
    if newest is None or sight.db_now - newest <= RECEIVER_SILENT:
        return
    yield Alarm(
        "receiver",
        "critical",
        {"seen": (sight.db_now - newest).total_seconds()},
    )


def watch_dagster(sight: Sight) -> Iterator[Alarm]:
    """Whether Dagster's daemon still runs its sensors, if it ever did."""
    newest = last_beat(sight.conn, DAGSTER)
    if newest is None or sight.db_now - newest <= DAGSTER_SILENT:
        return
    yield Alarm(
        "dagster",
        "warning",
        {"seen": (sight.db_now - newest).total_seconds()},
    )


def watch_spool(sight: Sight) -> Iterator[Alarm]:
    """Whether receivers have had to use their spools for over a minute, and how full those are."""
    living = _living_receivers(sight)
    waiting = int(sum(row["facts"].get("spool_deliveries", 0) for row in living))
    is_used = waiting > 0 or segment_files(sight.spools) > 0
    if sight.memory.lasts("spool used", is_so=is_used, now=sight.now) < SPOOL_FOR:
        return
    fullest = max((_share(row) for row in living), default=0.0)
    yield Alarm(
        "spool-used",
        "critical" if fullest > SPOOL_FULL else "warning",
        {"waiting": waiting, "fullest": fullest},
        count=max(waiting, 1),
    )


def watch_refused(sight: Sight) -> Iterator[Alarm]:
    """Acknowledged deliveries that the database refuses for good; the drain alerts first."""
    told = sum(row["facts"].get("spool_refused", 0) for row in _living_receivers(sight))
    refused = max(int(told), refused_files(sight.spools))
    known = sight.is_open.get("spool-refused")
    is_new = known is not None and sight.db_now - known["last_at"] < _REFUSED_SETTLES
    if refused or is_new:
        yield Alarm(
            "spool-refused",
            "critical",
            {"refused": max(refused, 1)},
            count=max(refused, 1),
        )


def watch_disks(sight: Sight) -> Iterator[Alarm]:
    """The disks of the hub's files, of the embedded database, and of receivers' spools elsewhere."""
    disks = {**_own_disks(sight.home), **_disks_of_receivers(sight)}
    for name, disk in disks.items():
        severity = disk.severity(sight.settings.watch)
        if severity is not None:
            yield Alarm(
                f"disk:{name}",
                severity,
                {**disk.where, "free_mb": round(disk.free / _MB), "free": disk.free / disk.size},
            )


@dataclass(frozen=True, slots=True)
class _Disk:
    """A file system, in bytes; `where` are the facts that name it."""

    where: Mapping[str, str]
    free: int
    size: int

    def severity(self, limits: WatchSettings) -> Severity | None:
        """How bad it is, None while there is room."""
        if self._has_less_than(limits.disk_critical_percent, limits.disk_critical_mb):
            return "critical"
        if self._has_less_than(limits.disk_warning_percent, limits.disk_warning_mb):
            return "warning"
        return None

    def _has_less_than(self, percent: float, megabytes: int) -> bool:
        """What is reached first counts; on a small disk the megabytes are twice the share at most."""
        share = self.size * percent / 100
        return self.free < max(share, min(megabytes * _MB, 2 * share))


def _own_disks(home: Path) -> dict[str, _Disk]:
    """One for each file system of this machine that the hub writes to."""
    found: dict[str, _Disk] = {}
    devices: set[int] = set()
    for name, path, what in (
        ("home", home, "HUB_HOME"),
        ("spool", home / "spool", "the spools"),
        ("database", cluster_folder(home) if is_embedded() else None, "the embedded database"),
    ):
        if path is None or not path.exists() or (device := path.stat().st_dev) in devices:
            continue
        devices.add(device)
        usage = shutil.disk_usage(path)
        if usage.total:
            found[name] = _Disk({"disk": what}, usage.free, usage.total)
    return found


def _disks_of_receivers(sight: Sight) -> dict[str, _Disk]:
    """Of living receivers; one on this machine is seen by both, and told once."""
    own = {disk.size for disk in _own_disks(sight.home).values()}
    found: dict[str, _Disk] = {}
    for row in _living_receivers(sight):
        size, free = (int(row["facts"].get(name, 0)) for name in ("disk_bytes", "disk_free_bytes"))
        if size and size not in own:
            host = str(row["instance"]).rsplit("-", 2)[0]
            found[f"receiver-{host}"] = _Disk({"case": "receiver", "host": host}, free, size)
    return found


def _living_receivers(sight: Sight) -> list[sa.RowMapping]:
    rows = beats(sight.conn, RECEIVER)
    return [row for row in rows if sight.db_now - row["seen_at"] <= RECEIVER_SILENT]


def _share(row: sa.RowMapping) -> float:
    """How full a receiver's spool is, from 0 to 1."""
    most = row["facts"].get("spool_max_bytes", 0)
    return float(row["facts"].get("spool_bytes", 0) / most) if most else 0.0
