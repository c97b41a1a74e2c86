"""Publications of mappings: which version is live, since when, by whom, why, and the document itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.errors import ConfigError
from hub.mapping.document import parse_name
from hub.registry.files import SchemaFiles
from hub.registry.tables import extension_field
from hub.registry.tables import mapping_publication as publication

ALL_MERCHANTS = ""
SHIPPED = "shipped"
_SHIPPING_LOCK = 4_711_001  # of pg_advisory_xact_lock: two processes that start together ship once

LiveKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Publication:
    """One publication; `merchant` "" means all."""

    id: int
    merchant: str
    platform: str
    entity: str
    version: str
    published_by: str
    reason: str
    published_at: datetime

    @property
    def name(self) -> str:
        """The name of the mapping that was published."""
        return f"{self.platform}/{self.entity}/{self.version}"


@dataclass(frozen=True, slots=True)
class LiveVersions:
    """What is live: (merchant or "", platform, entity) → publication id; `extensions` changes with the fields."""

    ids: Mapping[LiveKey, int]
    extensions: str


def publish(
    conn: sa.Connection,
    document: Mapping[str, Any],
    *,
    merchant: str = ALL_MERCHANTS,
    published_by: str,
    reason: str,
) -> int:
    """Make a mapping live from the next batch on; the publication's id. Compile it before.

    Raises:
        ConfigError: the document has no proper name.
    """
    name = parse_name(document.get("mapping"))
    statement = sa.insert(publication).values(
        merchant=merchant,
        platform=name.platform,
        entity=name.entity,
        version=name.version,
        document=dict(document),
        published_by=published_by,
        reason=reason,
    )
    return int(conn.execute(statement.returning(publication.c.id)).scalar_one())


def live_versions(conn: sa.Connection) -> LiveVersions:
    """The live publications of all merchants, and a fingerprint of the extension fields."""
    row = sa.cast(sa.literal_column("extension_field"), sa.Text)
    fields = (
        sa.select(
            sa.func.md5(sa.func.string_agg(row, sa.text("'|' ORDER BY merchant, entity, name")))
        )
        .select_from(extension_field)
        .scalar_subquery()
    )
    newest = (
        sa.select(
            publication.c.merchant, publication.c.platform, publication.c.entity,
            publication.c.id, fields.label("extensions"),
        )
        .distinct(publication.c.merchant, publication.c.platform, publication.c.entity)
        .order_by(
            publication.c.merchant, publication.c.platform, publication.c.entity,
            publication.c.id.desc(),
        )
    )  # fmt: skip
    rows = conn.execute(newest).all()
    ids = {(row.merchant, row.platform, row.entity): row.id for row in rows}
    return LiveVersions(ids, (rows[0].extensions or "") if rows else "")


def documents_of(conn: sa.Connection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The documents of publications by id."""
    query = sa.select(publication.c.id, publication.c.document).where(publication.c.id.in_(ids))
    return {row.id: row.document for row in conn.execute(query)}


def live_document(
    conn: sa.Connection, platform: str, entity: str, merchant: str = ALL_MERCHANTS
) -> dict[str, Any] | None:
    """The live document of a merchant (or of all), None if nothing was published."""
    query = (
        sa.select(publication.c.document)
        .where(
            publication.c.merchant == merchant,
            publication.c.platform == platform,
            publication.c.entity == entity,
        )
        .order_by(publication.c.id.desc())
        .limit(1)
    )
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else dict(found)


def history(
    conn: sa.Connection, platform: str, entity: str, merchant: str | None = None
) -> list[Publication]:
    """Publications of a mapping, newest first; of every merchant unless one is named."""
    columns = [column for column in publication.c if column.name != "document"]
    query = sa.select(*columns).where(
        publication.c.platform == platform, publication.c.entity == entity
    )
    if merchant is not None:
        query = query.where(publication.c.merchant == merchant)
    rows = conn.execute(query.order_by(publication.c.id.desc()))
    return [Publication(**row) for row in rows.mappings()]


def published_version(
    conn: sa.Connection, platform: str, entity: str, version: str, merchant: str = ALL_MERCHANTS
) -> dict[str, Any] | None:
    """The newest document that was published under a version, None if none was."""
    query = (
        sa.select(publication.c.document)
        .where(
            publication.c.merchant == merchant,
            publication.c.platform == platform,
            publication.c.entity == entity,
            publication.c.version == version,
        )
        .order_by(publication.c.id.desc())
        .limit(1)
    )
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else dict(found)


def rollback(
    conn: sa.Connection,
    platform: str,
    entity: str,
    *,
    merchant: str = ALL_MERCHANTS,
    published_by: str,
    reason: str,
) -> str:
    """Publish again what was live before the live version; the name of its version.

    Raises:
        ConfigError: there was nothing before.
    """
    past = history(conn, platform, entity, merchant)
    live = past[0].version if past else ""
    before = next((each for each in past if each.version != live), None)
    if before is None:
        raise ConfigError(
            f"{platform}/{entity}: no other version was live before; nothing to go back to"
        )
    document = documents_of(conn, [before.id])[before.id]
    publish(conn, document, merchant=merchant, published_by=published_by, reason=reason)
    return before.name


def ensure_shipped(conn: sa.Connection, files: SchemaFiles) -> list[str]:
    """Publish the newest shipped version of each mapping that was never published; their names.

    A later release changes nothing that is live: a person publishes it.
    """
    if not _unpublished(conn, files):
        return []
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_SHIPPING_LOCK)))
    missing = _unpublished(conn, files)
    for name in missing:
        publish(conn, files.mapping(name), published_by=SHIPPED, reason=SHIPPED)
    return missing


def _unpublished(conn: sa.Connection, files: SchemaFiles) -> list[str]:
    live = live_versions(conn).ids
    return [
        str(name)
        for name in files.newest_mappings()
        if (ALL_MERCHANTS, name.platform, name.entity) not in live
    ]
