"""What things are called in Dagster: asset keys, groups, owners, kinds, job names."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence

import dagster as dg

from hub.errors import ConfigError
from hub.settings import SourceSettings
from hub.steps.check_results import canonical_asset
from hub.steps.report import LOADER, NOTIFIER, RECEIVER
from hub.steps.summary_checks import NOTIFIER_ASSET, SOURCES_ASSET

LEAD = dg.AssetKey(["crm", "lead"])
CONTACT = dg.AssetKey(["crm", "contact"])
TOUCHPOINT = dg.AssetKey(["crm", "touchpoint"])
SOURCES = dg.AssetKey(SOURCES_ASSET)
FIELD_QUALITY = dg.AssetKey(["report", "field_quality"])
ATTRIBUTION = dg.AssetKey(["report", "attribution"])
HEARTBEATS = {
    LOADER: dg.AssetKey(["ops", "loader_heartbeat"]),
    RECEIVER: dg.AssetKey(["ops", "receiver_heartbeat"]),
    NOTIFIER: dg.AssetKey(NOTIFIER_ASSET),
}
# Where people keep no owner, an asset says so: every asset has one.
HUB_TEAM = "team:lead-hub"
_KEY_PART = re.compile(r"[A-Za-z0-9_.-]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def asset_key(path: Sequence[str]) -> dg.AssetKey:
    """The asset of a path; a part that Dagster would not take is made an identifier."""
    return dg.AssetKey([part if _KEY_PART.fullmatch(part) else identifier(part) for part in path])


def raw(source_key: str) -> dg.AssetKey:
    """The asset of what a source sent, record by record."""
    return asset_key(["raw", source_key])


def canonical(source_key: str) -> dg.AssetKey:
    """The asset of what a source's records are in our words."""
    return asset_key(canonical_asset(source_key))


def replay(source_key: str) -> dg.AssetKey:
    """The asset that maps a source's archive anew."""
    return asset_key(["replay", source_key])


def platform_count(source_key: str) -> dg.AssetKey:
    """The asset of what a platform says it sent on a day."""
    return asset_key(["platform_count", source_key])


def identifier(text: str) -> str:
    """`text` as a name that Dagster takes: letters, digits and underscores."""
    plain = re.sub(r"[-.]", "_", text)
    if re.fullmatch(r"[A-Za-z0-9_]+", plain):
        return plain
    return f"{re.sub(r'[^A-Za-z0-9_]', '_', plain)}_{zlib.crc32(text.encode()):08x}"


def require_distinct(source_keys: Iterable[str]) -> None:
    """Make sure that no two sources would have one name in Dagster.

    Raises:
        ConfigError: two have; names both.
    """
    taken: dict[str, str] = {}
    for source_key in source_keys:
        other = taken.setdefault(identifier(source_key), source_key)
        if other != source_key:
            raise ConfigError(
                f"sources {other!r} and {source_key!r} would have one name in Dagster; rename one"
            )


def owners(source: SourceSettings) -> list[str]:
    """A source's owner as Dagster takes it: an e-mail address, or a team; without one the hub's own."""
    return as_owner(source.owner)


def as_owner(name: str) -> list[str]:
    """A name of our settings as Dagster's owner."""
    if not name:
        return [HUB_TEAM]
    return [name if _EMAIL.fullmatch(name) else f"team:{name}"]


def tags(source_key: str, source: SourceSettings) -> dict[str, str]:
    """By what the assets of a source can be found: `tag:source=douyin-main`."""
    return {
        "source": identifier(source_key),
        "platform": identifier(source.platform),
        "merchant": source.merchant,
    }


def arrival(source: SourceSettings) -> str:
    """How records come: `pull`, `form`, `push` or `push and pull`."""
    if source.pulls:
        return "push and pull" if source.push else "pull"
    return "form" if source.platform == "webform" else "push"
