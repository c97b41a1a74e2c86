"""What every connector must do, whatever its platform. Subclass and give the cases as fixtures."""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.connectors.base import Connector, Page
from hub.connectors.signatures import verify
from hub.errors import HubError, PlatformRejectedError, SignatureError, TransientError
from hub.model.delivery import Envelope, HookReply, HookRequest
from hub.settings import SourceSettings

NOW = datetime(2026, 2, 17, 12, 0, tzinfo=UTC)
SCHEMAS = Path(__file__).parents[2] / "schemas"
# The cases never change, and each subclass runs the same test on purpose.
_FINE = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
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


class PushSuite:
    """A push: verified, acknowledged in the platform's form, split into what the contract accepts."""

    @pytest.fixture
    def case(self) -> PushCase:
        raise NotImplementedError

    def test_a_good_push_is_verified(self, case: PushCase) -> None:
        verify(case.source.signature, case.request, case.secrets, NOW)

    def test_a_bad_signature_is_refused(self, case: PushCase) -> None:
        with pytest.raises(SignatureError):
            verify(case.source.signature, case.request, (b"another secret",), NOW)
        reply = case.connector.refused(case.request, case.source)

        assert reply.status >= 400
        assert reply != case.connector.accepted(case.request, case.source)

    def test_a_good_push_is_acknowledged_in_the_platforms_form(self, case: PushCase) -> None:
        reply = case.connector.accepted(case.request, case.source)

        assert (reply.status, json.loads(reply.body)) == (200, case.ack)

    def test_the_platforms_id_of_a_delivery_is_its_key(self, case: PushCase) -> None:
        assert case.connector.delivery_key(case.request, case.source) == case.delivery_key

    def test_a_push_splits_into_its_records(self, case: PushCase) -> None:
        envelope = case.connector.envelope(case.request, case.source)
        records = case.connector.split(envelope, case.source)

        assert [json.loads(record.payload) for record in records] == case.payloads
        assert {record.entity for record in records} == {case.source.push}
        assert not any(record.unreadable for record in records)

    def test_what_it_splits_the_contract_accepts(self, case: PushCase) -> None:
        if not case.has_contract:
            return
        contract = contract_of(case.connector.platform, str(case.source.push))
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

    def test_a_challenge_is_answered(self, case: PushCase) -> None:
        if case.challenge is None:
            return
        reply = case.connector.challenge(case.challenge, case.source)

        assert isinstance(reply, HookReply)
        assert (reply.status, json.loads(reply.body)) == (200, case.answer)

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


class FakePlatform:
    """A platform to pull from: `fill` it, make it fail, and look at the calls."""

    calls = 0
    slept: Sequence[float] = ()

    @abstractmethod
    def fill(self, count: int) -> list[str]:
        """Have `count` records; their ids, in the order they are listed."""

    @abstractmethod
    def fail(self, *, permanent: bool, times: int) -> None:
        """Answer the next calls with an error."""

    @abstractmethod
    async def pages(self) -> list[Page]:
        """Pull everything, ten records a page."""


class PullSuite:
    """A pull: to the end, no further, and no longer than sense allows."""

    connector: Connector
    source: SourceSettings

    @pytest.fixture
    def platform(self) -> FakePlatform:
        raise NotImplementedError

    def pull(self, platform: FakePlatform) -> list[Page]:
        return asyncio.run(platform.pages())

    def test_it_pages_to_the_end(self, platform: FakePlatform) -> None:
        ids = platform.fill(25)

        pages = self.pull(platform)

        assert [len(page.external_ids) for page in pages] == [10, 10, 5]
        assert len({found for page in pages for found in page.external_ids}) == len(ids)
        assert platform.calls == 3

    def test_an_empty_page_ends_it_and_stores_nothing(self, platform: FakePlatform) -> None:
        platform.fill(0)

        (page,) = self.pull(platform)

        assert page.envelope is None
        assert page.external_ids == []

    def test_its_last_cursor_says_that_it_is_done(self, platform: FakePlatform) -> None:
        platform.fill(25)

        pages = self.pull(platform)

        assert pages[-1].cursor != pages[-2].cursor
        assert json.loads(json.dumps(pages[-1].cursor)) == pages[-1].cursor

    def test_a_permanent_code_stops_it_at_once(self, platform: FakePlatform) -> None:
        platform.fill(25)
        platform.fail(permanent=True, times=1)

        with pytest.raises(PlatformRejectedError):
            self.pull(platform)

        assert platform.calls == 1

    def test_a_transient_code_is_tried_again(self, platform: FakePlatform) -> None:
        platform.fill(25)
        platform.fail(permanent=False, times=2)

        assert len(self.pull(platform)) == 3
        assert platform.calls == 5

    def test_it_does_not_try_for_ever(self, platform: FakePlatform) -> None:
        platform.fill(25)
        platform.fail(permanent=False, times=1000)

        with pytest.raises(TransientError):
            self.pull(platform)

        assert platform.calls <= 10

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

    def test_errors_name_no_person(self, platform: FakePlatform) -> None:
        platform.fill(3)
        platform.fail(permanent=True, times=1)

        with pytest.raises(HubError) as caught:
            self.pull(platform)

        assert "1990000" not in str(caught.value)
