"""A merchant with a form, a Douyin account and books, for tests of campaigns and attribution."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from hub.database.engine import driver
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.finance.attribute import Attributed, attribute_deals
from hub.steps.finance.campaign_register import Wanted, add
from hub.steps.load import Loader

NOW = datetime(2026, 3, 31, 4, 0, tzinfo=UTC)
LIVE, SEARCH = "douyin_live_202602_q4", "baidu_search_202602"
PHONE, OTHER_PHONE = "19900001234", "19900005678"
ENTITIES = ["opportunity", "activity", "receipt", "refund", "invoice", "spend"]
SETTINGS = HubSettings.model_validate(
    {
        "forms": {"f": {}},
        "sources": {
            "douyin": {"platform": "douyin", "push": "clue_push", "pulls": ["clue"]},
            "books": {
                "platform": "declarative",
                "push": "records",
                "options": {"entity": "contract", "entity_field": "type", "entities": ENTITIES},
            },
        },
    }
)


@dataclass
class Shop:
    """A store of one merchant, and ways to put leads and documents in."""

    engine: sa.Engine
    keyring: KeyRing
    settings: HubSettings = SETTINGS
    loaders: list[Loader] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)

    def push(self, source_key: str, envelope: Envelope, via: Via = Via.PUSH) -> dict[str, int]:
        """Deliver and load; outcomes."""
        number = next(self.numbers)
        arrival = Arrival(via, NOW + timedelta(seconds=number), f"d-{number}")
        source = self.settings.all_sources()[source_key]
        delivery = seal_delivery(self.keyring, source_key, source, envelope, arrival)
        with self.engine.begin() as conn:
            store_deliveries(driver(conn), [delivery])
        if not self.loaders:
            self.loaders.append(
                Loader(self.engine, self.keyring, self.settings, clock=lambda: NOW)
            )
        return dict(self.loaders[0].drain().counts)

    def form(self, at: str, phone: str = PHONE, **changes: Any) -> None:
        """A web form posted at `at`."""
        body = {
            "submission_id": f"s-{next(self.numbers)}",
            "submitted_at": at,
            "fields": {"姓名": "张三", "手机": phone, **changes.pop("fields", {})},
            "consent": {"privacy": True},
            **changes,
        }
        envelope = Envelope("form", json.dumps(body).encode(), context={"form": "f"})
        assert self.push("form-f", envelope, Via.FORM) == {"loaded": 1}

    def clue(self, at: str, phone: str = PHONE, **changes: Any) -> None:
        """A clue that Douyin pushes; `at` is China's time."""
        body = {
            "clueId": f"74{next(self.numbers):017d}",
            "name": "张三",
            "mobile": phone,
            "create_time": at,
            **changes,
        }
        assert self.push("douyin", Envelope("clue_push", json.dumps(body).encode())) == {
            "loaded": 1
        }

    def book(self, *records: dict[str, Any]) -> None:
        """Documents of the books."""
        counts = self.push("books", Envelope("records", json.dumps(list(records)).encode()))
        assert not {"held", "broken"} & set(counts), counts

    def register(self, *wanted: Wanted) -> None:
        """Register campaigns."""
        add(self.engine, self.settings, "default", list(wanted), by="a person", now=NOW)

    def run(self) -> Attributed:
        """Attribute."""
        return attribute_deals(self.engine, self.keyring, self.settings, "default", NOW)

    def shares(self, model: str = "position") -> dict[tuple[str, str], int]:
        """Channel and campaign → fen."""
        query = (
            "SELECT channel, campaign, sum(fen)::int8 FROM finance.share WHERE model = :model"
            " GROUP BY 1, 2"
        )
        return {(row[0], row[1]): row[2] for row in self.rows(query, model=model)}

    def rows(self, query: str, **parameters: Any) -> list[Any]:
        """Rows of a query."""
        with self.engine.begin() as conn:
            return list(conn.execute(sa.text(query), parameters).all())

    def contacts(self) -> list[UUID]:
        """The contacts that leads stand under."""
        return [row[0] for row in self.rows("SELECT DISTINCT contact_id FROM crm.lead")]

    def close(self) -> None:
        """Let the loaders go."""
        for loader in self.loaders:
            loader.close()


def contract(number: str = "HT-1", **changes: Any) -> dict[str, Any]:
    """A contract over 32,000.00 yuan with the person's phone."""
    return {
        "type": "contract", "number": number, "on_date": "2026-02-20", "amount": "32000",
        "currency": "CNY", "state": "生效", "mobile_e164": PHONE, **changes,
    }  # fmt: skip
