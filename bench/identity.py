"""What a lead costs among many contacts: pages of the shared buffers, time and WAL, at 10⁵ and at 10⁶ (10⁷ by hand)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random

import psycopg

from bench import crowd, pages
from bench.figures import Bar, Spread
from bench.payloads import encoded, people, pushed
from bench.report import Check, Section, Table
from bench.stage import Stage, count
from hub.database.engine import libpq_url, make_engine
from hub.model.delivery import Delivery, Envelope, Via
from hub.steps.load import Loader

KNOWN_SHARE = 0.5
WARM_UP = 1_000
_LONG_AGO = datetime(2024, 3, 1, tzinfo=UTC)
_BUFFERS_BAR, _WALL_BAR = 1.3, 1.8
_ABOUT = (
    "{leads:,} pushed leads, queued beforehand, loaded by one loader among so many contacts of one merchant (each "
    "with one phone, one lead, one revision, one touchpoint); half of the leads bring the phone of a contact drawn "
    "from all of them, half a new one. {warm_up:,} leads before them are not counted. Buffers are all pages that the "
    "database looked at, hit or read (`pg_stat_database`), WAL is what the server wrote, full pages after the "
    "checkpoint included. Each run starts from a fresh copy."
)
_BUFFERS = "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()"
_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, among how many contacts, how many leads."""

    runs: int
    sizes: Sequence[int] = (100_000, 1_000_000)
    leads: int = 5_000


@dataclass(slots=True)
class _Costs:
    """Per lead, one value a run."""

    buffers: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)
    wal: list[float] = field(default_factory=list)


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `identity`."""
    costs = {size: _Costs() for size in plan.sizes}
    checks: list[Check] = []
    for size in plan.sizes:
        stage.template(f"bench_crowd_{size}", _crowd_of(stage, size))
        say(f"identity: {size:,} contacts are there")
    for run in range(plan.runs):
        for size in plan.sizes:
            checks += _one(stage, plan, size, costs[size], run)
            say(
                f"identity, run {run + 1}, {size:,} contacts: {costs[size].buffers[-1]:.1f} buffers,"
                f" {costs[size].wall_ms[-1]:.3f} ms, {costs[size].wal[-1]:,.0f} bytes of WAL a lead"
            )
    return _section(plan, costs, checks)


def _crowd_of(stage: Stage, size: int) -> Callable[[str], None]:
    return lambda url: crowd.fill(url, stage.keyring, size)


def _one(stage: Stage, plan: Plan, size: int, costs: _Costs, run: int) -> list[Check]:
    known = 0
    with stage.database(f"bench_crowd_{size}") as url:
        for number, leads in enumerate((WARM_UP, plan.leads)):
            known += pages_of(stage, url, size, leads, first=number * WARM_UP)
            before = _counters(url)
            seconds = _load(stage, url)
            after = _counters(url)
        costs.buffers.append((after[0] - before[0]) / plan.leads)
        costs.wall_ms.append(seconds * 1000 / plan.leads)
        costs.wal.append((after[1] - before[1]) / plan.leads)
        total = WARM_UP + plan.leads
        return [
            Check(f"run {run + 1}, {size:,}: leads", size + total, count(url, "SELECT count(*) FROM crm.lead")),
            Check(f"run {run + 1}, {size:,}: contacts", size + total - known,
                  count(url, "SELECT count(*) FROM crm.contact WHERE merged_into IS NULL")),
        ]  # fmt: skip


def pages_of(stage: Stage, url: str, size: int, leads: int, *, first: int) -> int:
    """Queue `leads` leads, numbered from `first` on; how many bring a known phone."""
    chance = Random(first)  # noqa: S311 -- invented data that can be repeated, no secret
    known = [chance.random() < KNOWN_SHARE for _ in range(leads)]

    def pushes() -> Iterator[Delivery]:
        for place, person in enumerate(people(leads, first=first)):
            number = _known(chance, size) if known[place] else size + first + place
            one = replace(person, mobile=crowd.mobile_of(number).removeprefix("+86"))
            envelope = Envelope(shape="clue_push", body=encoded(pushed(one)))
            yield pages.sealed(stage, envelope, Via.PUSH)

    pages.fill(url, pushes())
    return sum(known)


def _known(chance: Random, size: int) -> int:
    """A contact whose phone is not so long silent that it would be somebody else's."""
    while True:
        number = chance.randrange(size)
        if crowd.asked_at(number) > _LONG_AGO:
            return number


def _load(stage: Stage, url: str) -> float:
    """Empty the queue with one loader; seconds. Its connections are closed, so that their counters are written."""
    engine = make_engine(url)
    loader = Loader(engine, stage.keyring, stage.settings)
    try:
        loader.run_once()  # compiles, connects; the rest is measured from a warm loader on
        begun = time.perf_counter()
        loader.drain()
        return time.perf_counter() - begun
    finally:
        loader.close()
        engine.dispose()


def _counters(url: str) -> tuple[int, int]:
    """Pages looked at and bytes of WAL so far, our own look included."""
    with closing(psycopg.connect(libpq_url(url), autocommit=True)) as conn:
        buffers, wal = (conn.execute(query).fetchone() for query in (_BUFFERS, _WAL))
    return int(buffers[0]) if buffers else 0, int(wal[0]) if wal else 0


def _section(plan: Plan, costs: dict[int, _Costs], checks: list[Check]) -> Section:
    section = Section(
        "identity",
        "A lead among many contacts",
        _ABOUT.format(leads=plan.leads, warm_up=WARM_UP),
        checks=checks,
        raw={str(size): {"buffers": c.buffers, "wall_ms": c.wall_ms, "wal": c.wal} for size, c in costs.items()},
    )  # fmt: skip
    rows = [
        (
            f"{size:,} contacts",
            Spread.of(cost.buffers).shown(1),
            Spread.of(cost.wall_ms).shown(3),
            Spread.of(cost.wal).shown(),
        )
        for size, cost in costs.items()
    ]
    section.tables.append(Table(("", "buffers a lead", "ms a lead", "bytes of WAL a lead"), rows))
    small, *_, large = costs.values()
    first, last = plan.sizes[0], plan.sizes[-1]
    for what, bar, one, other in (
        ("buffers", _BUFFERS_BAR, large.buffers, small.buffers),
        ("wall", _WALL_BAR, large.wall_ms, small.wall_ms),
    ):
        got = Spread.of(one).median / Spread.of(other).median
        claim = f"{what} a lead, {last:,} over {first:,} contacts"
        section.bars.append(Bar(claim, bar, got, at_least=False, unit=" ×"))
    return section
