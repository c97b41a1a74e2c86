"""Callbacks of invoicing platforms pass the suite that every push passes, for each vendor."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connectors.einvoice import CONNECTOR
from hub.database.engine import driver
from hub.errors import ConfigError
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, HookRequest, Via
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SignatureSettings, SourceSettings
from hub.steps.load import Loader
from hub.steps.verify import verify as verify_store
from tests.connectors.suite import NOW, PushCase, PushSuite

SECRET = "unguessable-path-part"
GAODENG = {
    "appkey": "demo",
    "message": "开票成功",
    "notify_type": "invoice.blue",
    "notify_time": "1763784000",
    "order_id": "KP-2026-0001",
    "g_unique_id": "g1",
    "order_sn": "g1",
    "ticket_sn": "12345678",
    "ticket_code": "012345678901",
    "ticket_date": "2026-11-22 12:00:00",
    "ticket_status": "3",
    "ticket_total_amount_has_tax": "106000.00",
}
INVOICES = [
    {
        "orderNo": "O-1",
        "buyerName": "张三",
        "includeTaxAmount": 9.54,
        "totalTaxAmount": 0.54,
        "invoiceStatus": "0",
        "invoiceNum": "26442000000000000001",
        "invoiceDate": "2026-02-11 12:06:51",
    },
    {"orderNo": "O-1", "buyerName": "李四", "invoiceStatus": "", "invoiceNum": ""},
]
BOLINK = {
    "invoice_order_no": "KP-112233",
    "notify_time": "2026-02-09 10:20:12",
    "open_invoiceTime": "2026-02-09 10:20:12",
    "message": "SUCCESS",
    "status": 5,
}


def a_source(push: str, **options: Any) -> SourceSettings:
    signature = SignatureSettings(scheme="static_path", secret_env="HUB_X")
    return SourceSettings(platform="einvoice", push=push, signature=signature, options=options)


def a_request(body: Any) -> HookRequest:
    raw = json.dumps(body, ensure_ascii=False).encode()
    return HookRequest("POST", b"", {"content-type": "application/json"}, raw, SECRET)


def in_base64(invoices: Any, kind: str = "INVOICE.OPEN") -> dict[str, str]:
    return {"type": kind, "data": base64.b64encode(json.dumps(invoices).encode()).decode()}


def a_case(push: str, body: Any, payloads: list[dict[str, Any]], ack: Any) -> PushCase:
    return PushCase(
        connector=CONNECTOR,
        source=a_source(push),
        request=a_request(body),
        secrets=(SECRET.encode(),),
        payloads=payloads,
        ack=ack,
        secret_texts=(SECRET,),
    )


class TestGaodeng(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        return a_case("gaodeng", GAODENG, [GAODENG], {"code": 0})


class TestPiaozone(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        payloads = [{"type": "INVOICE.OPEN", "invoice": invoice} for invoice in INVOICES]
        return a_case(
            "piaozone", in_base64(INVOICES), payloads, {"code": "0", "message": "success"}
        )


class TestBolink(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        return a_case("bolink", BOLINK, [BOLINK], {"code": 0})


@pytest.mark.parametrize("data", [INVOICES[0], [INVOICES[0]]])
def test_invoices_in_the_open_and_a_single_one_are_read_too(data: Any) -> None:
    source = a_source("piaozone")
    for body in ({"interfaceCode": "INVOICE.RED", "data": data}, in_base64(data, "INVOICE.RED")):
        envelope = CONNECTOR.envelope(a_request(body), source)
        [record] = CONNECTOR.split(envelope, source)

        assert json.loads(record.payload) == {"type": "INVOICE.RED", "invoice": INVOICES[0]}


@pytest.mark.parametrize("data", ["不是", "e30", base64.b64encode(b"<xml/>").decode(), 5, None])
def test_data_that_cannot_be_read_is_kept_whole(data: Any) -> None:
    source = a_source("piaozone")
    request = a_request({"type": "INVOICE.OPEN", "data": data})
    [record] = CONNECTOR.split(CONNECTOR.envelope(request, source), source)

    assert record.unreadable
    assert record.payload == request.body


def test_one_invoice_that_is_none_spoils_no_other() -> None:
    source = a_source("piaozone")
    request = a_request(in_base64([INVOICES[0], "?"]))
    records = CONNECTOR.split(CONNECTOR.envelope(request, source), source)

    assert [record.unreadable for record in records] == [None, "not_an_object"]


def test_another_acknowledgement_can_be_said() -> None:
    reply = CONNECTOR.accepted(a_request({}), a_source("bolink", ack="success"))

    assert reply.body == b"success"


def test_a_vendor_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="gaodeng, piaozone, bolink"):
        CONNECTOR.check(a_source("nuonuo"))


@pytest.mark.postgres
def test_an_invoice_is_one_document_through_issue_void_and_red(
    engine: sa.Engine, keyring: KeyRing
) -> None:
    """In any order and twice: blue, voiding, voided; and a red one of its own."""
    void = {k: v for k, v in GAODENG.items() if "amount" not in k} | {
        "notify_type": "invoice.invalid"
    }
    pushed = [
        {**void, "ticket_status": "6", "notify_time": "1763784300"},
        GAODENG,
        {**GAODENG, "ticket_status": "1", "ticket_sn": "", "ticket_code": "", "ticket_date": ""},
        {**void, "ticket_status": "4", "notify_time": "1763784200"},
        {**GAODENG, "notify_type": "invoice.red", "ticket_sn": "12345679"},
        GAODENG,
    ]
    source = a_source("gaodeng")
    for number, body in enumerate(pushed):
        envelope = Envelope("gaodeng", json.dumps(body).encode())
        arrival = Arrival(Via.PUSH, NOW, f"push-{number}")
        with engine.begin() as conn:
            store_deliveries(
                driver(conn), [seal_delivery(keyring, "invoices", source, envelope, arrival)]
            )
    settings = HubSettings(sources={"invoices": source})
    loader = Loader(engine, keyring, settings, clock=lambda: NOW)
    try:
        loader.drain()
    finally:
        loader.close()
    with engine.begin() as conn:
        rows = conn.execute(
            sa.text(
                "SELECT number, kind, state, amount_fen, on_date::text, facts->>'void_on'"
                " FROM finance.document ORDER BY number"
            )
        ).all()

    assert [tuple(row) for row in rows] == [
        ("12345678", "blue", "voided", 10_600_000, "2026-11-22", "2026-11-22"),
        ("12345679", "red", "issued", -10_600_000, "2026-11-22", None),
    ]
    assert verify_store(engine, keyring).record_law.is_balanced
