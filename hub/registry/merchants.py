"""Merchants and their platform accounts. A source key stays with its platform, merchant and account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.errors import ConfigError
from hub.registry.tables import merchant as merchants
from hub.registry.tables import source as sources
from hub.settings import HubSettings, SourceSettings


def sync_registry(conn: sa.Connection, settings: HubSettings) -> None:
    """Write the merchants and sources of `hub.yaml` into the registry; what the file lacks stays.

    Names may change, and an account may be added to a source that had none.

    Raises:
        ConfigError: a source key stands for another platform, merchant or account than before, or an
            account belongs to another source; nothing should be committed then.
    """
    for each in settings.merchants:
        add_merchant(conn, each.id, each.name)
    known = {row.source_key: row for row in conn.execute(sa.select(sources))}
    for key, source in sorted(settings.all_sources().items()):
        if key in known:
            _refuse_change(key, known[key], source)
        add_account(
            conn,
            key,
            merchant=source.merchant,
            platform=source.platform,
            account=source.account,
            name=source.name,
        )


def add_merchant(conn: sa.Connection, merchant: str, name: str = "") -> None:
    """Register a merchant, or give it another display name; an empty name changes none."""
    statement = insert(merchants).values(id=merchant, name=name or merchant)
    kept = statement.on_conflict_do_nothing(index_elements=[merchants.c.id])
    renamed = statement.on_conflict_do_update(
        index_elements=[merchants.c.id], set_={"name": statement.excluded.name}
    )
    conn.execute(renamed if name else kept)


def add_account(
    conn: sa.Connection,
    source_key: str,
    *,
    merchant: str,
    platform: str,
    account: str | None,
    name: str = "",
) -> None:
    """Register a platform account of a merchant under an immutable source key.

    Raises:
        ConfigError: the merchant is unknown, the key stands for something else, or the account belongs
            to another source.
    """
    if not conn.execute(sa.select(merchants.c.id).where(merchants.c.id == merchant)).first():
        raise ConfigError(f"merchant {merchant!r} is not registered: hub merchant add {merchant}")
    known = conn.execute(sa.select(sources).where(sources.c.source_key == source_key)).first()
    if known is not None:
        wanted = SourceSettings(platform=platform, merchant=merchant, account=account)
        _refuse_change(source_key, known, wanted)
    _refuse_taken(conn, source_key, platform, account)
    values = {"name": name or source_key, "account": account}
    conn.execute(
        insert(sources)
        .values(source_key=source_key, merchant=merchant, platform=platform, **values)
        .on_conflict_do_update(index_elements=[sources.c.source_key], set_=values)
    )


def account_owners(conn: sa.Connection) -> dict[tuple[str, str], tuple[str, str]]:
    """(platform, account) → (merchant, source key) of every enabled account."""
    query = sa.select(
        sources.c.platform, sources.c.account, sources.c.merchant, sources.c.source_key
    ).where(sources.c.enabled, sources.c.account.is_not(None))
    return {
        (row.platform, row.account): (row.merchant, row.source_key) for row in conn.execute(query)
    }


def registered_since(conn: sa.Connection) -> dict[str, datetime]:
    """Source key → when the source was registered."""
    query = sa.select(sources.c.source_key, sources.c.created_at)
    return {row.source_key: row.created_at for row in conn.execute(query)}


def is_registered(conn: sa.Connection, merchant_id: str) -> bool:
    """Whether there is such a merchant."""
    query = sa.select(sa.exists().where(merchants.c.id == merchant_id))
    return bool(conn.execute(query).scalar_one())


def list_merchants(conn: sa.Connection) -> Sequence[sa.RowMapping]:
    """Merchants by id: id, name, created_at, sources (how many)."""
    count = sa.func.count(sources.c.source_key).label("sources")
    query = (
        sa.select(merchants.c.id, merchants.c.name, merchants.c.created_at, count)
        .outerjoin(sources, sources.c.merchant == merchants.c.id)
        .group_by(merchants.c.id)
        .order_by(merchants.c.id)
    )
    return conn.execute(query).mappings().all()


def list_sources(conn: sa.Connection, merchant: str | None = None) -> Sequence[sa.RowMapping]:
    """Registered sources by key, of one merchant or of all."""
    query = sa.select(sources).order_by(sources.c.source_key)
    if merchant is not None:
        query = query.where(sources.c.merchant == merchant)
    return conn.execute(query).mappings().all()


def _refuse_change(key: str, known: sa.Row[tuple[object, ...]], wanted: SourceSettings) -> None:
    was = {"platform": known.platform, "merchant": known.merchant, "account": known.account}
    for name, before in was.items():
        now = getattr(wanted, name)
        if before != now and not (name == "account" and before is None):
            raise ConfigError(
                f"source {key}: its {name} was {before!r} and is now {now!r}; a source key never "
                "changes what it stands for, so give the new one a key of its own"
            )


def _refuse_taken(
    conn: sa.Connection, source_key: str, platform: str, account: str | None
) -> None:
    if account is None:
        return
    query = sa.select(sources.c.source_key).where(
        sources.c.platform == platform,
        sources.c.account == account,
        sources.c.source_key != source_key,
    )
    owner = conn.execute(query).scalar_one_or_none()
    if owner is not None:
        raise ConfigError(f"source {source_key}: its account belongs to source {owner} already")
