"""Group commit on a real PostgreSQL: grouped, retried, halved, spooled, drained; each delivery once."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from hub.database.engine import libpq_url
from hub.errors import RefusedError
from hub.inbox.spool import Spool, spooled
from hub.model.delivery import Delivery, Lane, Via
from hub.model.ids import uuid7
from hub.steps.receive import GroupCommit, Limits
from hub.steps.spool_drain import count_spooled

pytestmark = pytest.mark.postgres
NOON = datetime(2026, 2, 17, 12, tzinfo=UTC)
LIMITS = Limits(answer_within_s=0.5, last_drain_s=2.0)
NOWHERE = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"


def a_delivery(key: bytes = b"", source_key: str = "s1", at_s: float = 0) -> Delivery:
    own_id = uuid7()
    received_at = NOON + timedelta(seconds=at_s)
    return Delivery(
        id=own_id,
        merchant="default",
        source_key=source_key,
        via=Via.PUSH,
        lane=Lane.LIVE,
        received_at=received_at,
        delivery_key=key or own_id.bytes,
        sealed=b"sealed" * 20,
        key_expires_at=received_at + timedelta(days=1),
    )


@dataclass
class Place:
    """Where receivers of one test live: a database and a folder of spools."""

    url: str
    spools: Path
    engine: sa.Engine
    spool_bytes: int = 1_000_000

    @asynccontextmanager
    async def receiver(
        self, name: str = "r1", *, url: str | None = None, limits: Limits = LIMITS
    ) -> AsyncIterator[GroupCommit]:
        spool = Spool.open(self.spools, name, self.spool_bytes)
        group_commit = GroupCommit(url or self.url, spool, receiver=name, limits=limits)
        await group_commit.start()
        try:
            yield group_commit
        finally:
            await group_commit.close()

    def scalar(self, statement: str) -> Any:
        with self.engine.connect() as conn:
            return conn.exec_driver_sql(statement).scalar()

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as conn:
            for statement in statements:
                conn.exec_driver_sql(statement)

    def stored(self) -> list[UUID]:
        """Ids in the queue, in order."""
        with self.engine.connect() as conn:
            found = conn.exec_driver_sql("SELECT item_id FROM inbox.queue ORDER BY seq")
            return list(found.scalars())

    def acknowledged(self) -> int:
        return int(self.scalar("SELECT coalesce(sum(deliveries), 0) FROM inbox.acknowledged"))

    def lying(self) -> set[UUID]:
        return set(spooled(self.spools))


@pytest.fixture
def place(database_url: str, engine: sa.Engine, tmp_path: Path) -> Place:
    return Place(database_url, tmp_path / "spool", engine)


async def until(what: str, check: Callable[[], bool]) -> None:
    """Let the loop go on until `check` is true."""
    for _ in range(1500):
        if check():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"waited too long: {what}")


async def submit_all(group_commit: GroupCommit, deliveries: Sequence[Delivery]) -> list[UUID]:
    return list(await asyncio.gather(*(group_commit.submit(one) for one in deliveries)))


def test_requests_that_arrive_together_share_a_transaction(place: Place) -> None:
    deliveries = [a_delivery() for _ in range(200)]

    async def story() -> float:
        async with place.receiver() as receiver:
            assert await submit_all(receiver, deliveries) == [one.id for one in deliveries]
            return receiver.figures()["commit_groups_total"]

    assert asyncio.run(story()) <= 3
    assert set(place.stored()) == {one.id for one in deliveries}
    assert place.acknowledged() == 200
    assert not list(place.spools.glob("*/*.spool"))


def test_a_duplicate_is_acknowledged_under_the_first_ones_id(place: Place) -> None:
    first, twin, later = a_delivery(b"k"), a_delivery(b"k"), a_delivery(b"k")

    async def story() -> list[UUID]:
        async with place.receiver() as receiver:
            return [*await submit_all(receiver, [first, twin]), await receiver.submit(later)]

    assert asyncio.run(story()) == [first.id] * 3
    assert place.stored() == [first.id]
    assert place.acknowledged() == 3


def test_loaders_are_woken_after_the_commit(place: Place) -> None:
    async def story() -> None:
        listener = await psycopg.AsyncConnection.connect(libpq_url(place.url), autocommit=True)
        async with listener, place.receiver() as receiver:
            await listener.execute("LISTEN hub_inbox")
            await receiver.submit(a_delivery())
            async for notice in listener.notifies(timeout=10, stop_after=1):
                assert notice.channel == "hub_inbox"
                return
        raise AssertionError("nobody was woken")

    asyncio.run(story())


def test_a_connection_that_died_is_replaced_without_the_spool(place: Place) -> None:
    async def story() -> None:
        async with place.receiver() as receiver:
            await receiver.submit(a_delivery())
            place.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'hub receiver%%'"
            )
            await receiver.submit(a_delivery())
            assert receiver.figures()["deliveries_spooled_total"] == 0

    asyncio.run(story())
    assert len(place.stored()) == 2


def test_a_delivery_that_the_store_refuses_holds_up_only_itself(place: Place) -> None:
    """It is acknowledged, kept, told of, and stored once the store takes it."""
    good = [a_delivery() for _ in range(20)]
    bad = a_delivery(source_key="poison")
    place.execute(
        "ALTER TABLE inbox.queue ADD CONSTRAINT no_poison CHECK (source_key <> 'poison')"
    )

    async def refused() -> None:
        async with place.receiver() as receiver:
            await submit_all(receiver, [*good[:10], bad, *good[10:]])
            aside = place.spools / "refused" / f"{bad.id}.spool"
            await until("it is set aside", aside.exists)
            await until("the segment is gone", lambda: receiver.spool.deliveries == 0)
            assert not receiver.is_away

    asyncio.run(refused())
    assert sorted(place.stored()) == sorted(one.id for one in good)
    assert place.lying() == {bad.id}
    assert (
        place.scalar("SELECT severity FROM alerts.alert WHERE dedupe_key = 'spool-refused'")
        == "critical"
    )
    with place.engine.begin() as conn:
        assert count_spooled(conn, place.spools) == {"poison": 1}

    place.execute("ALTER TABLE inbox.queue DROP CONSTRAINT no_poison")

    async def taken() -> None:
        async with place.receiver("r2"):
            await until("it is stored", lambda: bad.id in place.stored())

    asyncio.run(taken())
    assert place.acknowledged() == 21
    assert place.lying() == set()


def test_a_read_only_store_fills_the_spool_and_is_drained_when_it_writes_again(
    place: Place,
) -> None:
    name = make_url(place.url).database
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'hub %%'"
    deliveries = [a_delivery(at_s=n) for n in range(5)]

    async def story() -> None:
        async with place.receiver() as receiver:
            place.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on", cut)
            await submit_all(receiver, deliveries)
            assert receiver.is_away
            assert receiver.can_take
            assert place.lying() == {one.id for one in deliveries}
            place.execute(
                "SET transaction_read_only = off", f"ALTER DATABASE {name} RESET ALL", cut
            )
            await until("drained", lambda: receiver.spool.deliveries == 0)
            assert not receiver.is_away

    asyncio.run(story())
    assert place.stored() == [one.id for one in deliveries]
    with place.engine.connect() as conn:
        found = conn.exec_driver_sql("SELECT received_at FROM inbox.queue ORDER BY seq").scalars()
        assert list(found) == [one.received_at for one in deliveries]


def test_a_commit_that_nobody_answers_is_spooled_within_the_limit(place: Place) -> None:
    delivery = a_delivery()

    async def story() -> None:
        async with place.receiver() as receiver:
            with psycopg.connect(libpq_url(place.url)) as blocker:
                blocker.execute("LOCK TABLE inbox.delivery_key IN ACCESS EXCLUSIVE MODE")
                async with asyncio.timeout(3):
                    assert await receiver.submit(delivery) == delivery.id
                assert place.lying() == {delivery.id}
                assert place.stored() == []
            await until("drained", lambda: receiver.spool.deliveries == 0)

    asyncio.run(story())
    assert place.stored() == [delivery.id]
    assert place.acknowledged() == 1


@dataclass
class DeafProxy:
    """Forwards to PostgreSQL's socket; once `deaf`, what the server says is swallowed."""

    target: str
    deaf: bool = False
    swallowed: threading.Event = field(default_factory=threading.Event)
    server: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def start(self) -> int:
        threading.Thread(target=self._accept, daemon=True).start()
        return int(self.server.getsockname()[1])

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.server.accept()
                upstream = socket.socket(socket.AF_UNIX)
                upstream.connect(self.target)
                for source, sink, back in ((client, upstream, False), (upstream, client, True)):
                    threading.Thread(
                        target=self._pump, args=(source, sink, back), daemon=True
                    ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        with suppress(OSError), source, sink:
            while data := source.recv(65_536):
                if back and self.deaf:
                    self.swallowed.set()
                else:
                    sink.sendall(data)


def test_a_commit_whose_answer_is_lost_is_not_stored_twice(place: Place) -> None:
    """It is in the store and in the spool; draining it changes nothing."""
    url = make_url(place.url)
    proxy = DeafProxy(f"{url.query['host']}/.s.PGSQL.{url.query.get('port', '5432')}")
    through = url.set(host="127.0.0.1", port=proxy.start()).set(query={})
    delivery, before = a_delivery(), a_delivery()

    async def story() -> None:
        text = through.render_as_string(hide_password=False)
        async with place.receiver(url=text) as receiver:
            await receiver.submit(before)
            proxy.deaf = True
            await receiver.submit(delivery)
            assert proxy.swallowed.is_set()
            assert delivery.id in place.stored()
            assert place.lying() == {delivery.id}
            proxy.deaf = False
            await until("drained", lambda: receiver.spool.deliveries == 0)

    try:
        asyncio.run(story())
    finally:
        proxy.server.close()
    assert place.stored() == [before.id, delivery.id]
    assert place.acknowledged() == 2


def test_without_a_store_and_with_a_full_spool_it_is_refused(place: Place) -> None:
    place.spool_bytes = 4096

    async def fill(receiver: GroupCommit) -> None:
        while True:
            await receiver.submit(a_delivery())

    async def story() -> float:
        async with place.receiver(url=NOWHERE) as receiver:
            assert not receiver.was_up
            with pytest.raises(RefusedError) as refusal:
                await fill(receiver)
            assert (refusal.value.reason, refusal.value.status) == ("spool_full", 503)
            assert not receiver.can_take
            return receiver.figures()["deliveries_spooled_total"]

    assert 0 < asyncio.run(story()) == len(place.lying())


def test_a_dead_receivers_spool_is_adopted_and_drained_in_order(place: Place) -> None:
    deliveries = [a_delivery(at_s=n) for n in range(300)]

    async def story() -> None:
        async with place.receiver("dead", url=NOWHERE) as receiver:
            await submit_all(receiver, deliveries)
        assert place.lying() == {one.id for one in deliveries}
        async with place.receiver("heir"):
            await until("adopted", lambda: not (place.spools / "dead").exists())

    asyncio.run(story())
    assert place.stored() == [one.id for one in deliveries]
    assert place.acknowledged() == 300
    assert list(place.spools.iterdir()) == []


def test_a_torn_spool_record_is_told_and_the_others_are_stored(place: Place) -> None:
    deliveries = [a_delivery(at_s=n) for n in range(3)]

    async def story() -> None:
        async with place.receiver("dead", url=NOWHERE) as receiver:
            await submit_all(receiver, deliveries)
        (segment,) = (place.spools / "dead").glob("*.spool")
        with segment.open("r+b") as file:
            file.truncate(segment.stat().st_size - 1)
        async with place.receiver("heir") as receiver:
            await until("adopted", lambda: not (place.spools / "dead").exists())
            assert receiver.figures()["spool_damaged_total"] == 1

    asyncio.run(story())
    assert place.stored() == [one.id for one in deliveries[:2]]
    assert (
        place.scalar("SELECT count(*) FROM alerts.alert WHERE dedupe_key LIKE 'spool-damaged:%%'")
        == 1
    )
    assert len(list((place.spools / "damaged").iterdir())) == 1


def test_two_receivers_with_the_same_keys_do_not_deadlock(place: Place) -> None:
    """Both take the same 1,500 keys at once, one of them backwards."""
    keys = [b"key-%d" % number for number in range(1500)]
    limits = Limits(answer_within_s=20.0, group=100)

    async def send(name: str, order: Sequence[bytes]) -> float:
        async with place.receiver(name, limits=limits) as receiver:
            await submit_all(receiver, [a_delivery(key) for key in order])
            return receiver.figures()["deliveries_spooled_total"]

    async def story() -> list[float]:
        return list(await asyncio.gather(send("r1", keys), send("r2", keys[::-1])))

    assert asyncio.run(story()) == [0, 0]
    assert len(place.stored()) == 1500
    assert place.acknowledged() == 3000
    assert (
        place.scalar("SELECT count(*) FROM inbox.delivery WHERE duplicate_of IS NOT NULL") == 1500
    )


def test_too_much_waiting_at_once_is_refused(place: Place) -> None:
    limits = Limits(answer_within_s=0.5, waiting=3)

    async def story() -> list[str]:
        async with place.receiver(url=NOWHERE, limits=limits) as receiver:
            given = [receiver.submit(a_delivery()) for _ in range(5)]
            answers = await asyncio.gather(*given, return_exceptions=True)
            return [answer.reason for answer in answers if isinstance(answer, RefusedError)]

    assert asyncio.run(story()) == ["busy", "busy"]


def test_closing_finishes_what_waits(place: Place) -> None:
    deliveries = [a_delivery() for _ in range(50)]

    async def story() -> None:
        async with place.receiver() as receiver:
            waiting: list[Awaitable[UUID]] = [
                asyncio.ensure_future(receiver.submit(one)) for one in deliveries
            ]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)

    asyncio.run(story())
    assert len(place.stored()) == 50


def test_a_store_that_was_never_migrated_is_away_and_loses_nothing(
    empty_database_url: str, place: Place
) -> None:
    delivery = a_delivery()

    async def story() -> None:
        async with place.receiver(url=empty_database_url) as receiver:
            await receiver.submit(delivery)
            assert receiver.is_away

    asyncio.run(story())
    assert place.lying() == {delivery.id}
