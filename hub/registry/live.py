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
_PUBLISHING_LOCK = 0x9B1
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


@dataclass(frozen=True, slots=True)
class Document:
    """What a publication holds: the mapping document, and the raw contract if it brought one of its own."""

    id: int
    mapping: Mapping[str, Any]
    contract: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """The name of the mapping: `douyin/clue/1-0-0`."""
        return str(self.mapping["mapping"])


def publish(  # noqa: PLR0913 -- what, for whom, by whom, why, after what
    conn: sa.Connection,
    document: Mapping[str, Any],
    *,
    contract: Mapping[str, Any] | None = None,
    merchant: str = ALL_MERCHANTS,
    published_by: str,
    reason: str,
    after: int | None = None,
) -> int:
    """Make a mapping live from the next batch on; the publication's id. Compile it before.

    `contract` is the raw contract if no shipped file holds it. `after`: the publication that its author saw
    live; if another one came meanwhile, nothing is published.

    Raises:
        ConfigError: the document has no proper name, or somebody else published after `after`.
    """
    name = parse_name(document.get("mapping"))
    key = f"{merchant}/{name.platform}/{name.entity}"
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_PUBLISHING_LOCK, sa.func.hashtext(key))))
    if after is not None:
        past = history(conn, name.platform, name.entity, merchant)
        if past and past[0].id != after:
            newer = past[0]
            raise ConfigError(
                f"{newer.published_by} published {newer.name} meanwhile"
                f" ({newer.published_at:%Y-%m-%d %H:%M:%S} UTC): look again, then publish"
            )
    statement = sa.insert(publication).values(
        merchant=merchant,
        platform=name.platform,
        entity=name.entity,
        version=name.version,
        document=dict(document),
        contract=None if contract is None else dict(contract),
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


def documents_of(conn: sa.Connection, ids: Sequence[int]) -> dict[int, Document]:
    """What publications hold, by id."""
    columns = (publication.c.id, publication.c.document, publication.c.contract)
    query = sa.select(*columns).where(publication.c.id.in_(ids))
    return {row.id: Document(row.id, row.document, row.contract) for row in conn.execute(query)}


def live_publication(
    conn: sa.Connection, platform: str, entity: str, merchant: str = ALL_MERCHANTS
) -> Document | None:
    """What is live for a merchant (its own, not that of all), None if nothing was published."""
    query = (
        sa.select(publication.c.id, publication.c.document, publication.c.contract)
        .where(
            publication.c.merchant == merchant,
            publication.c.platform == platform,
            publication.c.entity == entity,
        )
        .order_by(publication.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return None if row is None else Document(row.id, row.document, row.contract)


def live_document(
    conn: sa.Connection, platform: str, entity: str, merchant: str = ALL_MERCHANTS
) -> dict[str, Any] | None:
    """The live mapping of a merchant (or of all), None if nothing was published."""
    found = live_publication(conn, platform, entity, merchant)
    return None if found is None else dict(found.mapping)


def history(
    conn: sa.Connection, platform: str, entity: str, merchant: str | None = None
) -> list[Publication]:
    """Publications of a mapping, newest first; of every merchant unless one is named."""
    columns = [column for column in publication.c if column.name not in ("document", "contract")]
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


def published_document(conn: sa.Connection, name: str, merchant: str) -> Document | None:
    """The newest publication of a version (`douyin/clue/1-0-0`): the merchant's own, else that of all."""
    parsed = parse_name(name)
    query = (
        sa.select(publication.c.id, publication.c.document, publication.c.contract)
        .where(
            publication.c.merchant.in_((merchant, ALL_MERCHANTS)),
            publication.c.platform == parsed.platform,
            publication.c.entity == parsed.entity,
            publication.c.version == parsed.version,
        )
        .order_by(publication.c.merchant.desc(), publication.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return None if row is None else Document(row.id, row.document, row.contract)


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
    publish(
        conn,
        document.mapping,
        contract=document.contract,
        merchant=merchant,
        published_by=published_by,
        reason=reason,
    )
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
