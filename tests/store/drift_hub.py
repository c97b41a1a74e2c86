"""A store with 星图 pushes before and after their change, and the findings that a change leads to."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from hub.database.engine import driver
from hub.drift.kinds import Kind, Sight, finding_id, severity_of, side_of
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.privacy.keyring import KeyRing
from hub.registry.files import schema_files
from hub.registry.findings import Finding, add_to_sources, save_findings
from hub.registry.live import publish
from hub.settings import HubSettings, MerchantSettings, SourceSettings
from hub.steps.drift.proposal import Gathered, gather
from hub.steps.drift.publish import Decision, Published, publish_proposal
from hub.steps.load import Loader

AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
FILES = schema_files(HubSettings())
TAGS: Mapping[str, Any] = {
    "fan_level": 3,
    "interact_count": 12,
    "follow_days": 30,
    "spend_level": "高",
    "interest_tags": ["美食", "旅行"],
    "active_level": "high",
    "device_type": "iOS",
    "source_video": "7412345678901234567",
}
NEW_FIELDS = (*TAGS, "douyin_id")
SETTINGS = HubSettings(
    merchants=(MerchantSettings(id="default"), MerchantSettings(id="agency")),
    sources={
        "star": SourceSettings(platform="douyin", push="star_push", owner="运营"),
        "agency-star": SourceSettings(platform="douyin", push="star_push", merchant="agency"),
    },
)


def a_star_push(number: int = 0, **changes: Any) -> dict[str, Any]:
    """An invented lead of creator marketing, as it was before the change; None takes a field away."""
    payload = {
        "star_id": 1800000000000000001,
        "order_id": 7000000000000000002,
        "item_id": 7500000000000000000 + number,
        "uid": str(90000000000000 + number),
        "phone": f"1990000{number:04d}",
        "name": "测试一",
        "create_time": "2026-02-17 11:00:00",
        **changes,
    }
    return {name: value for name, value in payload.items() if value is not None}


def a_new_star_push(number: int = 0, **changes: Any) -> dict[str, Any]:
    """The same after the change: a 抖音号 and eight tags beside the UID."""
    tags = {**TAGS, "interact_count": number}
    return a_star_push(number, **{**tags, "douyin_id": f"dy_demo_{number}", **changes})


def strict_documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """The agency's own mapping and contract: closed, held where it does not fit, the UID taken for 抖音号."""
    mapping = copy.deepcopy(FILES.mapping("douyin/star_push/1-0-0"))
    contract = copy.deepcopy(FILES.contract(mapping["from"]))
    mapping["mapping"], mapping["from"] = "douyin/star_push/1-0-7", "raw/douyin/star_push/1-0-7"
    contract |= {"$id": mapping["from"], "additionalProperties": False}
    mapping["off_contract"] = "hold"
    mapping["fields"]["douyin_id"] = mapping["fields"].pop("platform_state.uid")
    mapping["tests"] = []
    return mapping, contract


@dataclass
class DriftHub:
    """A store, one loader, and ways to put pushes and findings in."""

    engine: sa.Engine
    keyring: KeyRing
    settings: HubSettings = field(default_factory=lambda: SETTINGS)
    now: datetime = AT

    def __post_init__(self) -> None:
        self.loader = Loader(self.engine, self.keyring, self.settings, clock=lambda: self.now)
        self.loader.drain()  # registers merchants, sources and shipped mappings

    def load(self, payloads: Sequence[Mapping[str, Any]], *, source_key: str = "star") -> None:
        source = self.settings.all_sources()[source_key]
        self.now += timedelta(seconds=1)
        with self.engine.begin() as conn:
            store_deliveries(
                driver(conn),
                [
                    seal_delivery(
                        self.keyring, source_key, source,
                        Envelope(shape="star_push", body=json.dumps(p, ensure_ascii=False).encode()),
                        Arrival(Via.PUSH, self.now, f"{self.now.isoformat()}-{n}"),
                    )
                    for n, p in enumerate(payloads)
                ],
            )  # fmt: skip
        self.loader.drain()

    def publish_strict(self) -> None:
        mapping, contract = strict_documents()
        with self.engine.begin() as conn:
            publish(
                conn,
                mapping,
                contract=contract,
                merchant="agency",
                published_by="agency",
                reason="own",
            )

    def find(  # a finding as the evaluator writes it
        self,
        kind: Kind,
        pointer: str,
        *,
        scope: str = "",
        entity: str = "star_push",
        **detail: Any,
    ) -> Finding:
        member = str(detail.get("member", ""))
        source = "agency-star" if scope else "star"
        found = Finding(
            id=finding_id(scope, "douyin", entity, Sight(kind, pointer, member), source),
            merchant=scope, platform="douyin", entity=entity, source_key="", kind=kind, pointer=pointer,
            severity=severity_of(kind, held=0), breaks=side_of(kind, held=0), detail=detail,
            first_seen=AT, last_seen=self.now, count=5, reopened=0, owner=None, state="open",
            mapping_version=None,
        )  # fmt: skip
        with self.engine.begin() as conn:
            save_findings(conn, [found])
            add_to_sources(conn, [(found.id, scope or "default", source, AT, 5)])
        return found

    def find_founding(self, scope: str = "") -> list[Finding]:
        return [self.find(Kind.FIELD_ADDED, f"/{name}", scope=scope) for name in NEW_FIELDS]

    def gather(self, finding: Finding, **options: Any) -> Gathered:
        return gather(self.engine, self.keyring, self.settings, finding.id, **options)

    def publish(self, gathered: Gathered, *, by: str = "tester", **options: Any) -> Published:
        decision = Decision(by, "the change", **options)
        return publish_proposal(
            self.engine, self.keyring, self.settings, gathered, decision, lambda: self.now
        )

    def docs(self) -> dict[UUID, dict[str, Any]]:
        with self.engine.begin() as conn:
            rows = conn.execute(sa.text("SELECT id, sealed FROM crm.lead")).all()
        return {row.id: json.loads(self.keyring.unseal(row.sealed, row.id.bytes)) for row in rows}

    def count(self, table: str) -> int:
        with self.engine.begin() as conn:
            return int(conn.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608 -- a name of the test


def opened_hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[DriftHub]:
    """For fixtures: a hub whose loader is closed afterwards."""
    hub = DriftHub(engine, keyring)
    yield hub
    hub.loader.close()
