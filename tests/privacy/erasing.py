"""A hub in this process whose leads a test makes one by one: clues of an ad account, some unusable."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.connectors.douyin.simulator.people import a_clue
from hub.database.engine import driver
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.privacy.keyring import KeyRing
from hub.privacy.sensitive import Sensitive
from hub.settings import HubSettings, SourceSettings
from hub.steps.erasure.erase import Receipt, Request, Subject, erase
from hub.steps.load import Loader
from hub.steps.verify import Verification, verify

MORNING = datetime(2026, 2, 17, 1, 0, tzinfo=UTC)
ERASED_AT = MORNING + timedelta(hours=2)
SETTINGS = HubSettings(
    sources={
        "ads": SourceSettings(platform="douyin", pulls=("clue",)),
        "other": SourceSettings(platform="douyin", pulls=("clue",)),
    }
)


class ErasingHub:
    """One store; `clue` makes a clue, `take` stores clues as a pull's page, `load` loads what is queued."""

    def __init__(self, engine: sa.Engine, keyring: KeyRing) -> None:
        self.engine, self.keyring = engine, keyring
        self._pages = 0

    def clue(
        self, number: int, phone: str, *, at: datetime = MORNING, **more: Any
    ) -> dict[str, Any]:
        made = a_clue(1, number, "1700000000000001", at, at)
        listed = replace(made, telephone=phone, name=f"测试{number}").listed(
            at + timedelta(hours=1)
        )
        return {**listed, **more}

    def take(self, *clues: Mapping[str, Any], at: datetime = MORNING, source: str = "ads") -> None:
        self._pages += 1
        body = json.dumps({"code": 0, "data": {"list": list(clues)}}, ensure_ascii=False).encode()
        delivery = seal_delivery(
            self.keyring, source, SETTINGS.sources[source], Envelope(shape="clue", body=body),
            Arrival(Via.PULL, at, f"page-{self._pages}"),
        )  # fmt: skip
        with self.engine.begin() as conn:
            store_deliveries(driver(conn), [delivery])

    def load(self) -> dict[str, int]:
        loader = Loader(self.engine, self.keyring, SETTINGS)
        try:
            return dict(loader.drain().counts)
        finally:
            loader.close()

    def erase(self, *, dry_run: bool = False, at: datetime = ERASED_AT, **subject: Any) -> Receipt:
        named: dict[str, Any] = {
            name: Sensitive(value) if isinstance(value, str) else value
            for name, value in subject.items()
        }
        request = Request("default", "tester", "ticket 7", at)
        return erase(
            self.engine, self.keyring, SETTINGS, Subject(**named), request, dry_run=dry_run
        )

    def verify(self) -> Verification:
        return verify(self.engine, self.keyring, deep=True, settings=SETTINGS)

    def rows(self, query: str, **values: Any) -> Sequence[Any]:
        with self.engine.begin() as conn:
            return conn.execute(sa.text(query), values).all()

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 -- names of tests

    def opened(self) -> str:
        """All that anybody with the keys could read: every sealed body of the store."""
        found = []
        for table, aad in (("inbox.record", "id"), ("crm.lead", "id")):
            for row in self.rows(f"SELECT {aad}, sealed FROM {table} WHERE sealed IS NOT NULL"):  # noqa: S608 -- names of this method
                found.append(self.keyring.unseal(bytes(row[1]), row[0].bytes).decode())
        return "\n".join(found)


def log_of(home: Path) -> list[Any]:
    return [json.loads(line) for line in (home / "erasures.jsonl").read_text("utf-8").splitlines()]
