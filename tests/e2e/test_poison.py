"""A record that kills its loader is found by halving, held, and every other record loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.database.engine import driver, make_engine
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.privacy.keyring import KeyRing, new_keys
from hub.settings import SourceSettings
from hub.steps.replay import list_held
from hub.steps.verify import verify

pytestmark = pytest.mark.postgres
CLUES, POISONED = 60, 37
SOURCE = SourceSettings(platform="douyin", pulls=("clue",))


def a_clue(number: int) -> dict[str, object]:
    return {
        "clue_id": str(7_400_000_000_000_000_000 + number),
        "create_time_detail": "2026-02-17 08:00:00",
        "clue_source": 1,
        "clue_type": 0,
        "name": "张三",
        "telephone": f"199000{number:05d}",
        "remark": "poison" if number == POISONED else "fine",
    }


@pytest.mark.parametrize(
    ("poison_at", "clues_a_delivery"), [("map", 1), ("map", 20), ("split", 1)]
)
def test_a_record_that_kills_its_loader_is_held_and_the_rest_loads(
    database_url: str, tmp_path: Path, poison_at: str, clues_a_delivery: int
) -> None:
    keys = new_keys()
    ring = KeyRing.parse(keys)
    engine = make_engine(database_url)
    starts = range(0, CLUES, clues_a_delivery)
    with engine.begin() as conn:
        store_deliveries(
            driver(conn),
            [
                seal_delivery(
                    ring, "douyin", SOURCE,
                    Envelope(shape="clue", body=a_page(range(start, start + clues_a_delivery))),
                    Arrival(Via.PULL, datetime.now(UTC), f"page-{start}"),
                )
                for start in starts
            ],
        )  # fmt: skip
    (tmp_path / "hub.yaml").write_text(
        "sources: {douyin: {platform: douyin, pulls: [clue]}}", "utf-8"
    )
    environment = {
        **os.environ,
        "HUB_CONFIG": str(tmp_path / "hub.yaml"),
        "HUB_DATABASE_URL": database_url,
        "HUB_KEYS": json.dumps(keys),
        "POISON_AT": poison_at,
    }
    deaths = 0
    while subprocess.run(
        [sys.executable, "-m", "tests.e2e.poisoned_loader"], env=environment
    ).returncode:
        deaths += 1
        assert deaths < 30, "the loader keeps dying"

    found = verify(engine, ring, deep=True)
    held = list_held(engine)
    with engine.connect() as conn:
        left = conn.execute(sa.text("SELECT count(*) FROM inbox.queue")).scalar()
    engine.dispose()

    assert deaths >= 2
    assert left == 0
    assert found.holds
    assert found.leads == CLUES - 1
    assert [row["reason"] for row in held] == ["crashes_loader"]


def a_page(numbers: range) -> bytes:
    clues = [a_clue(number) for number in numbers]
    return json.dumps({"code": 0, "data": {"list": clues}}, ensure_ascii=False).encode()
