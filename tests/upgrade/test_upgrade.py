"""The stores of older releases, brought to this one: the same state, nothing rewritten, and life goes on."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database.binaries import client_program
from hub.database.engine import driver, libpq_url, make_engine
from hub.database.migrate import HEAD, current_revision, upgrade
from hub.database.restoring import table_names
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.model.ids import lead_id
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, load_settings
from hub.steps.load import Loader
from hub.steps.verify import Verification, verify
from tests.upgrade.past import AT, ERASED, KNOWN, SOURCE, a_clue

pytestmark = pytest.mark.postgres
PASTS = sorted(Path(__file__).parent.glob("*/manifest.json"))
# What the way from a revision may touch: tables that are stored anew (they hold no row), and tables with new rows.
REWRITTEN = {"0012": {"ops.heartbeat"}}
WRITTEN = {"0012": {"alerts.alert"}}  # closed alerts are settled: nobody is told of them
WITHIN_S = 30.0


@dataclass
class Past:
    """A store as an older release left it, on a server of today."""

    folder: Path
    engine: sa.Engine
    said: dict[str, Any]
    ring: KeyRing
    settings: HubSettings

    def verify(self) -> Verification:
        return verify(self.engine, self.ring, deep=True, settings=self.settings)

    def drain(self) -> dict[str, int]:
        loader = Loader(self.engine, self.ring, self.settings)
        try:
            return dict(loader.drain().counts)
        finally:
            loader.close()

    def take(self, clue: dict[str, Any]) -> None:
        body = json.dumps({"code": 0, "data": {"list": [clue]}}, ensure_ascii=False).encode()
        source = self.settings.all_sources()[SOURCE]
        delivery = seal_delivery(
            self.ring, SOURCE, source, Envelope(shape="clue", body=body),
            Arrival(Via.PULL, AT, f"today-{clue['clue_id']}"),
        )  # fmt: skip
        with self.engine.begin() as conn:
            store_deliveries(driver(conn), [delivery])

    def contact_of(self, number: int) -> Any:
        own = lead_id("default", SOURCE, "lead", str(a_clue(number, "")["clue_id"]), 0)
        with self.engine.connect() as conn:
            return conn.execute(
                sa.text("SELECT contact_id FROM crm.lead WHERE id = :id"), {"id": own}
            ).scalar()


@pytest.fixture(params=PASTS, ids=lambda path: path.parent.name)
def past(request: pytest.FixtureRequest, empty_database_url: str) -> Iterator[Past]:
    folder = request.param.parent
    psql = client_program("psql", at_least=18).path
    subprocess.run(
        [psql, "--quiet", "-v", "ON_ERROR_STOP=1", "-d", libpq_url(empty_database_url)],
        input=gzip.decompress((folder / "store.sql.gz").read_bytes()),
        check=True, timeout=120, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    engine = make_engine(empty_database_url)
    ring = KeyRing.parse(json.loads((folder / "keys.json").read_text("utf-8")))
    said = json.loads(request.param.read_text("utf-8"))
    yield Past(folder, engine, said, ring, load_settings(folder / "hub.yaml"))
    engine.dispose()


def test_there_is_a_store_of_the_release_before() -> None:
    assert PASTS, "make one with tests/upgrade/make.py"


def test_an_older_store_becomes_ours_with_the_same_state(past: Past) -> None:
    """What it said of itself then is what is found now; nothing that stands is written again."""
    assert current_revision(past.engine) == past.said["revision"]
    with past.engine.begin() as conn:
        since = int(conn.exec_driver_sql("SELECT pg_current_xact_id()::text").scalar_one())
        tables = set(table_names(conn)) - {"ops.alembic_version"}
        files = stored_in(conn, tables)

    began = time.monotonic()
    assert upgrade(past.engine) is (past.said["revision"] != HEAD)
    took_s = time.monotonic() - began

    print(f"\n{past.said['revision']} -> {HEAD}: {took_s:.2f} s")  # noqa: T201 -- a figure for who runs it
    with past.engine.begin() as conn:
        moved = {name for name, file in stored_in(conn, tables).items() if file != files[name]}
        written = {name for name in tables if rows_since(conn, name, since)}
    assert moved <= REWRITTEN.get(past.said["revision"], set())
    assert written <= WRITTEN.get(past.said["revision"], set())
    assert took_s < WITHIN_S
    found = past.verify()
    assert found.content_hash == past.said["content_hash"]
    assert found.rebuilt
    assert found.rebuilt.content_hash == past.said["content_hash"]
    assert {law.name: law.totals() for law in (found.delivery_law, found.record_law)} == past.said[
        "laws"
    ]
    counted = {"leads": found.leads, "contacts": found.contacts, "documents": found.documents}
    assert counted == {name: past.said[name] for name in counted}
    assert found.holds


def test_life_goes_on_in_an_upgraded_store(past: Past) -> None:
    """What was queued loads, a person who was known is known, one who was erased stays so."""
    upgrade(past.engine)
    assert past.contact_of(1) is not None
    assert past.contact_of(10) is None

    assert past.drain() == {"loaded": 1}
    past.take(a_clue(11, KNOWN))
    past.take(a_clue(3, ERASED))

    assert past.drain().get("loaded") == 1
    assert past.contact_of(10) == past.contact_of(11) == past.contact_of(1)
    assert past.contact_of(3) is None
    assert past.contact_of(4) != past.contact_of(5)  # parted by a person
    assert past.verify().holds


def stored_in(conn: sa.Connection, tables: set[str]) -> dict[str, int]:
    """Table → the file that it is stored in: another one after it was rewritten."""
    rows = conn.execute(
        sa.text(
            "SELECT c.oid::regclass::text, c.relfilenode FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE n.nspname || '.' || relname = ANY(:tables)"
        ),
        {"tables": sorted(tables)},
    )
    return {str(row[0]).replace('"', ""): int(row[1]) for row in rows}


def rows_since(conn: sa.Connection, table: str, transaction: int) -> int:
    """Rows that this transaction or a later one wrote."""
    statement = f"SELECT count(*) FROM {quoted(table)} WHERE xmin::text::bigint >= {transaction}"  # noqa: S608 -- names of the catalog
    return int(conn.exec_driver_sql(statement).scalar_one())


def quoted(table: str) -> str:
    schema, _, name = table.partition(".")
    return f'"{schema}"."{name}"'
