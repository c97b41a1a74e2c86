"""Promise 6: one archive, one state, whatever the number of loaders and the order between leads."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database.engine import driver, make_engine
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.privacy.keyring import KeyRing, new_keys
from hub.settings import SourceSettings
from hub.steps.verify import Verification, verify
from tests.conftest import TestServer

pytestmark = pytest.mark.postgres
SEED = 6
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
SOURCE = SourceSettings(platform="douyin", pulls=("clue",))
CONFIG = "sources: {douyin: {platform: douyin, pulls: [clue]}}\n"
SHORT, LONG = 600, 20_000
SIZES = [SHORT, pytest.param(LONG, marks=pytest.mark.chaos)]


class Archive:
    """One filled inbox that can be copied, so that every number of loaders gets the same input."""

    def __init__(self, server: TestServer, template: str, folder: Path) -> None:
        self.keys = new_keys()
        self.ring = KeyRing.parse(self.keys)
        self._server = server
        self._folder = folder
        self.name = server.create(template)
        self._made = [self.name]
        (folder / "hub.yaml").write_text(CONFIG, "utf-8")

    def fill(self, pages: Iterable[tuple[datetime, list[dict[str, Any]]]]) -> None:
        """Store pages of clues, as a pull would."""
        engine = make_engine(self._server.url_of(self.name))
        with engine.begin() as conn:
            store_deliveries(
                driver(conn),
                [
                    seal_delivery(
                        self.ring, "douyin", SOURCE,
                        Envelope(shape="clue", body=json.dumps({"code": 0, "data": {"list": clues}}).encode()),
                        Arrival(Via.PULL, at, f"page-{n}"),
                    )
                    for n, (at, clues) in enumerate(pages)
                ],
            )  # fmt: skip
        engine.dispose()

    def load(self, loaders: int) -> tuple[Verification, dict[str, set[str]]]:
        """Load a copy with so many processes; what a deep verification says, and who is together."""
        name = self._server.create(self.name)
        self._made.append(name)
        url = self._server.url_of(name)
        environment = {
            **os.environ,
            "HUB_HOME": str(self._folder),
            "HUB_CONFIG": str(self._folder / "hub.yaml"),
            "HUB_DATABASE_URL": url,
            "HUB_KEYS": json.dumps(self.keys),
        }
        command = [sys.executable, "-m", "hub.cli.main", "work", "--quiet", "--until-empty"]
        running = [subprocess.Popen(command, env=environment) for _ in range(loaders)]
        assert [process.wait(600) for process in running] == [0] * loaders
        engine = make_engine(url)
        try:
            return verify(engine, self.ring, deep=True), _together(engine, self.ring)
        finally:
            engine.dispose()

    def close(self) -> None:
        """Drop every copy."""
        for name in self._made:
            self._server.drop(name)


def _together(engine: sa.Engine, ring: KeyRing) -> dict[str, set[str]]:
    """Root contact → the clue ids of its leads, read from the store alone."""
    with engine.begin() as conn:
        merged: dict[Any, Any] = dict(
            conn.execute(
                sa.text("SELECT id, merged_into FROM crm.contact WHERE merged_into IS NOT NULL")
            ).all()  # type: ignore[arg-type]  # rows of two are pairs
        )
        groups: dict[str, set[str]] = {}
        for row in conn.execute(sa.text("SELECT id, contact_id, sealed FROM crm.lead")):
            root = row.contact_id
            while root in merged:
                root = merged[root]
            doc = json.loads(ring.unseal(row.sealed, row.id.bytes))
            groups.setdefault(str(root), set()).add(doc["message"])
    return groups


@pytest.fixture
def archive(test_server: TestServer, template_database: str, tmp_path: Path) -> Iterator[Archive]:
    made = Archive(test_server, template_database, tmp_path)
    yield made
    made.close()


def a_clue(number: int, name: str, phone: int) -> dict[str, Any]:
    return {
        "clue_id": str(7_400_000_000_000_000_000 + number),
        "advertiser_id": "1700000000000001",
        "create_time_detail": "2026-02-17 08:00:00",
        "clue_source": 1,
        "clue_type": 0,
        "name": name,
        "telephone": f"199{phone:08d}",
        "remark": f"clue-{number}",
    }


def revised_leads(leads: int) -> list[tuple[datetime, list[dict[str, Any]]]]:
    """Three revisions a lead, a tenth of them doubled, every seventh lead A → B → A, all shuffled into pages."""
    chance = random.Random(SEED)
    revisions = []
    for number in range(leads):
        names = ["甲", "乙", "甲"] if number % 7 == 0 else ["甲", "乙", "丙"]
        for turn, name in enumerate(names):
            at = AT + timedelta(minutes=turn, milliseconds=number)
            copies = 2 if chance.random() < 0.1 else 1
            revisions += [(at, a_clue(number, name, number % (leads * 3 // 4)))] * copies
    chance.shuffle(revisions)
    return [(at, [clue]) for at, clue in revisions]


@pytest.mark.parametrize("leads", SIZES)
def test_one_two_and_four_loaders_give_one_content_hash(archive: Archive, leads: int) -> None:
    """Without the fold, two loaders left 2,375 of 20,000 leads stale."""
    archive.fill(revised_leads(leads))
    results = {loaders: archive.load(loaders)[0] for loaders in (1, 2, 4)}

    for loaders, found in results.items():
        assert found.holds, f"{loaders} loaders: stale {found.stale}, misplaced {found.misplaced}"
        assert found.leads == leads
        assert found.stale == 0
    assert len({found.content_hash for found in results.values()}) == 1


def overlapping_people(leads: int) -> list[tuple[datetime, list[dict[str, Any]]]]:
    """Leads whose phone changes between revisions, so that clusters grow into each other while they load."""
    chance = random.Random(SEED + 1)
    pages = []
    for number in range(leads):
        for turn in range(2):
            at = AT + timedelta(minutes=turn, milliseconds=number)
            phone = chance.randrange(leads * 3)
            pages.append((at, [a_clue(number, "甲", phone)]))
    chance.shuffle(pages)
    return pages


@pytest.mark.parametrize("leads", SIZES)
def test_overlapping_clusters_of_four_loaders_equal_an_offline_union_find(
    archive: Archive, leads: int
) -> None:
    """Anything weaker than the merchant's lock silently split hundreds of persons."""
    pages = overlapping_people(leads)
    archive.fill(pages)
    found, together = archive.load(4)

    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for _, [clue] in pages:
        a, b = root(clue["remark"]), root(clue["telephone"])
        parent[max(a, b)] = min(a, b)
    expected: dict[str, set[str]] = {}
    for _, [clue] in pages:
        expected.setdefault(root(clue["remark"]), set()).add(clue["remark"])

    assert found.misplaced == 0
    assert {frozenset(group) for group in together.values()} == {
        frozenset(group) for group in expected.values()
    }
