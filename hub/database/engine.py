"""The engine, the psycopg connection under it, and what each database error means to the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from hub.errors import ConfigError, HubError, StoreAwayError, StoreError

# SQLSTATE classes after which the same statement may work later (design §3).
AWAY_CLASSES = ("08", "40", "53", "57")
# 25006: read-only, it has failed over; 25P03: idle_in_transaction timeout; 55P03: lock_timeout.
_AWAY_STATES = ("25006", "25P03", "55P03")
_SESSION = {
    "idle_in_transaction_session_timeout": "120s",  # a forgotten one holds back vacuum
    "lock_timeout": "60s",
    "timezone": "UTC",
}

# A server that vanished without a word is noticed after a minute, not after two hours.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def normalise_url(text: str) -> str:
    """`text` as a SQLAlchemy URL for psycopg 3; takes `postgres://`, `postgresql://` and `postgresql+psycopg://`.

    Raises:
        ConfigError: It is no URL, or not one of PostgreSQL. It may hold a password: the text does
            not repeat it.
    """
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "HUB_DATABASE_URL is no database URL; write postgresql://user:password@host:5432/name"
        ) from error
    if url.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ConfigError(f"HUB_DATABASE_URL: {url.drivername} is not PostgreSQL")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def libpq_url(url: str) -> str:
    """The same database as `url`, as libpq and `psycopg.connect` write it."""
    plain = make_url(normalise_url(url)).set(drivername="postgresql")
    return plain.render_as_string(hide_password=False)


def make_engine(url: str, *, pool_size: int = 5, application: str = "lead-hub") -> sa.Engine:
    """An engine on `url`; opens no connection yet.

    Its errors never print parameters. A connection that died in the pool is found out by the first
    statement, which is told as `StoreAwayError` and empties the pool: asking before every
    transaction would cost a round trip each.

    Args:
        url: As `normalise_url` takes it.
        pool_size: Connections kept open; as many again may be opened for a while.
        application: What `pg_stat_activity` shows.
    """
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    return sa.create_engine(
        normalise_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=30,
        hide_parameters=True,
        connect_args={
            **_PATIENCE,
            "application_name": application,
            "options": options,
        },
    )


def driver(connection: sa.Connection) -> psycopg.Connection[tuple[object, ...]]:
    """The psycopg connection under `connection`, in its transaction: for COPY and hot paths."""
    connection.get_transaction() or connection.begin()
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise TypeError("the engine was not made by make_engine")
    return raw


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a psycopg or SQLAlchemy error, `None` if the server sent none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(original, "sqlstate", None)
    return state if isinstance(state, str) else None


def translate(error: BaseException) -> HubError:
    """What `error` means to the hub: `StoreAwayError` (try again) or `StoreError` (do not).

    The text names the SQLSTATE and the constraint; PostgreSQL's own text would repeat values.
    """
    if isinstance(error, HubError):
        return error
    original = error.orig if isinstance(error, DBAPIError) else error
    state = sqlstate(error)
    if state is None:
        return _without_state(error, original)
    if state[:2] in AWAY_CLASSES or state in _AWAY_STATES:
        return StoreAwayError(f"the database is away or busy (SQLSTATE {state})")
    diagnostic = original.diag if isinstance(original, psycopg.Error) else None
    constraint = diagnostic.constraint_name if diagnostic else None
    where = f", constraint {constraint}" if constraint else ""
    return StoreError(f"the database refused (SQLSTATE {state}{where})")


def _without_state(error: BaseException, original: BaseException | None) -> HubError:
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(original, psycopg.OperationalError | sa.exc.TimeoutError | OSError):
        return StoreAwayError("the database is away (no connection)")
    if isinstance(original, psycopg.InterfaceError):
        return StoreAwayError("the database is away (connection closed)")
    return StoreError(f"the database refused ({type(original).__name__})")


@contextmanager
def store_errors() -> Iterator[None]:
    """Errors of psycopg and SQLAlchemy raised inside leave as the hub's own, without their texts.

    Raises:
        StoreAwayError: Try again later.
        StoreError: A retry will not change it.
    """
    try:
        yield
    except (psycopg.Error, SQLAlchemyError) as error:
        # `from None`: a log that prints the chain would print the values in the driver's text.
        raise translate(error) from None
