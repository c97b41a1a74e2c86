"""A hub with one pushed source of every kind of business document, and its gate's clock."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hub.connectors.declarative.connector import DeclarativeConnector
from hub.database.engine import driver
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.model.ids import uuid7
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.load import Loader

AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
LEDGER = SourceSettings(
    platform="declarative",
    push="records",
    options={
        "entity": "contract",
        "entity_field": "type",
        "entities": [
            "opportunity",
            "approval",
            "signing",
            "receiving_account",
            "receivable",
            "invoice",
            "receipt",
            "refund",
            "order",
            "verification",
            "settlement",
        ],
    },
)


class FiguresHub:
    """A store into which documents are pushed and loaded as any are."""

    def __init__(self, engine: sa.Engine, keyring: KeyRing) -> None:
        self.engine = engine
        self.settings = HubSettings(sources={"ledger": LEDGER})
        self._keyring = keyring
        self._numbers = itertools.count()
        self.loader = Loader(
            engine,
            keyring,
            self.settings,
            found={"declarative": DeclarativeConnector()},
            clock=lambda: AT,
        )

    def post(
        self, *records: dict[str, Any], merchant: str = "default", at: datetime = AT
    ) -> dict[str, int]:
        """Push records in one delivery that arrives at `at`, and load them; outcomes."""
        body = json.dumps(list(records), ensure_ascii=False).encode()
        number = next(self._numbers)
        arrived = at + timedelta(seconds=number)
        own_id = uuid7(lambda: int(arrived.timestamp() * 1000))
        arrival = Arrival(Via.PUSH, arrived, f"push-{number}", delivery_id=own_id)
        source = LEDGER.model_copy(update={"merchant": merchant})
        delivery = seal_delivery(
            self._keyring, "ledger", source, Envelope(shape="records", body=body), arrival
        )
        with self.engine.begin() as conn:
            store_deliveries(driver(conn), [delivery])
        return dict(self.loader.drain().counts)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with self.engine.begin() as conn:
            return [tuple(row) for row in conn.execute(sa.text(query), values)]


def deal(
    number: str,
    amount: int,
    on_date: str = "2026-01-12",
    *,
    without: str = "",
    **changes: Any,
) -> list[dict[str, Any]]:
    """A contract of `amount` yuan with all its evidence, but what `without` names."""
    lacks = set(without.split())
    contract = {
        "type": "contract",
        "number": number,
        "on_date": on_date,
        "amount": amount,
        "party_code": f"K-{number}",
        "is_sealed": "seal" not in lacks,
        **({} if "scan" in lacks else {"scan_ref": f"oss://scans/{number}.pdf"}),
        **changes,
    }
    stage = {
        "type": "opportunity",
        "number": f"SJ-{number}",
        "contract_number": number,
        "state": "商务谈判" if "stage" in lacks else "已签约",
        "amount": amount,
        "expected_sign_on": on_date,
        **({} if "date" in lacks else {"expected_receipt_on": "2026-03-31"}),
    }
    legal = "驳回" if "legal" in lacks else "已审核通过"
    return [
        contract,
        *([] if "opportunity" in lacks else [stage]),
        {"type": "approval", "contract_number": number, "state": legal},
        *(
            []
            if "account" in lacks
            else [{"type": "receiving_account", "contract_number": number, "state": "已备案"}]
        ),
    ]


def invoice(
    number: int, contract: str | None, amount: int, on_date: str = "2026-01-20", **changes: Any
) -> dict[str, Any]:
    """An issued blue invoice of `amount` yuan."""
    named = {"contract_number": contract} if contract else {}
    return {
        "type": "invoice",
        "number": f"{26_000_000_000_000_000_000 + number}",
        "kind": "蓝票",
        "state": "已开票",
        "amount": amount,
        "on_date": on_date,
        **named,
        **changes,
    }


def stage(number: str, amount: int, **changes: Any) -> dict[str, Any]:
    """A signed opportunity of January."""
    return {
        "type": "opportunity",
        "number": number,
        "state": "已签约",
        "amount": amount,
        "expected_sign_on": "2026-01-15",
        "expected_receipt_on": "2026-03-01",
        **changes,
    }
