"""What became of a record that was asked about: into the queue with its answer, on waiting, or held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from hub.connectors.resolving import RESOLVED, Answer, Ask, Found, Later, Never
from hub.inbox import marks, queue, records, waiting
from hub.inbox.records import HeldRecord
from hub.inbox.waiting import WaitingRecord
from hub.model.delivery import Lane
from hub.model.outcome import HeldReason
from hub.privacy.keyring import KeyRing

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 900.0


@dataclass(slots=True)
class Case:
    """One leased record with its payload, and what was said about it."""

    row: WaitingRecord
    payload: bytes
    ask: Ask
    digest: bytes | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes down what was said, in the open transaction. `most_tries` is where a record is held instead."""

    raw: psycopg.Connection[Any]
    keyring: KeyRing
    now: datetime
    most_tries: int

    def write(self, case: Case) -> str:
        """The word for what became of the record."""
        answer = case.answer
        if isinstance(answer, Found):
            return self._found(case, answer)
        if isinstance(answer, Later):
            if not answer.counts or case.row.tries < self.most_tries:
                return self._later(case, answer)
            answer = Never(answer.reason)
        return self._never(case, answer.reason if answer else "no_answer")

    def _found(self, case: Case, answer: Found) -> str:
        row = case.row
        if not waiting.end_waiting(self.raw, row.record_id):
            return "gone"
        payload = with_answer(case.payload, answer.resolved)
        if payload != case.payload:
            sealed = self.keyring.seal(payload, row.record_id.bytes)
            records.reseal(self.raw, row.record_id, sealed)
        if answer.again_s is not None:
            again = (row.record_id, row.merchant, row.source_key, row.entity, row.needs)
            after = timedelta(seconds=answer.again_s)
            waiting.add_waiting(self.raw, [again], self.now, after=after, stands=True)
        elif case.digest is not None:
            waiting.remember_answer(self.raw, row.source_key, case.digest, row.record_id)
        if not row.stands:
            self._moved(row.record_id, "queued", row.needs)
            queue.enqueue_records(self.raw, [row.record_id], lane=Lane.LIVE)
        elif payload != case.payload:
            marks.requeue_loaded(self.raw, [row.record_id], Lane.LIVE)
        return "queued"

    def _later(self, case: Case, answer: Later) -> str:
        pause_s = answer.after_s
        if pause_s is None:
            pause_s = min(FIRST_PAUSE_S * 2 ** min(case.row.tries - 1, 20), LONGEST_PAUSE_S)
        until = self.now + timedelta(seconds=pause_s)
        waiting.put_off(self.raw, case.row.record_id, until, counts=answer.counts)
        return "waiting"

    def _never(self, case: Case, reason: str) -> str:
        row = case.row
        if not waiting.end_waiting(self.raw, row.record_id) or row.stands:
            return "gone"
        held = HeldRecord(
            row.record_id, row.merchant, row.source_key, row.entity, HeldReason.UNRESOLVED,
            "", reason, None, self.now,
        )  # fmt: skip
        records.hold(self.raw, [held])
        self._moved(row.record_id, "held", HeldReason.UNRESOLVED)
        return "held"

    def _moved(self, record_id: UUID, became: str, reason: str) -> None:
        records.add_changes(
            self.raw, [record_id], was="waiting", became=became, reason=reason, by="resolver"
        )


def with_answer(payload: bytes, resolved: Mapping[str, Any]) -> bytes:
    """A payload (a JSON object) with `resolved` in it; its other values keep their bytes."""
    fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    fields[RESOLVED] = msgspec.Raw(msgspec.json.encode(resolved))
    return msgspec.json.encode(fields)
