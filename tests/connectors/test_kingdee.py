"""金蝶云星空: its signed headers, and its pulls through the suite of every pull, against the simulated site."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from hub.connectors.base import Page, PullRequest
from hub.connectors.kingdee import CONNECTOR
from hub.connectors.kingdee.answers import checked_rows, plain_cell
from hub.connectors.kingdee.bills import BILLS, bill_of
from hub.connectors.kingdee.client import QUERY
from hub.connectors.kingdee.options import options_of
from hub.connectors.kingdee.queries import Place, modified_between, with_ids
from hub.connectors.kingdee.rows import Line, envelope_of, next_place
from hub.connectors.kingdee.signing import Application, client_secret, signed_headers, signed_path
from hub.connectors.kingdee.simulator import SimulatedBill, World
from hub.connectors.kingdee.simulator.bills import ENTRY_AMOUNT, ENTRY_ID
from hub.connectors.kingdee.simulator.server import build_app
from hub.connectors.limits import RateLimiter
from hub.connectors.sessions import NoTokens, PullPorts
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    HubError,
    PlatformDownError,
    PlatformRejectedError,
)
from hub.model.delivery import Envelope
from hub.privacy.keyring import KeyRing
from hub.settings import PullSettings, SourceSettings
from tests.connectors.suite import NOW, FakePlatform, PullSuite

PATH = f"/k3cloud/{QUERY}.common.kdsvc"
SITE = "http://127.0.0.1:9"
LINES = {"FEntryID": ENTRY_ID, "FEntryAmount": ENTRY_AMOUNT}
REFUSED = '[[{"Result":{"ResponseStatus":{"IsSuccess":"false","ErrorCode":500,"Errors":[{"Message":"1990000"}]}}}]]'
LOST = '{"Result":{"ResponseStatus":{"IsSuccess":false,"MsgCode":1,"Errors":[{"Message":"会话信息已丢失"}]}}}'


def a_source(stream: str, **options: Any) -> SourceSettings:
    world = World()
    return SourceSettings(
        platform="kingdee",
        pulls=(stream,),
        pull=PullSettings(page_size=10),
        options={
            "site": SITE,
            "acct_id": world.acct_id,
            "user": world.user,
            "org": world.org,
            "app_id": world.app_id,
            "secret_env": "HUB_KINGDEE_SECRET",
            "tries": 4,
            **options,
        },
    )


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_KINGDEE_SECRET", World().app_secret)


class FakeSite(FakePlatform):
    """The suite's view of the simulated site."""

    def __init__(self, source: SourceSettings, keyring: KeyRing) -> None:
        self.source, self._keyring = source, keyring
        self.world = World(clock=lambda: NOW)
        self.form = BILLS[source.pulls[0].removesuffix("_reread")].form_id
        self._next = 0
        self.until = NOW
        self.since: datetime | None = NOW - timedelta(days=1)

    @property
    def calls(self) -> int:  # type: ignore[override]  # counted by the site
        return self.world.requests

    def add(self, count: int, **changes: Any) -> list[SimulatedBill]:
        first, self._next = self._next, self._next + count
        made = [
            SimulatedBill(
                **{
                    "fid": 100_001 + n,
                    "form": self.form,
                    "bill_no": f"B{n}",
                    "day": NOW.date(),
                    "customer": n,
                    "contract": f"HT-{n}",
                    "entries_fen": (10_000 + n,),
                    "modified_at": NOW - timedelta(minutes=30),
                    **changes,
                }
            )
            for n in range(first, first + count)
        ]
        for bill in made:
            self.world.put(bill)
        return made

    def fill(self, count: int) -> list[str]:
        return [bill.key for bill in self.add(count)]

    def fail(self, *, permanent: bool, times: int) -> None:
        refusal = (200, REFUSED) if permanent else (502, "")
        self.world.refuse(*refusal, times=times)

    def fail_http(self, status: int, *, times: int) -> None:
        self.world.refuse(status, "", times=times)

    def client(self) -> httpx.AsyncClient:
        inner = httpx.ASGITransport(build_app(self.world))

        class Transport(httpx.AsyncBaseTransport):
            async def handle_async_request(_, request: httpx.Request) -> httpx.Response:  # noqa: N805 -- `self` is the site
                self.add(self.inserts)
                return await inner.handle_async_request(request)

        return httpx.AsyncClient(transport=Transport())

    async def pages(self) -> list[Page]:
        async def sleep(_: float) -> None:
            return None

        ports = PullPorts(
            tokens=NoTokens(),
            fingerprint=self._keyring.synthetic_id,
            limiter=RateLimiter(clock=lambda: float(self.calls), sleep=sleep),
            http=self.client,
            sleep=sleep,
            now=lambda: NOW,
        )
        request = PullRequest(self.source.pulls[0], self.since, self.until, self.cursor)
        async with CONNECTOR.session(self.source, ports) as session:
            return [page async for page in CONNECTOR.pages(session, request, self.source)]


