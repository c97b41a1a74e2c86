"""Opens the hub's database: the one of `HUB_DATABASE_URL`, or the embedded one under `HUB_HOME`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from hub.database.embedded import EmbeddedServer
from hub.database.engine import make_engine, normalise_url, translate
from hub.database.migrate import upgrade
from hub.database.places import is_embedded
from hub.errors import ConfigError, StoreAwayError
from hub.settings import home
from hub.steps.erasure import log as erasure_log
from hub.steps.keys.check import check_keys

# What PostgreSQL says when connecting can only work after a person changed something.
_WRONG_SETTINGS = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "not permitted to log in",
    "no pg_hba.conf entry",
)


@dataclass(frozen=True, slots=True)
class Store:
    """An open database. `server` is our hold on the embedded one, `None` with HUB_DATABASE_URL."""

    engine: sa.Engine
    url: str
    server: EmbeddedServer | None

    def revive(self) -> bool:
        """Start the embedded server again if it died; `True` if it had to be.

        With HUB_DATABASE_URL the server is somebody else's, and nothing is done.

        Raises:
            StoreAwayError: It does not start.
        """
        return self.server is not None and self.server.ensure()

    def close(self) -> None:
        """Close the connections, then let the embedded server go; the last hold stops it."""
        self.engine.dispose()
        if self.server is not None:
            self.server.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_store(
    *,
    migrate: bool = True,
    pool_size: int = 5,
    application: str = "lead-hub",
    check_erasures: bool = True,
) -> Store:
    """The hub's database, migrated to this release; close it when done.

    Args:
        migrate: `False` for a process that has to come up while HUB_DATABASE_URL does not answer:
            no connection is opened then.
        pool_size: Connections kept open.
        application: What `pg_stat_activity` shows.
        check_erasures: `False` for who applies the erasure log before anything else.

    Raises:
        ConfigError: HUB_DATABASE_URL is wrong, the embedded server cannot run here, or this is a
            restored backup in which people are whom the erasure log names.
        StoreAwayError: The database does not answer.
    """
    server = EmbeddedServer.start(home()) if is_embedded() else None
    url = server.url if server else normalise_url(os.environ["HUB_DATABASE_URL"])
    engine = make_engine(url, pool_size=pool_size, application=application)
    store = Store(engine, url, server)
    try:
        if migrate:
            check_connection(store)
            check_keys(store.engine)
            if upgrade(store.engine):
                check_keys(store.engine)
            if check_erasures:
                require_erased(store.engine)
    except BaseException:
        store.close()
        raise
    return store


def require_erased(engine: sa.Engine) -> None:
    """Refuse a database that knows less erasures than the log outside it.

    Raises:
        ConfigError: it was restored from an older backup; the text says what to run.
    """
    lacking = len(erasure_log.missing(engine, erasure_log.read()))
    if lacking:
        raise ConfigError(
            f"the erasure log names {lacking} erasures that this database lacks (a restored backup?):"
            f" run hub erase --apply-log {erasure_log.erasure_log()}"
        )


def check_connection(store: Store) -> None:
    """Connect once.

    Raises:
        ConfigError: HUB_DATABASE_URL names a user, password or database that the server refuses.
        StoreAwayError: Nobody answers there. Both texts say where; neither holds the password.
    """
    try:
        with store.engine.connect():
            return
    except SQLAlchemyError as error:
        if store.server is not None:
            raise translate(error) from None
        url = make_url(store.url)
        where = (
            f"HUB_DATABASE_URL ({url.host or 'socket'}:{url.port or 5432}/{url.database or ''})"
        )
        said = str(error.orig) if isinstance(error, DBAPIError) else ""
        if any(words in said for words in _WRONG_SETTINGS):
            raise ConfigError(
                f"{where}: the server refuses this user, password or database"
            ) from None
        raise StoreAwayError(f"{where}: no answer; is PostgreSQL running there?") from None
