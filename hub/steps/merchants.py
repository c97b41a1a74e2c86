"""Register merchants and accounts, and list them as the settings and people's commands made them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from hub.registry import merchants
from hub.settings import HubSettings


def registered_merchants(engine: sa.Engine, settings: HubSettings) -> Sequence[sa.RowMapping]:
    """All merchants, those of `hub.yaml` registered first."""
    with engine.begin() as conn:
        merchants.sync_registry(conn, settings)
        return merchants.list_merchants(conn)


def registered_accounts(
    engine: sa.Engine, settings: HubSettings, merchant: str | None
) -> Sequence[sa.RowMapping]:
    """All sources, of one merchant or of all, those of `hub.yaml` registered first."""
    with engine.begin() as conn:
        merchants.sync_registry(conn, settings)
        return merchants.list_sources(conn, merchant)


def register_merchant(engine: sa.Engine, merchant: str, name: str) -> None:
    """Register a merchant, or change its name."""
    with engine.begin() as conn:
        merchants.add_merchant(conn, merchant, name)


def register_account(
    engine: sa.Engine, source_key: str, *, merchant: str, platform: str, account: str, name: str
) -> None:
    """Register a platform account under a source key.

    Raises:
        ConfigError: the merchant is unknown, the key or the account is taken.
    """
    with engine.begin() as conn:
        merchants.add_account(
            conn, source_key, merchant=merchant, platform=platform, account=account, name=name
        )