def payloads(pages: list[Page], source: SourceSettings) -> list[dict[str, Any]]:
    records = [r for p in pages if p.envelope for r in CONNECTOR.split(p.envelope, source)]
    return [{"entity": record.entity, **json.loads(record.payload)} for record in records]


class BillSuite(PullSuite):
    connector = CONNECTOR

    @pytest.fixture
    def platform(self, keyring: KeyRing) -> FakePlatform:
        return FakeSite(self.source, keyring)


class TestReceivable(BillSuite):
    source = a_source("receivable")


class TestReceipt(BillSuite):
    source = a_source("receipt")


class TestRefund(BillSuite):
    source = a_source("refund")


class TestReceivableReread(BillSuite):
    source = a_source("receivable_reread")


class TestReceiptReread(BillSuite):
    source = a_source("receipt_reread")


class TestRefundReread(BillSuite):
    source = a_source("refund_reread")


# ---- the computed vectors


APP = Application(
    app_id="234567_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
    secret="kdAppSecretDemo01",
    acct_id="6571000000000a",
    user="leadhub",
    lcid=2052,
    org="100",
)


def test_the_secret_in_an_app_id_is_unmasked() -> None:
    assert client_secret(APP.app_id) == ("234567", "MDE3N2I2PzBrPzg4OD45N3IhK3B1InIk")


def test_a_call_is_signed_as_the_vendors_sdk_does() -> None:
    headers = signed_headers(APP, PATH, timestamp=1763784000)

    assert signed_path(PATH) == (
        "%2Fk3cloud%2FKingdee.BOS.WebApi.ServicesStub.DynamicFormService.ExecuteBillQuery.common.kdsvc"
    )
    assert headers["X-Api-Signature"] == (
        "ZWI0MGM0YmMzNzdjNWEwZmYwZTk4NWJjNWNhYjZjNDQwM2Q4NmI3YmIzYjQ1NjljYWVkNzcxODFmMWExMjE2Nw=="
    )
    assert headers["X-Kd-Appdata"] == "NjU3MTAwMDAwMDAwMGEsbGVhZGh1YiwyMDUyLDEwMA=="
    assert headers["X-Kd-Signature"] == (
        "MmZmZGM0NjBmOWNmNzRjYTU0ZDUzMjFiNWE3NjhhMTE3MmFlYzFlYWMzNTgxNzc1ZGQ4ZDJmZjA4YjUwNDk4OA=="
    )
    assert headers["X-Api-ClientID"] == "234567"
    assert (headers["x-api-timestamp"], headers["x-api-nonce"]) == ("1763784000", "1763784000")


@pytest.mark.parametrize("app_id", ["", "234567", "234567_short", "234567_" + "*" * 32])
def test_an_app_id_that_is_none_is_said_in_words(app_id: str) -> None:
    with pytest.raises(ConfigError, match="app_id"):
        client_secret(app_id)


# ---- what is asked


