"""URLs, and what each database error means; no server needed."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hub.database.engine import libpq_url, normalise_url, store_errors, translate
from hub.errors import ConfigError, RecordError, StoreAwayError, StoreError


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_each_spelling_of_postgresql_is_taken(scheme: str):
    url = normalise_url(f" {scheme}://u:p%40w@h:5433/d?sslmode=require\n")

    assert url == "postgresql+psycopg://u:p%40w@h:5433/d?sslmode=require"
    assert libpq_url(url) == "postgresql://u:p%40w@h:5433/d?sslmode=require"


@pytest.mark.parametrize(
    "text", ["", "h:5432/d", "mysql://u:s3cret@h/d", "postgresql+psycopg2://u:s3cret@h/d", "://"]
)
def test_another_url_is_a_config_error_that_repeats_no_password(text: str):
    with pytest.raises(ConfigError) as caught:
        normalise_url(text)

    assert "s3cret" not in str(caught.value)


def test_a_url_over_a_socket_stays_one():
    url = "postgresql+psycopg://hub_app@/hub?host=%2Ftmp%2Fx"

    assert normalise_url(url) == url
    assert psycopg.conninfo.conninfo_to_dict(libpq_url(url)) == {
        "user": "hub_app",
        "dbname": "hub",
        "host": "/tmp/x",  # noqa: S108 -- a text only
    }


@pytest.mark.parametrize(
    "kind",
    [
        errors.ConnectionFailure,  # 08
        errors.DeadlockDetected,  # 40
        errors.SerializationFailure,
        errors.DiskFull,  # 53
        errors.TooManyConnections,
        errors.AdminShutdown,  # 57
        errors.QueryCanceled,
        errors.ReadOnlySqlTransaction,
        errors.LockNotAvailable,
        psycopg.OperationalError,  # no SQLSTATE: the connection broke
        psycopg.InterfaceError,  # "the connection is closed"
    ],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["psycopg", "sqlalchemy"])
def test_what_a_retry_may_change_is_store_away(kind: type[psycopg.Error], wrapped: bool):
    error: Exception = kind("text")
    if wrapped:
        error = DBAPIError("SELECT", {}, error)

    assert type(translate(error)) is StoreAwayError


@pytest.mark.parametrize(
    "kind",
    [
        errors.UniqueViolation,  # 23
        errors.NotNullViolation,
        errors.NumericValueOutOfRange,  # 22
        errors.UntranslatableCharacter,
        errors.UndefinedTable,  # 42
        errors.InsufficientPrivilege,
        psycopg.DataError,  # psycopg itself: a NUL in a text
        psycopg.ProgrammingError,
    ],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["psycopg", "sqlalchemy"])
def test_what_a_retry_cannot_change_is_store_error(kind: type[psycopg.Error], wrapped: bool):
    error: Exception = kind("text")
    if wrapped:
        error = DBAPIError("SELECT", {}, error)

    assert type(translate(error)) is StoreError


def test_a_pool_that_has_no_connection_left_is_store_away():
    assert isinstance(translate(PoolTimeoutError("30")), StoreAwayError)


def test_the_hubs_own_errors_pass_unchanged():
    error = RecordError("phone_missing")

    assert translate(error) is error
    with pytest.raises(RecordError), store_errors():
        raise error


def test_neither_text_nor_chain_of_an_error_repeats_a_value():
    """PostgreSQL writes `Key (phone)=(…) already exists`; a logged traceback would print it."""
    with pytest.raises(StoreError) as caught, store_errors():
        raise errors.UniqueViolation("Key (phone)=(10000000001) already exists")

    assert "10000000001" not in str(caught.value)
    assert caught.value.__suppress_context__
