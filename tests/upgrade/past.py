"""What a demo leaves out of a hub's past: held, queued and erased records, and a decision.

Run by `make.py` under the code of the release that is to be kept, on a store of the demo's that nobody else uses.
Prints what the test has to know, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.database.engine import driver
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.model.ids import lead_id, uuid7
from hub.privacy.keyring import KeyRing
from hub.privacy.sensitive import Sensitive
from hub.settings import HubSettings, home, load_settings
from hub.steps.erasure.erase import Request, Subject, erase
from hub.steps.identity.contact_decisions import split
from hub.steps.keys.ring import open_keyring
from hub.steps.load import Loader
from hub.steps.open_store import Store, open_store
from hub.steps.verify import verify

AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
SOURCE = "douyin-feiyu"
KNOWN, ERASED, SHARED = "19900107351", "19900107352", "19900107353"


def a_clue(number: int, phone: str, **more: Any) -> dict[str, Any]:
    """A clue as the platform lists it; the test sends one more of them."""
    return {
        "clue_id": str(7_499_000_000_000_000_000 + number),
        "advertiser_id": "1700000000000001",
        "create_time_detail": "2026-02-17 10:00:00",
        "clue_source": 1,
        "clue_type": 0,
        "name": "张三",
        "telephone": phone,
        "remark": "",
        **more,
    }


def take(store: Store, ring: KeyRing, settings: HubSettings, *clues: Mapping[str, Any]) -> None:
    """One page of a pull; a page's number follows from its clues."""
    body = json.dumps({"code": 0, "data": {"list": list(clues)}}, ensure_ascii=False).encode()
    delivery = seal_delivery(
        ring, SOURCE, settings.all_sources()[SOURCE], Envelope(shape="clue", body=body),
        Arrival(Via.PULL, AT, f"past-{clues[0]['clue_id']}"),
    )  # fmt: skip
    with store.engine.begin() as conn:
        store_deliveries(driver(conn), [delivery])


def part(store: Store) -> None:
    """A person says that two leads with one phone are two people."""
    side = lead_id("default", SOURCE, "lead", str(a_clue(5, SHARED)["clue_id"]), 0)
    with store.engine.connect() as conn:
        contact = conn.execute(
            sa.text("SELECT contact_id FROM crm.lead WHERE id = :id"), {"id": side}
        ).scalar_one()
    split(store.engine, contact, [side], by="tester", reason="t-8", now=AT, new_id=uuid7)


def main() -> None:
    """Live that past, then say what stands."""
    settings, ring = load_settings(), open_keyring()
    with open_store() as store:
        take(store, ring, settings, a_clue(1, KNOWN), a_clue(2, ERASED), a_clue(3, ERASED))
        take(store, ring, settings, a_clue(4, SHARED), a_clue(5, SHARED, name="李四"))
        take(store, ring, settings, *(a_clue(n, "-", name="") for n in range(6, 10)))
        loader = Loader(store.engine, ring, settings)
        try:
            loader.drain()
        finally:
            loader.close()
        request = Request("default", "tester", "ticket 7", AT)
        erase(
            store.engine, ring, settings, Subject(phone=Sensitive(ERASED)), request, dry_run=False
        )
        part(store)
        take(store, ring, settings, a_clue(10, KNOWN))  # still queued at the end of the past
        found = verify(store.engine, ring, spool=home() / "spool", deep=True)
    if not found.holds:
        sys.exit("the past does not hold")
    said = {
        "content_hash": found.content_hash,
        "leads": found.leads,
        "contacts": found.contacts,
        "documents": found.documents,
        "laws": {law.name: law.totals() for law in (found.delivery_law, found.record_law)},
    }
    Path(sys.argv[1]).write_text(json.dumps(said), "utf-8")


if __name__ == "__main__":
    main()
