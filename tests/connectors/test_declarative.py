"""A source without code passes the suite that every push passes, in both forms of a body."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from hub.connectors.declarative import CONNECTOR
from hub.errors import ConfigError
from hub.model.delivery import Envelope, HookRequest
from hub.settings import SignatureSettings, SourceSettings
from tests.connectors.suite import PushCase, PushSuite

SECRET = b"declared-secret"
SOURCE = SourceSettings(
    platform="declarative",
    push="records",
    signature=SignatureSettings(scheme="hmac_sha256", secret_env="HUB_X", header="x-signature"),
    options={"entity": "contract", "records_at": "data.list", "delivery_header": "X-Request-Id"},
)
CONTRACTS = [
    {"number": "HT-1", "amount": "106000.00", "party_name": "张三", "on_date": "2026-01-15"},
    {"number": "HT-2", "amount": "5", "remark": "联系人 19900001111"},
]


def a_request(body: Any) -> HookRequest:
    raw = json.dumps(body, ensure_ascii=False).encode()
    headers = {
        "content-type": "application/json",
        "x-signature": hmac.new(SECRET, raw, hashlib.sha256).hexdigest(),
        "x-request-id": "r-1",
    }
    return HookRequest("POST", b"", headers, raw, None)


def a_case(
    source: SourceSettings, body: Any, payloads: list[dict[str, Any]], entity: str
) -> PushCase:
    return PushCase(
        connector=CONNECTOR,
        source=source,
        request=a_request(body),
        secrets=(SECRET,),
        payloads=payloads,
        ack={"code": 0},
        delivery_key="r-1",
        secret_texts=(SECRET.decode(),),
        entity=entity,
    )


class TestList(PushSuite):
    """Several records under a path."""

    @pytest.fixture
    def case(self) -> PushCase:
        return a_case(SOURCE, {"data": {"list": CONTRACTS}}, CONTRACTS, "contract")


class TestOne(PushSuite):
    """The body is the record, which says its entity itself."""

    @pytest.fixture
    def case(self) -> PushCase:
        record = {"type": "approval", "contract_number": "HT-1", "state": "已审核通过"}
        options = {
            "entity": "contract",
            "entity_field": "type",
            "entities": ["approval"],
            "delivery_header": "X-Request-Id",
        }
        return a_case(replace_options(options), record, [record], "approval")


def replace_options(options: dict[str, Any]) -> SourceSettings:
    return SOURCE.model_copy(update={"options": options})


def split(body: bytes, source: SourceSettings = SOURCE) -> list[str | None]:
    return [r.unreadable for r in CONNECTOR.split(Envelope(shape="records", body=body), source)]


def test_what_is_no_record_is_kept_and_said() -> None:
    assert split(b"{") == ["DecodeError"]
    assert split(b'{"data": []}') == ["LookupError"]
    assert split(b'{"data": {"list": [1, {}]}}') == ["no object", None]


def test_an_entity_that_nobody_named_is_unreadable() -> None:
    source = replace_options({"entity": "contract", "entity_field": "type"})

    assert split(b'{"type": "poem"}', source) == ["unknown entity"]


def test_an_empty_list_is_no_record() -> None:
    assert split(b'{"data": {"list": []}}') == []


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="nonsense"):
        CONNECTOR.check(replace_options({"entity": "contract", "nonsense": 1}))


def test_without_a_header_the_body_tells_deliveries_apart() -> None:
    request = replace(a_request({}), headers={})

    assert CONNECTOR.delivery_key(request, SOURCE) is None
