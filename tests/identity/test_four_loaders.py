"""Four loaders on overlapping clusters, and people who decide while they load: the same as an offline union-find."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.database.engine import driver
from hub.errors import ConfigError
from hub.model.ids import uuid7
from hub.steps.identity.contact_decisions import list_decisions, split, undo
from hub.steps.identity.decided import clusters_of
from hub.steps.lookup import NotFoundError
from tests.conftest import TestServer
from tests.identity.generator import generate
from tests.identity.store import Hub, Truth, partition

pytestmark = pytest.mark.postgres
SHORT, LONG = 2_000, 40_000
SIZES = [SHORT, pytest.param(LONG, marks=pytest.mark.chaos)]
_LARGE = sa.text(
    "SELECT contact_id, array_agg(id ORDER BY id) FROM crm.lead GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 200"
)
_WITHIN_S = 1500.0
WHO = "a person"


@dataclass
class Decider:
    """Somebody who splits contacts, and takes every third split back, as long as loaders run."""

    least: int
    chance: random.Random = field(default_factory=lambda: random.Random(9))
    splits: list[int] = field(default_factory=list)
    undone: int = 0
    while_loading: int = 0

    def decide(self, engine: sa.Engine, is_loading: Callable[[], bool]) -> None:
        """Decide until nothing is loaded any more and there are at least so many decisions."""
        deadline = time.monotonic() + _WITHIN_S
        while (is_loading() or len(self.splits) < self.least) and time.monotonic() < deadline:
            with engine.begin() as conn:
                rows = conn.execute(_LARGE).all()
            if rows and len(self.splits) < 20 * self.least:
                contact, leads = self.chance.choice(rows)
                self._split(engine, contact, leads)
                self.while_loading += is_loading()

    def _split(self, engine: sa.Engine, contact: UUID, leads: list[UUID]) -> None:
        now = datetime.now(UTC)
        side = leads[: self.chance.randint(1, len(leads) - 1)]
        try:
            done = split(
                engine, contact, side, by=WHO, reason="two customers", now=now, new_id=uuid7
            )
        except (ConfigError, NotFoundError):
            return  # a loader or an earlier split was faster
        assert done.decision is not None
        self.splits.append(done.decision)
        if len(self.splits) % 3 == 0:
            undo(engine, self.splits[-2], by=WHO, reason="mistaken", now=now, new_id=uuid7)
            self.undone += 1


@pytest.fixture
def hub(test_server: TestServer, template_database: str, tmp_path: Path) -> Iterator[Hub]:
    made = Hub(test_server, template_database, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("leads", SIZES)
def test_splits_and_undos_while_four_loaders_run_equal_the_offline_truth(
    hub: Hub, leads: int
) -> None:
    world = generate(leads, seed=11)
    random.Random(5).shuffle(world)
    truth = Truth(world, hub.ring)
    decider = Decider(least=leads // 100)
    found, stored = hub.load(hub.filled(world), 4, decider.decide)
    engine = hub.last_engine()
    try:
        with engine.begin() as conn:
            offline = clusters_of(driver(conn), truth.nodes)
        logged = len(list_decisions(engine, limit=100_000))
    finally:
        engine.dispose()

    assert decider.while_loading > 0
    assert logged == len(decider.splits) + decider.undone
    assert partition(stored) == partition(offline)
    assert (found.leads, found.misplaced, found.holds) == (leads, 0, True)
