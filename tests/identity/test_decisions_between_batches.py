"""People split contacts and take splits back between the batches of a loader: always what offline says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.database.engine import driver, make_engine
from hub.errors import ConfigError
from hub.identity.edges import Node
from hub.model.ids import uuid7
from hub.steps import load
from hub.steps.identity.contact_decisions import split, undo
from hub.steps.identity.decided import clusters_of
from hub.steps.load import Loader
from hub.steps.lookup import NotFoundError
from tests.conftest import TestServer
from tests.identity.generator import generate
from tests.identity.store import SETTINGS, Hub, Truth, partition, together

pytestmark = pytest.mark.postgres
LEADS, BATCH = 1_500, 60
SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in range(2, 32))]
_SEVERAL = sa.text(
    "SELECT contact_id, array_agg(id ORDER BY id) FROM crm.lead GROUP BY 1 HAVING count(*) > 1 ORDER BY 1"
)
WHO, WHEN = "a person", datetime(2026, 2, 17, tzinfo=UTC)


class Decider:
    """Splits a contact, and now and then takes one of the splits back."""

    def __init__(self, engine: sa.Engine, chance: random.Random) -> None:
        self._engine = engine
        self._chance = chance
        self._splits: list[int] = []

    def decide(self) -> None:
        """One split where there is something to split, and perhaps an undo."""
        with self._engine.begin() as conn:
            rows = conn.execute(_SEVERAL).all()
        if rows:
            contact, leads = self._chance.choice(rows)
            side = leads[: self._chance.randint(1, len(leads) - 1)]
            with suppress(ConfigError, NotFoundError):  # merged: it has other leads, too, or none
                done = split(
                    self._engine, contact, side, by=WHO, reason="-", now=WHEN, new_id=uuid7
                )
                self._splits.append(done.decision or 0)
        if len(self._splits) > 2 and self._chance.random() < 0.4:
            number = self._splits.pop(self._chance.randrange(len(self._splits)))
            undo(self._engine, number, by=WHO, reason="-", now=WHEN, new_id=uuid7)


@pytest.fixture
def hub(test_server: TestServer, template_database: str, tmp_path: Path) -> Iterator[Hub]:
    made = Hub(test_server, template_database, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_after_every_batch_and_decision_the_store_is_what_offline_says(
    hub: Hub, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "LIVE_BATCH", BATCH)
    world = generate(LEADS, seed=seed)
    chance = random.Random(seed)
    chance.shuffle(world)
    truth = Truth(world, hub.ring)
    engine = make_engine(hub.url(hub.filled(world)))
    loader, decider = Loader(engine, hub.ring, SETTINGS), Decider(engine, chance)
    try:
        while loader.run_once() is not None:
            for _ in range(2):
                decider.decide()
                assert partition(together(engine)) == partition(offline(engine, truth))
    finally:
        loader.close()
        engine.dispose()


def offline(engine: sa.Engine, truth: Truth) -> dict[UUID, UUID]:
    """The clusters of the leads that are loaded by now, by the decision log as it is."""
    with engine.begin() as conn:
        loaded = set(conn.execute(sa.text("SELECT id FROM crm.lead")).scalars())
        nodes = {
            merchant: [Node(n.lead, list(n.keys), n.at) for n in own if n.lead in loaded]
            for merchant, own in truth.nodes.items()
        }
        return clusters_of(driver(conn), nodes)
