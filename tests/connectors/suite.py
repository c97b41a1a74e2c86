"""What every connector must do, whatever its platform. Subclass and give the cases as fixtures."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.connectors.base import Connector, Page
from hub.connectors.signatures import verify
from hub.database.engine import driver
from hub.errors import (
    HubError,
    PlatformRejectedError,
    SignatureError,
    TransientError,
)
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, HookReply, HookRequest, Via
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.hook_delivery import envelope_of, platform_key_of
from hub.steps.load import Loader
from hub.steps.verify import Verification
from hub.steps.verify import verify as verify_store
from tests.connectors.checks import Check, shows

NOW = datetime(2026, 2, 17, 12, 0, tzinfo=UTC)
SCHEMAS = Path(__file__).parents[2] / "schemas"
# The cases never change, and each subclass runs the same test on purpose.
_FINE = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
# What stands for a person in the cases: invented numbers and names.
PERSONAL = re.compile(r"1(?:99|00)0\d{7}|张三|李四|测试一|测试二")
ANYTHING = settings(suppress_health_check=_FINE, max_examples=150, deadline=None)


def contract_of(platform: str, entity: str) -> Any:
    """The newest raw contract of an entity."""
    folder = SCHEMAS / "raw" / platform / entity
    newest = max(folder.glob("*.json"), key=lambda path: tuple(map(int, path.stem.split("-"))))
    return jsonschema_rs.validator_for(json.loads(newest.read_text("utf-8")))


@dataclass(frozen=True)
class PushCase:
    """One kind of push: a good request with its secret, and what must come of it."""

    connector: Connector
    source: SourceSettings
    request: HookRequest
    secrets: tuple[bytes, ...]
    payloads: Sequence[Mapping[str, Any]]
    ack: Any
    delivery_key: str | None = None
    challenge: HookRequest | None = None
    answer: Any = None
    has_contract: bool = True
    secret_texts: tuple[str, ...] = field(default=())
    entity: str = ""  # where it is another word than the push's shape

    @property
    def is_signed(self) -> bool:
        """Whether what guards the push depends on its body."""
        return not self.source.signature.scheme.startswith("static")

    def people(self) -> set[str]:
        """What of its payloads is about a person."""
        return set(PERSONAL.findall(json.dumps(self.payloads, ensure_ascii=False)))


def compact(answer: Any) -> bytes:
    """An answer as platforms want it: JSON without a blank."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def tampered(body: bytes) -> list[bytes]:
    """A body with one byte more, one less, one changed."""
    middle = len(body) // 2
    other = b"1" if body[middle : middle + 1] != b"1" else b"2"
    return [body[:-1], body[:middle] + other + body[middle + 1 :]]


def unsigned(request: HookRequest) -> list[HookRequest]:
    """A push without what proves where it comes from, or with something else in its place."""
    kept = {k: v for k, v in request.headers.items() if k == "content-type"}
    bare = replace(request, headers=kept, query=b"", body=b"{}", path_secret=None)
    wrong = ("", "0" * 40, "sha1=", "张三", "\udc80", "a" * 10_000)
    return [
        bare,
        *(
            replace(
                bare, headers={**dict.fromkeys(request.headers, text), **kept}, path_secret=text
            )
            for text in wrong
        ),
    ]


