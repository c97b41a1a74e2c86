"""Storing deliveries: once by id, once by key, counted once, whatever the grouping and the order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa

from hub.database.engine import driver, libpq_url
from hub.inbox.deliveries import Stored, forget_expired_keys, known_ids, store_deliveries
from hub.model.delivery import Delivery, Lane, Via
from hub.model.ids import uuid7

pytestmark = pytest.mark.postgres
NOON = datetime(2026, 2, 17, 12, tzinfo=UTC)


def a_delivery(
    key: bytes = b"", *, at_s: float = 0, window_s: float = 3600, **changes: Any
) -> Delivery:
    own_id = uuid7()
    received_at = NOON + timedelta(seconds=at_s)
    made = Delivery(
        id=own_id,
        merchant="default",
        source_key="douyin-1",
        via=Via.PUSH,
        lane=Lane.LIVE,
        received_at=received_at,
        delivery_key=key or own_id.bytes,
        sealed=b"sealed \x00 bytes",
        key_expires_at=received_at + timedelta(seconds=window_s),
    )
    return replace(made, **changes)


def store(engine: sa.Engine, *deliveries: Delivery) -> list[Stored]:
    with engine.begin() as conn:
        return store_deliveries(driver(conn), deliveries, receiver="r1")


def column(engine: sa.Engine, statement: str) -> Sequence[Any]:
    with engine.connect() as conn:
        return conn.exec_driver_sql(statement).scalars().all()


def counts(engine: sa.Engine) -> tuple[int, int, int, int]:
    """Ledger rows, duplicates, queue rows, acknowledged."""
    parts = (
        "SELECT count(*) FROM inbox.delivery",
        "SELECT count(*) FROM inbox.delivery WHERE duplicate_of IS NOT NULL",
        "SELECT count(*) FROM inbox.queue WHERE NOT is_record",
        "SELECT coalesce(sum(deliveries), 0) FROM inbox.acknowledged",
    )
    one, two, three, four = (int(column(engine, part)[0]) for part in parts)
    return one, two, three, four


def test_a_delivery_is_stored_queued_and_counted(engine: sa.Engine) -> None:
    delivery = a_delivery()

    assert store(engine, delivery) == [Stored(delivery.id, None)]
    assert counts(engine) == (1, 0, 1, 1)
    assert column(engine, "SELECT sealed FROM inbox.queue") == [delivery.sealed]
    assert column(engine, "SELECT received_at FROM inbox.queue") == [NOON]


def test_storing_the_same_delivery_again_changes_nothing(engine: sa.Engine) -> None:
    """A drained spool record, or a retry after a COMMIT that nobody answered."""
    deliveries = [a_delivery(b"k1"), a_delivery(b"k2")]
    store(engine, *deliveries)

    again = store(engine, *reversed(deliveries))

    assert [one.is_new for one in again] == [False, False]
    assert counts(engine) == (2, 0, 2, 2)


def test_it_is_not_queued_again_after_it_was_loaded(engine: sa.Engine) -> None:
    delivery = a_delivery()
    store(engine, delivery)
    with engine.begin() as conn:
        conn.exec_driver_sql("DELETE FROM inbox.queue")

    store(engine, delivery)

    assert counts(engine) == (1, 0, 0, 1)


def test_a_known_key_makes_a_duplicate_without_payload(engine: sa.Engine) -> None:
    first, second = a_delivery(b"k"), a_delivery(b"k", at_s=60)
    store(engine, first)

    assert store(engine, second) == [Stored(second.id, first.id)]
    assert counts(engine) == (2, 1, 1, 2)
    assert store(engine, second) == [Stored(second.id, first.id, is_new=False)]


def test_two_equal_keys_in_one_group_are_one_delivery_and_one_duplicate(engine: sa.Engine) -> None:
    first, second, third = a_delivery(b"k"), a_delivery(b"k"), a_delivery(b"k")

    fates = store(engine, first, second, third)

    assert [fate.duplicate_of for fate in fates] == [None, first.id, first.id]
    assert counts(engine) == (3, 2, 1, 3)


def test_the_same_id_twice_in_one_group_is_one_delivery(engine: sa.Engine) -> None:
    delivery = a_delivery(b"k")

    assert store(engine, delivery, delivery) == [Stored(delivery.id, None)] * 2
    assert counts(engine) == (1, 0, 1, 1)


def test_an_expired_key_counts_as_new_by_the_time_of_receipt(engine: sa.Engine) -> None:
    first = a_delivery(b"k", window_s=60)
    late = a_delivery(b"k", at_s=60)
    early = a_delivery(b"k", at_s=119)
    store(engine, first)

    assert store(engine, late) == [Stored(late.id, None)]
    assert store(engine, early) == [Stored(early.id, late.id)]


def test_the_same_key_at_another_source_or_merchant_is_another(engine: sa.Engine) -> None:
    fates = store(
        engine,
        a_delivery(b"k"),
        a_delivery(b"k", source_key="douyin-2"),
        a_delivery(b"k", merchant="other"),
    )

    assert [fate.duplicate_of for fate in fates] == [None] * 3


def test_acknowledged_counts_by_receiver_and_window(engine: sa.Engine) -> None:
    store(engine, a_delivery(), a_delivery(at_s=29), a_delivery(at_s=31))

    found = column(engine, "SELECT deliveries FROM inbox.acknowledged ORDER BY window_start")

    assert found == [2, 1]


def test_a_retry_beside_its_own_unfinished_commit_is_no_duplicate(
    engine: sa.Engine, database_url: str
) -> None:
    """The first COMMIT is under way while the spool drains the same delivery."""
    delivery = a_delivery(b"k")
    with (
        psycopg.connect(libpq_url(database_url)) as hanging,
        psycopg.connect(libpq_url(database_url)) as second,
    ):
        store_deliveries(hanging, [delivery], receiver="r1")
        with psycopg.connect(libpq_url(database_url), autocommit=True) as watcher:
            waits = _wait_for_lock_then_commit(second, delivery, hanging, watcher)

    assert waits == [Stored(delivery.id, None, is_new=False)]
    assert counts(engine) == (1, 0, 1, 1)


def _wait_for_lock_then_commit(
    second: psycopg.Connection[Any],
    delivery: Delivery,
    hanging: psycopg.Connection[Any],
    watcher: psycopg.Connection[Any],
) -> list[Stored]:
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(store_deliveries, second, [delivery], receiver="r2")
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s"
        while not future.done():
            row = watcher.execute(blocked, (second.info.backend_pid,)).fetchone()
            if row and row[0]:
                break
        hanging.commit()
        fates = future.result(timeout=10)
        second.commit()
    return fates


def test_known_ids_tells_what_the_ledger_has(engine: sa.Engine) -> None:
    delivery = a_delivery()
    store(engine, delivery)

    with engine.begin() as conn:
        assert known_ids(driver(conn), [delivery.id, UUID(int=1)]) == {delivery.id}


def test_keys_are_forgotten_a_week_after_they_expired(engine: sa.Engine) -> None:
    old, young = a_delivery(b"old", window_s=60), a_delivery(b"young", window_s=120)
    store(engine, old, young)

    with engine.begin() as conn:
        assert forget_expired_keys(driver(conn), NOON + timedelta(days=7, seconds=90)) == 1

    assert column(engine, "SELECT key FROM inbox.delivery_key") == [b"young"]
    assert counts(engine) == (2, 0, 2, 2)