def test_a_filter_is_built_of_names_dates_and_numbers_only() -> None:
    options = options_of(a_source("receipt", zone="Asia/Shanghai"))
    start = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
    query = modified_between(BILLS["receipt"], options, start, start + timedelta(hours=1))
    document = query.document(Place(100_000, 0), 2000)

    assert document["FilterString"] == (
        "FModifyDate>='2026-11-22 00:00:00' and FModifyDate<='2026-11-22 01:00:00' and FID>100000"
    )
    assert document["FieldKeys"].startswith("FID,FBillNo,FDATE,FCONTACTUNIT.FNumber")
    assert with_ids(BILLS["receipt"], options, [3, 1]).conditions == ("FID in (1,3)",)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"receipt": {"FBillNo": "FBillNo' or '1'='1"}}, "fields.receipt.FBillNo"),
        ({"receipt": {"FDocumentStat": "X"}}, "FDocumentStat"),
        ({"receipt": {"FID": ""}}, "are needed"),
        ({"receipt": {"FEntryID": "FENTRYID"}}, "go together"),
        ({"invoice": {}}, "bills are"),
    ],
)
def test_field_names_that_cannot_be_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CONNECTOR.check(a_source("receipt", fields=fields))


@pytest.mark.parametrize("missing", ["site", "acct_id", "user", "app_id", "secret_env"])
def test_what_a_pull_needs_is_asked_for(missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        CONNECTOR.check(a_source("receipt", **{missing: ""}))


def test_a_source_names_the_entities_of_its_streams() -> None:
    source = a_source("receipt").model_copy(update={"pulls": ("receipt", "refund_reread")})

    assert CONNECTOR.entities(source) == ("receipt", "refund", "refund_gone")
    assert bill_of("nothing") is None


# ---- rows


def test_the_vendors_example_row_is_a_record_under_our_names() -> None:
    names = (
        "FID,FBillNo,FDATE,FDOCUMENTSTATUS,FCONTACTUNIT.FNumber,FCONTACTUNIT.FName,"
        "FCURRENCYID.FNumber,FRECTOTALAMOUNTFOR,FModifyDate"
    )
    body = (
        '[[100123,"SKD00000123","2026-11-21T00:00:00","C","CUST001","演示公司","PRE001",106000.0,'
        '"2026-11-22T09:30:00.123"]]'
    )
    envelope = Envelope("receipt", body.encode(), context={"names": names})

    [record] = CONNECTOR.split(envelope, a_source("receipt"))
    payload = json.loads(record.payload)
    assert (payload["BillKey"], payload["FormId"]) == ("100123", "AR_RECEIVEBILL")
    assert (payload["FID"], payload["FRECTOTALAMOUNTFOR"]) == (100123, "106000.0")
    assert payload["FCONTACTUNIT.FName"] == "演示公司"


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        (b"0.1", b'"0.1"'),
        (b"90071992547409.93", b'"90071992547409.93"'),
        (b"106000.0000000000", b'"106000.0000000000"'),
        (b"1.06E+5", b'"106000"'),
        (b"-5e-1", b'"-0.5"'),
        (b"100123", b"100123"),
        (b'"1.5"', b'"1.5"'),
        (b"null", b"null"),
    ],
)
def test_a_fraction_is_kept_digit_for_digit(cell: bytes, kept: bytes) -> None:
    import msgspec

    assert bytes(plain_cell(msgspec.Raw(cell))) == kept


def test_the_lines_of_a_bill_are_records_and_their_sum_is_the_bill(keyring: KeyRing) -> None:
    site = FakeSite(a_source("receipt", fields={"receipt": LINES}), keyring)
    site.add(1, entries_fen=(100, 250, 50))

    found = payloads(asyncio.run(site.pages()), site.source)
    assert [one["BillKey"] for one in found] == [
        "100001/1000010",
        "100001/1000011",
        "100001/1000012",
    ]
    assert [one["FEntryAmount"] for one in found] == [
        "1.0000000000",
        "2.5000000000",
        "0.5000000000",
    ]
    assert all("FRECTOTALAMOUNTFOR" not in one for one in found)


