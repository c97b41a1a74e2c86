"""A copy of the key ring beside a backup's making, never inside it: a backup that holds both protects nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hub.errors import ConfigError
from hub.steps.keys.ring import ring_document, write_ring


def check_place(target: Path, backups: Path) -> None:
    """Refuse a place for the ring before anything is dumped.

    Raises:
        ConfigError: it lies among the backups, has no folder, or holds keys that the ring has no more.
    """
    if backups.resolve() in target.resolve().parents:
        raise ConfigError(f"{target}: keys do not lie beside what they open; name another folder")
    if not target.parent.is_dir():
        raise ConfigError(f"{target.parent}: no such folder")
    lost = _lost(target, ring_document())
    if lost:
        raise ConfigError(
            f"{target}: holds {', '.join(lost)}, which older backups need and this ring has no more; name another file"
        )


def copy_ring(target: Path) -> None:
    """Write the ring to `target`, 0600; an older copy of the same ring is replaced.

    Raises:
        ConfigError: it cannot be written.
    """
    write_ring(target, ring_document())


def _lost(target: Path, ring: dict[str, Any]) -> list[str]:
    """Keys in the file `target` that `ring` has not, by name."""
    if not target.exists():
        return []
    try:
        there = json.loads(target.read_text("utf-8"))
        before, now = _keys(there), _keys(ring)
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        raise ConfigError(f"{target}: is there and is no key ring; name another file") from None
    return [name for name, key in before.items() if now.get(name) != key]


def _keys(document: dict[str, Any]) -> dict[str, str]:
    index = document["index"]
    numbered = {"1": index} if isinstance(index, str) else index
    return {
        **{f"sealing key {number}": key for number, key in document["sealing"].items()},
        **{f"index key {number}": key for number, key in numbered.items()},
        "the id key": document["id"],
    }