class PushSuite:
    """A push: verified, acknowledged in the platform's form, split into what the contract accepts."""

    @pytest.fixture
    def case(self) -> PushCase:
        raise NotImplementedError

    def test_its_shape_is_registered(self, case: PushCase) -> None:
        """So that the report knows of it; see `tests.connectors.cases`."""
        from tests.connectors.cases import CONNECTORS  # it imports the suites

        assert type(self) in CONNECTORS[case.connector.platform].pushes[str(case.source.push)]

    def test_a_good_push_is_verified(self, case: PushCase) -> None:
        verify(case.source.signature, case.request, case.secrets, NOW)

    @shows(Check.SIGNATURE)
    def test_a_bad_signature_is_refused(self, case: PushCase) -> None:
        with pytest.raises(SignatureError):
            verify(case.source.signature, case.request, (b"another secret",), NOW)
        reply = case.connector.refused(case.request, case.source)

        assert reply.status >= 400
        assert reply != case.connector.accepted(case.request, case.source)

    @shows(Check.SIGNATURE)
    def test_what_is_tampered_with_or_malformed_is_refused_with_one_error(
        self, case: PushCase
    ) -> None:
        bad = unsigned(case.request)
        if case.is_signed:
            bad += [replace(case.request, body=body) for body in tampered(case.request.body)]

        for request in bad:
            with pytest.raises(SignatureError):
                verify(case.source.signature, request, case.secrets, NOW)

    @ANYTHING
    @given(text=st.text(max_size=60), body=st.binary(max_size=60))
    @shows(Check.SIGNATURE)
    def test_no_signature_and_no_body_make_any_other_error(
        self, case: PushCase, text: str, body: bytes
    ) -> None:
        headers = dict.fromkeys(case.request.headers, text)
        request = HookRequest("POST", text.encode("utf-8", "replace"), headers, body, text)

        with pytest.raises(SignatureError):
            verify(case.source.signature, request, case.secrets, NOW)

    @shows(Check.ANSWERS)
    def test_a_good_push_is_acknowledged_in_the_platforms_form(self, case: PushCase) -> None:
        reply = case.connector.accepted(case.request, case.source)

        assert (reply.status, reply.body) == (200, compact(case.ack))

    def test_the_platforms_id_of_a_delivery_is_its_key(self, case: PushCase) -> None:
        assert case.connector.delivery_key(case.request, case.source) == case.delivery_key

    def test_a_push_splits_into_its_records(self, case: PushCase) -> None:
        envelope = case.connector.envelope(case.request, case.source)
        records = case.connector.split(envelope, case.source)

        assert [json.loads(record.payload) for record in records] == case.payloads
        assert {record.entity for record in records} == {case.entity or case.source.push}
        assert not any(record.unreadable for record in records)

    def test_what_it_splits_the_contract_accepts(self, case: PushCase) -> None:
        if not case.has_contract:
            return
        entity = case.entity or str(case.source.push)
        contract = contract_of(case.connector.platform, entity)
        envelope = case.connector.envelope(case.request, case.source)

        for record in case.connector.split(envelope, case.source):
            contract.validate(json.loads(record.payload))

    def test_secrets_do_not_end_up_in_records(self, case: PushCase) -> None:
        request = replace(case.request, path_secret="path-secret-1234")
        envelope = case.connector.envelope(request, case.source)
        kept = repr(case.connector.split(envelope, case.source)) + repr(envelope.headers)

        for secret in ("path-secret-1234", *case.secret_texts):
            assert secret not in kept

    def test_a_delivery_is_no_challenge(self, case: PushCase) -> None:
        assert case.connector.challenge(case.request, case.source) is None

    @shows(Check.ANSWERS)
    def test_a_challenge_is_answered(self, case: PushCase) -> None:
        if case.challenge is None:
            return  # the platform has none
        reply = case.connector.challenge(case.challenge, case.source)

        assert isinstance(reply, HookReply)
        assert (reply.status, reply.body) == (200, compact(case.answer))

    @ANYTHING
    @given(
        body=st.binary(max_size=200),
        content_type=st.sampled_from(
            [
                "application/json",
                "application/x-www-form-urlencoded; charset=gbk",
                "",
                "x/y; charset=?",
            ]
        )
        | st.text(max_size=30),
        method=st.sampled_from(["GET", "POST"]),
    )
    def test_no_bytes_make_it_raise(
        self, case: PushCase, body: bytes, content_type: str, method: str
    ) -> None:
        headers = {"content-type": content_type}
        request = HookRequest(method, body, headers, body)
        case.connector.challenge(request, case.source)
        case.connector.delivery_key(request, case.source)
        envelope = case.connector.envelope(request, case.source)
        records = case.connector.split(envelope, case.source)

        assert all(
            record.unreadable or type(json.loads(record.payload)) is dict for record in records
        )

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[" * 100_000,
            b'{"a":"\xff"}',
            b'{"a":"\\ud800"}',
            b"null",
            b"[1,2]",
            b'"x"',
        ],
    )
    def test_an_unreadable_body_is_one_record_that_says_so(
        self, case: PushCase, body: bytes
    ) -> None:
        request = replace(
            case.request,
            body=body,
            headers={**case.request.headers, "content-type": "application/json"},
        )
        envelope = case.connector.envelope(request, case.source)
        (record,) = case.connector.split(envelope, case.source)

        assert record.unreadable
        assert record.payload == body

    @pytest.mark.postgres
    @shows(Check.ONCE)
    def test_however_often_and_in_whatever_order_it_comes_it_is_once_in_the_crm(
        self, case: PushCase, engine: sa.Engine, keyring: KeyRing
    ) -> None:
        """A retry, the same bytes after its key was forgotten, and the later before the earlier."""
        store = CaseStore(case, engine, keyring)
        store.deliver(minutes=5)
        once = store.load()
        rows = store.rows()
        assert once.record_law.totals()["records"] == len(case.payloads)

        for minutes in (9, 5, 1):
            store.deliver(minutes=minutes)
            store.deliver(minutes=minutes, key=f"forgotten-{minutes}")
        again = store.load()

        assert again.record_law.is_balanced
        assert again.delivery_law.is_balanced
        assert (again.leads, again.contacts) == (once.leads, once.contacts)
        assert store.rows() == rows

    @pytest.mark.postgres
    @shows(Check.PRIVATE)
    def test_nothing_of_a_person_reaches_a_log_or_an_error(
        self,
        case: PushCase,
        engine: sa.Engine,
        keyring: KeyRing,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        said: list[str] = []
        with caplog.at_level(logging.DEBUG):
            for request in (case.request, *unsigned(case.request)):
                try:
                    verify(case.source.signature, request, (b"another secret",), NOW)
                except SignatureError as error:
                    said.append(repr(error))
                case.connector.challenge(request, case.source)
                said.append(repr(case.connector.refused(request, case.source)))
            store = CaseStore(case, engine, keyring)
            store.deliver(minutes=1)
            for number, body in enumerate(tampered(case.request.body)):
                store.deliver(minutes=2 + number, key=f"bad-{number}", body=body)
            store.load()
        said += [caplog.text, store.told()]

        assert not [person for person in case.people() for text in said if person in text]


KEY = "case"


class CaseStore:
    """A real database to which a case is delivered, as the receiver would."""

    def __init__(self, case: PushCase, engine: sa.Engine, keyring: KeyRing) -> None:
        self._case, self._engine, self._keyring = case, engine, keyring
        self._settings = HubSettings(sources={KEY: case.source})

    def deliver(self, *, minutes: int, key: str | None = None, body: bytes | None = None) -> None:
        """The case's push, received so late; with a `key` of its own it is no retry for the archive."""
        case = self._case
        request = case.request if body is None else replace(case.request, body=body)
        found = key or platform_key_of(case.connector, request, case.source)
        arrival = Arrival(Via.PUSH, NOW + timedelta(minutes=minutes), found)
        envelope = envelope_of(case.connector, request, case.source)
        delivery = seal_delivery(self._keyring, KEY, case.source, envelope, arrival)
        with self._engine.begin() as conn:
            store_deliveries(driver(conn), [delivery])

    def load(self) -> Verification:
        """Load what came, and look at everything."""
        loader = Loader(self._engine, self._keyring, self._settings, clock=lambda: NOW)
        try:
            loader.drain()
        finally:
            loader.close()
        return verify_store(self._engine, self._keyring, deep=True)

    def rows(self) -> dict[str, int]:
        """How many leads, contacts, their keys and interactions there are."""
        tables = ("lead", "contact", "interaction", "contact_key")
        with self._engine.begin() as conn:
            return {
                name: int(conn.scalar(sa.text(f"SELECT count(*) FROM crm.{name}")) or 0)  # noqa: S608 -- names of this suite
                for name in tables
            }

    def told(self) -> str:
        """What a person is shown of what is held, no lead or alerted."""
        with self._engine.begin() as conn:
            shown = [
                *conn.scalars(sa.text("SELECT h::text FROM inbox.held h")),
                *conn.scalars(sa.text("SELECT n::text FROM inbox.not_a_lead n")),
                *conn.scalars(sa.text("SELECT a::text FROM alerts.alert a")),
            ]
        return "\n".join(shown)


class FakePlatform:
    """A platform to pull from: `fill` it, make it fail, and look at the calls."""

    calls = 0
    slept: Sequence[float] = ()
    cursor: Mapping[str, Any] = {}
    """What the next pull starts from."""
    inserts = 0
    """How many new records appear before each answer."""

    def needed(self, records: int) -> int:
        """Calls that so many records take: one for a page of ten, unless each is asked about by itself."""
        return -(-records // 10)

    @abstractmethod
    def fill(self, count: int) -> list[str]:
        """Have `count` records; their ids, in the order they are listed."""

    @abstractmethod
    def fail(self, *, permanent: bool, times: int) -> None:
        """Answer the next calls with an error."""

    @abstractmethod
    def fail_http(self, status: int, *, times: int) -> None:
        """Answer the next calls with this HTTP status, and nothing that explains it."""

    @abstractmethod
    async def pages(self) -> list[Page]:
        """Pull everything from `cursor` on, ten records a page."""


def ids_of(pages: Sequence[Page]) -> set[str]:
    """The platform's ids on some pages."""
    return {found for page in pages for found in page.external_ids}


class PullSuite:
    """A pull: to the end, no further, and no longer than sense allows."""

    connector: Connector
    source: SourceSettings

    @pytest.fixture
    def platform(self) -> FakePlatform:
        raise NotImplementedError

    def pull(self, platform: FakePlatform) -> list[Page]:
        return asyncio.run(platform.pages())

    def test_its_stream_is_registered(self) -> None:
        """So that the report knows of it; see `tests.connectors.cases`."""
        from tests.connectors.cases import CONNECTORS  # it imports the suites

        assert type(self) in CONNECTORS[self.connector.platform].pulls.values()

    @shows(Check.PAGES)
    def test_it_pages_to_the_end(self, platform: FakePlatform) -> None:
        ids = platform.fill(25)

        pages = self.pull(platform)

        assert [len(page.external_ids) for page in pages] == [10, 10, 5]
        assert len({found for page in pages for found in page.external_ids}) == len(ids)
        assert platform.calls == platform.needed(25)

    @shows(Check.PAGES)
    def test_an_empty_page_ends_it_and_stores_nothing(self, platform: FakePlatform) -> None:
        platform.fill(0)

        (page,) = self.pull(platform)

        assert page.envelope is None
        assert page.external_ids == []

    @shows(Check.CURSOR)
    def test_its_last_cursor_says_that_it_is_done(self, platform: FakePlatform) -> None:
        platform.fill(25)

        pages = self.pull(platform)

        assert pages[-1].cursor != pages[-2].cursor
        assert json.loads(json.dumps(pages[-1].cursor)) == pages[-1].cursor

    @shows(Check.RETRIES)
    def test_a_permanent_code_stops_it_at_once(self, platform: FakePlatform) -> None:
        platform.fill(25)
        platform.fail(permanent=True, times=1)

        with pytest.raises(PlatformRejectedError):
            self.pull(platform)

        assert platform.calls == 1

    @shows(Check.RETRIES)
    def test_a_transient_code_is_tried_again(self, platform: FakePlatform) -> None:
        platform.fill(25)
        platform.fail(permanent=False, times=2)

        assert len(self.pull(platform)) == 3
        assert platform.calls == platform.needed(25) + 2

    @shows(Check.RETRIES)
    def test_it_does_not_try_for_ever(self, platform: FakePlatform) -> None:
        platform.fill(25)
        platform.fail(permanent=False, times=1000)

        with pytest.raises(TransientError):
            self.pull(platform)

        assert platform.calls <= 10

    @shows(Check.RETRIES)
    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_a_busy_http_status_is_tried_again(self, platform: FakePlatform, status: int) -> None:
        platform.fill(25)
        platform.fail_http(status, times=2)

        assert len(self.pull(platform)) == 3
        assert platform.calls == platform.needed(25) + 2

    @shows(Check.RETRIES)
    @pytest.mark.parametrize("status", [400, 404, 410])
    def test_another_http_status_ends_it_at_once(
        self, platform: FakePlatform, status: int
    ) -> None:
        platform.fill(25)
        platform.fail_http(status, times=1)

        with pytest.raises(PlatformRejectedError):
            self.pull(platform)

        assert platform.calls == 1

    @shows(Check.PAGES)
    def test_records_that_appear_while_paging_push_none_out(self, platform: FakePlatform) -> None:
        platform.fill(25)
        known = ids_of(self.pull(platform))
        platform.inserts = 2

        met = ids_of(self.pull(platform))

        assert known <= met
        assert platform.calls <= 4 * platform.needed(25)

    @shows(Check.CURSOR)
    def test_a_pull_that_died_after_any_page_goes_on_without_loss(
        self, platform: FakePlatform
    ) -> None:
        """The cursor that was stored with the page is all that the next process knows."""
        platform.fill(25)
        whole = self.pull(platform)

        for place, page in enumerate(whole[:-1]):
            platform.cursor = json.loads(json.dumps(page.cursor))
            rest = self.pull(platform)
            assert ids_of(whole[: place + 1]) | ids_of(rest) == ids_of(whole)

    def test_every_record_of_a_page_splits_off_by_itself(self, platform: FakePlatform) -> None:
        platform.fill(25)

        pages = self.pull(platform)
        envelopes = [page.envelope for page in pages if page.envelope]
        records = [r for e in envelopes for r in self.connector.split(e, self.source)]

        assert len(records) == 25
        assert not any(record.unreadable for record in records)
        contract = contract_of(self.connector.platform, records[0].entity)
        for record in records:
            contract.validate(json.loads(record.payload))

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b'{"code":0}', b"\xff"])
    def test_a_page_that_cannot_be_read_is_one_record_that_says_so(
        self, platform: FakePlatform, body: bytes
    ) -> None:
        platform.fill(1)
        (page,) = self.pull(platform)
        assert page.envelope is not None

        (record,) = self.connector.split(Envelope(page.envelope.shape, body), self.source)

        assert record.unreadable
        assert record.payload == body

    @shows(Check.PRIVATE)
    def test_errors_name_no_person(self, platform: FakePlatform) -> None:
        platform.fill(3)
        platform.fail(permanent=True, times=1)

        with pytest.raises(HubError) as caught:
            self.pull(platform)

        assert "1990000" not in str(caught.value)