def test_a_field_of_a_line_without_the_lines_is_refused_for_the_head_would_be_counted_twice(
    keyring: KeyRing,
) -> None:
    fields = {"receipt": {"F_contract_number": ENTRY_ID}}
    site = FakeSite(a_source("receipt", fields=fields), keyring)
    site.add(1, entries_fen=(100, 250))

    with pytest.raises(PlatformRejectedError, match="several rows") as caught:
        asyncio.run(site.pages())
    assert caught.value.code == "entry_rows"


@pytest.mark.parametrize("lines", [1, 3, 25])
def test_a_bill_that_goes_on_over_the_page_is_read_whole(keyring: KeyRing, lines: int) -> None:
    site = FakeSite(a_source("receipt", fields={"receipt": LINES}), keyring)
    site.add(7, entries_fen=tuple(range(1, lines + 1)))

    keys = {one["BillKey"] for one in payloads(asyncio.run(site.pages()), site.source)}
    assert len(keys) == 7 * lines


def test_the_place_behind_a_page() -> None:
    page = [Line(1, "1/1", ""), Line(2, "2/1", ""), Line(2, "2/2", "")]

    assert next_place(Place(), page, 4, has_entries=True) is None
    assert next_place(Place(), page, 3, has_entries=True) == Place(1)
    assert next_place(Place(1), page[1:], 2, has_entries=True) == Place(1, 2)
    assert next_place(Place(), page[:2], 2, has_entries=False) == Place(2)


def test_another_zone_is_said_with_the_time() -> None:
    source = a_source("refund", zone="America/New_York")
    query = modified_between(BILLS["refund"], options_of(source), NOW, NOW)
    names = list(query.columns)
    row = [
        1 if name == "FID" else "2026-02-17T01:00:00" if name == "FModifyDate" else None
        for name in names
    ]
    envelope = envelope_of("refund", query, json.dumps([row]).encode())

    [record] = CONNECTOR.split(envelope, source)
    assert json.loads(record.payload)["FModifyDate"] == "2026-02-17T01:00:00-05:00"


@pytest.mark.parametrize("body", [b'[["x"]]', b"[[1,2]]", b"[[null]]", b"[1]"])
def test_a_row_that_is_not_as_asked_is_unreadable(body: bytes) -> None:
    envelope = Envelope("receipt", body, context={"names": "FID"})

    assert all(r.unreadable for r in CONNECTOR.split(envelope, a_source("receipt")))


