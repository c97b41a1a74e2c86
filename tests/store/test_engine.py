"""The engine against a real server."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa

from hub.database.engine import driver, libpq_url, make_engine, sqlstate, store_errors
from hub.errors import StoreAwayError, StoreError

pytestmark = pytest.mark.postgres


def test_driver_works_in_the_transaction_of_its_connection(engine: sa.Engine):
    with engine.connect() as connection:
        driver(connection).execute("CREATE TABLE ops.scratch (n int)")
        connection.execute(sa.text("INSERT INTO ops.scratch VALUES (1)"))
        connection.rollback()

        assert connection.scalar(sa.text("SELECT to_regclass('ops.scratch')")) is None


def test_what_the_driver_did_first_is_committed_by_begin(engine: sa.Engine):
    with engine.begin() as connection:
        driver(connection).execute("CREATE TABLE ops.scratch (n int)")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT to_regclass('ops.scratch')")) is not None


def test_a_refused_value_is_not_in_the_error(engine: sa.Engine):
    statement = sa.text("SELECT CAST(:phone AS integer)")

    with pytest.raises(StoreError) as caught, store_errors(), engine.connect() as connection:
        connection.execute(statement, {"phone": "x10000000001"})

    assert "22P02" in str(caught.value)
    assert "10000000001" not in str(caught.value)


def test_sqlalchemy_hides_parameters(engine: sa.Engine):
    with pytest.raises(sa.exc.DBAPIError) as caught, engine.connect() as connection:
        connection.execute(sa.text("SELECT 1/:n, :phone"), {"n": 0, "phone": "10000000001"})

    assert sqlstate(caught.value) == "22012"
    assert "10000000001" not in str(caught.value)


def test_a_cut_connection_is_store_away_and_the_next_one_works(engine: sa.Engine):
    def cut() -> None:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StoreAwayError), store_errors():
        cut()
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


def test_a_connection_cut_while_idle_is_store_away_once(engine: sa.Engine, database_url: str):
    """There is no ping before a transaction: the first statement finds out, the next one works."""
    with engine.connect() as connection:
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    with psycopg.connect(libpq_url(database_url), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    with pytest.raises(StoreAwayError), store_errors(), engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


def test_a_dead_address_is_store_away():
    engine = make_engine("postgresql://hub@127.0.0.1:1/hub")

    with pytest.raises(StoreAwayError), store_errors():
        engine.connect()


def test_a_session_cannot_hold_vacuum_back_for_ever(engine: sa.Engine):
    with engine.connect() as connection:
        timeout = connection.scalar(sa.text("SHOW idle_in_transaction_session_timeout"))
        zone = connection.scalar(sa.text("SHOW timezone"))
        name = connection.scalar(sa.text("SHOW application_name"))

    assert (timeout, zone, name) == ("2min", "UTC", "lead-hub")
