"""Publishing at the very moment at which a batch is under way strands nothing (design §5, live version)."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connectors.douyin.simulator import PushSender, World
from hub.crm.tables import lead
from hub.database.engine import driver
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.inbox.tables import held, queue
from hub.model.delivery import Envelope, Via
from hub.ops.windows import add_counts
from hub.privacy.keyring import KeyRing
from hub.registry.files import SchemaFiles
from hub.settings import HubSettings, MerchantSettings, SourceSettings
from hub.steps.drift.watch import Watch
from hub.steps.load import Loader
from hub.steps.publish import check_document, publish_checked
from tests.e2e.founding_story import MERCHANT, ROOT, SOURCE, strict_documents

pytestmark = pytest.mark.postgres

FILES = SchemaFiles(ROOT / "schemas")
STAR = SourceSettings(platform="douyin", merchant=MERCHANT, push="star_push")
SETTINGS = HubSettings(merchants=(MerchantSettings(id=MERCHANT),), sources={SOURCE: STAR})
Documents = tuple[dict[str, Any], dict[str, Any]]
LEADS = 5


@pytest.fixture
def loader(engine: sa.Engine, keyring: KeyRing) -> Iterator[Loader]:
    made = Loader(engine, keyring, SETTINGS)
    yield made
    made.close()


def publish(engine: sa.Engine, documents: Documents) -> None:
    mapping, contract = documents
    checked = check_document(FILES, mapping, contract)
    publish_checked(engine, checked, merchant=MERCHANT, published_by="tester", reason="test")


def tolerant(version: str) -> Documents:
    """The shipped rules as a version of the merchant's own; from the second on with 用户抖音号."""
    mapping = copy.deepcopy(FILES.mapping("douyin/star_push/1-0-0"))
    contract = copy.deepcopy(dict(FILES.contract("raw/douyin/star_push/1-0-0")))
    return _as(mapping, contract, version)


def strict(version: str) -> Documents:
    """The agency's rules; from the second version on they know what came."""
    mapping, contract = strict_documents()
    if version != "2-0-0":
        contract["additionalProperties"] = True
    return _as(mapping, contract, version)


def _as(mapping: dict[str, Any], contract: dict[str, Any], version: str) -> Documents:
    contract["$id"] = f"raw/douyin/star_push/{version}"
    mapping |= {"mapping": f"douyin/star_push/{version}", "from": contract["$id"]}
    if version != "2-0-0":
        mapping["fields"]["douyin_id"] = "douyin_id"
        mapping["tests"] = []
    return mapping, contract


def push(engine: sa.Engine, keyring: KeyRing, count: int) -> None:
    """Leads in the new form, as the receiver stores them."""
    world = World(5)
    world.use_drift("douyin-id-required")
    sender = PushSender(world, "http://127.0.0.1:9/")
    deliveries = []
    for clue in world.add_star_clues(count):
        body, kind = sender.body(clue)
        envelope = Envelope(shape="star_push", body=body, content_type=kind)
        arrival = Arrival(Via.PUSH, datetime.now(UTC))
        deliveries.append(seal_delivery(keyring, SOURCE, STAR, envelope, arrival))
    with engine.begin() as conn:
        store_deliveries(driver(conn), deliveries, receiver="test")


def count(engine: sa.Engine, table: sa.Table) -> int:
    with engine.begin() as conn:
        return int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


@pytest.mark.parametrize("rules", [tolerant, strict], ids=["tolerant", "strict"])
def test_what_a_batch_under_way_loaded_or_held_by_the_old_version_is_mapped_anew(
    engine: sa.Engine,
    keyring: KeyRing,
    loader: Loader,
    monkeypatch: pytest.MonkeyPatch,
    rules: Any,
) -> None:
    publish(engine, rules("2-0-0"))
    push(engine, keyring, LEADS)
    published: list[bool] = []
    count_up = add_counts

    def publish_first(*arguments: Any) -> None:
        """All is mapped and written, nothing is committed: now another connection publishes."""
        if not published:
            published.append(True)
            publish(engine, rules("2-0-1"))
        count_up(*arguments)

    monkeypatch.setattr("hub.steps.load.add_counts", publish_first)
    first = loader.run_once()
    assert first is not None
    assert first.counts == {"held" if rules is strict else "loaded": LEADS}
    watch = Watch(engine, SETTINGS, loader.observer)
    while watch.tick(force=True) or loader.run_once() is not None:
        pass

    with engine.begin() as conn:
        rows = conn.execute(sa.select(lead)).mappings().all()
    assert [row["mapping_version"] for row in rows] == ["douyin/star_push/2-0-1"] * LEADS
    docs = [json.loads(keyring.unseal(row["sealed"], row["id"].bytes)) for row in rows]
    assert all(doc["douyin_id"].startswith("dy_demo_") for doc in docs)
    assert count(engine, held) == count(engine, queue) == 0