# ---- what goes wrong


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (519, '{"errcode":4002}', PlatformRejectedError, "4002"),
        (519, '{"errcode":5001}', PlatformRejectedError, "options.site"),
        (519, "gateway", PlatformRejectedError, "none"),
        (200, "response_error: 1990000", PlatformDownError, "response_error"),
        (200, REFUSED, PlatformRejectedError, "500"),
        (200, '{"Result":{"ResponseStatus":{"IsSuccess":false}}}', PlatformRejectedError, "none"),
        (200, "<html>1990000</html>", PlatformRejectedError, "no list"),
        (502, "", PlatformDownError, "502"),
    ],
)
def test_every_shape_of_a_failure_is_an_error_that_says_what_to_do(
    status: int, body: str, error: type[HubError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        checked_rows(httpx.Response(status, text=body))
    assert "1990000" not in str(caught.value)


def test_an_empty_list_is_no_failure() -> None:
    assert checked_rows(httpx.Response(200, text="[]")) == []


def test_a_signature_that_is_too_old_is_made_anew_once(keyring: KeyRing) -> None:
    site = FakeSite(a_source("refund"), keyring)
    site.fill(1)
    site.world.refuse(times=1)
    assert len(asyncio.run(site.pages())) == 1

    site.world.refuse(times=2)
    with pytest.raises(PlatformRejectedError, match="clock"):
        asyncio.run(site.pages())


SESSION = {"auth": "session", "password_env": "HUB_KINGDEE_SECRET"}


@pytest.mark.parametrize("positional", [True, False])
def test_an_old_site_is_logged_in_to_and_once_more_when_the_session_is_lost(
    keyring: KeyRing, positional: bool
) -> None:
    site = FakeSite(a_source("refund", login_positional=positional, **SESSION), keyring)
    site.fill(25)
    site.world.refuse(200, LOST)

    assert len(asyncio.run(site.pages())) == 3
    assert site.calls == 4


def test_a_wrong_password_is_a_matter_for_a_person(
    keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_KINGDEE_SECRET", "wrong")
    site = FakeSite(a_source("refund", **SESSION), keyring)

    with pytest.raises(AuthorizationLostError, match="password"):
        asyncio.run(site.pages())


# ---- read again


def reread_site(keyring: KeyRing, **options: Any) -> FakeSite:
    site = FakeSite(a_source("receipt_reread", **options), keyring)
    site.since = None
    return site


def again(site: FakeSite, *, days: float = 1.0) -> list[dict[str, Any]]:
    """The records of the pull of the next day, whose cursor is kept."""
    site.until += timedelta(days=days)
    pages = asyncio.run(site.pages())
    if pages:
        site.cursor = json.loads(json.dumps(pages[-1].cursor))
    return payloads(pages, site.source)


def test_a_bill_that_was_deleted_is_missed_and_said_once(keyring: KeyRing) -> None:
    site = reread_site(keyring)
    site.fill(25)
    assert len(again(site)) == 25
    site.world.delete(100_005)

    found = again(site)
    gone = [one for one in found if one["entity"] == "receipt_gone"]
    assert [(one["BillKey"], one["FormId"]) for one in gone] == [("100005", "AR_RECEIVEBILL")]
    assert gone[0]["SeenGoneAt"] == site.until.isoformat()
    assert len(found) == 25
    assert not [one for one in again(site) if one["entity"] == "receipt_gone"]


def test_a_bill_whose_date_moved_out_of_the_listing_is_not_gone(keyring: KeyRing) -> None:
    site = reread_site(keyring)
    site.fill(3)
    again(site)
    site.world.change(100_002, day=NOW.date() - timedelta(days=200))

    assert [one["entity"] for one in again(site)] == ["receipt"] * 3


def test_bills_that_grow_out_of_the_listing_are_not_missed(keyring: KeyRing) -> None:
    site = reread_site(keyring, reread_days=10)
    site.fill(3)
    again(site)

    assert again(site, days=30) == []


def test_a_user_who_lost_a_right_does_not_cancel_the_books(keyring: KeyRing) -> None:
    site = reread_site(keyring)
    site.fill(40)
    again(site)
    for fid in range(100_001, 100_031):
        site.world.delete(fid)

    with pytest.raises(PlatformRejectedError, match="30 bills") as caught:
        again(site)
    assert caught.value.code == "many_gone"


def test_other_fields_are_not_compared_with_what_was_asked_before(keyring: KeyRing) -> None:
    site = reread_site(keyring)
    site.fill(3)
    again(site)
    site.source = a_source("receipt_reread", fields={"receipt": LINES})

    assert [one["entity"] for one in again(site)] == ["receipt"] * 3


def test_bills_are_read_again_once_a_day(keyring: KeyRing) -> None:
    site = reread_site(keyring)
    site.fill(3)
    again(site)
    calls = site.calls

    assert again(site, days=0.1) == []
    assert site.calls == calls


def test_an_interrupted_window_is_finished_before_the_next(keyring: KeyRing) -> None:
    site = FakeSite(a_source("refund"), keyring)
    site.since = None
    site.fill(25)
    whole = asyncio.run(site.pages())
    site.cursor = json.loads(json.dumps(whole[0].cursor))
    site.until = NOW + timedelta(hours=1)
    site.add(1, modified_at=NOW + timedelta(minutes=40))

    pages = asyncio.run(site.pages())
    assert {key for page in pages for key in page.external_ids} >= {
        str(100_001 + n) for n in range(10, 26)
    }
    assert pages[-1].cursor == {"watermark": site.until.isoformat()}
