"""From a claimed queue row to mapped records: unseal, split, find the merchant, map. No database here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from hub.connectors.base import Connector
from hub.connectors.resolving import ResolveConnector
from hub.drift.kinds import Sight
from hub.errors import RecordError
from hub.files.rows import is_row_group, split_rows
from hub.inbox.queue import QueueItem
from hub.inbox.records import ArchivedRecord
from hub.inbox.sealing import envelope_of, unseal_envelope, whole_payload
from hub.mapping.compile import CompiledMapping
from hub.model.delivery import Envelope, RawRecord, Via
from hub.model.ids import record_id
from hub.model.lead import Mapped, RecordContext
from hub.model.outcome import HeldReason, Outcome
from hub.privacy.keyring import KeyRing
from hub.settings import SourceSettings
from hub.steps.mappings import LiveMappings

log = logging.getLogger("hub.load")
_json = msgspec.json.Decoder()
_UNREADABLE_ENTITY = "unreadable"


@dataclass(frozen=True, slots=True)
class Seen:
    """A change that a payload shows, with the finding that it belongs to."""

    finding: str
    sight: Sight


@dataclass(slots=True)
class Work:
    """One record on its way through a batch. `live` ones count for latency; archived ones are mapped anew.

    `is_redacted`: it spoke of somebody who was erased; what it gave is kept without them, its body is not.
    `is_reread` says that the archive has it as a delivery that could not be read then.
    `tried` is the mapping that was tried, also if the record stays as another one made it; `seen` what
    its payload shows, `finding` why it is held. `payload_json` and `watched` are the observer's own.
    """

    record_id: UUID
    merchant: str
    source_key: str
    entity: str
    via: str
    received_at: datetime
    payload: bytes
    live: bool
    is_archived: bool = False
    mapping: str | None = None
    mapped: Mapped | None = None
    outcome: str = ""
    reason: str = ""
    path: str = ""
    detail: str = ""
    payload_json: Any = None
    watched: Any = None
    tried: CompiledMapping | None = None
    seen: tuple[Seen, ...] = ()
    finding: str | None = None
    is_reread: bool = False
    is_redacted: bool = False

    def wait(self, needs: str) -> None:
        """This record cannot be mapped before the network has said what it needs."""
        self.outcome, self.reason = Outcome.WAITING, needs

    def hold(self, reason: str, path: str = "", detail: str = "") -> None:
        """This record waits; every other record of its batch goes on."""
        self.outcome, self.mapped = Outcome.HELD, None
        self.reason, self.path, self.detail = reason, path, detail


def read_payload(body: bytes) -> Any:  # noqa: ANN401 -- any JSON value
    """The payload of a record.

    Raises:
        RecordError: it is no JSON.
    """
    try:
        return _json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(HeldReason.UNREADABLE, detail=type(error).__name__) from error


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who an account belongs to: (platform, account) → (merchant, source key)."""

    owners: Mapping[tuple[str, str], tuple[str, str]]


def unwatched(
    work: Work,
    payload: Any,  # noqa: ANN401 -- any JSON value
    mapping: CompiledMapping,
    scope: Callable[[], str],
) -> bool:
    """`Preparer.look` where drift is not looked for: only the version that was tried is noted."""
    work.tried = mapping
    return False


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where records come from: what they all share."""

    delivery_id: UUID
    merchant: str
    source_key: str
    via: str
    received_at: datetime
    live: bool

    @classmethod
    def of(cls, item: QueueItem) -> _Origin:
        """That of a queue row."""
        return cls(
            item.item_id,
            item.merchant,
            item.source_key,
            item.via,
            item.received_at,
            item.lane == 0,
        )

    def work(self, ordinal: int, raw: RawRecord) -> Work:
        """One record, held if it cannot be read or a trap caught it."""
        work = Work(
            record_id(self.delivery_id, ordinal), self.merchant, self.source_key, raw.entity,
            self.via, self.received_at, raw.payload, live=self.live,
        )  # fmt: skip
        if raw.unreadable is not None:
            work.hold(HeldReason.UNREADABLE, detail=raw.unreadable)
        elif raw.headers.get("suspect"):
            work.hold(HeldReason.SUSPECTED_BOT, detail=raw.headers["suspect"])
        return work


@dataclass(frozen=True, slots=True)
class Preparer:
    """Turns queue rows into `Work`; everything it needs is handed in.

    `look` is told of every payload, and says whether it knows that the contract accepts it.
    """

    keyring: KeyRing
    sources: Mapping[str, SourceSettings]
    connectors: Mapping[str, Connector]
    mappings: LiveMappings
    look: Callable[[Work, Any, CompiledMapping, Callable[[], str]], bool]

    def unpack(self, item: QueueItem) -> list[Work]:
        """The records of a delivery, sealed one by one, mapped or held."""
        envelope = unseal_envelope(self.keyring, item.sealed or b"", item.item_id)
        works = self._works(_Origin.of(item), envelope)
        if envelope.context.get("record_only"):
            for work in works:
                work.hold(HeldReason.RECORD_ONLY)
        return works

    def whole(self, item: QueueItem, reason: str) -> Work:
        """A delivery that cannot be taken apart, as one held record."""
        envelope = unseal_envelope(self.keyring, item.sealed or b"", item.item_id)
        raw = RawRecord(_UNREADABLE_ENTITY, whole_payload(envelope), unreadable=reason)
        work = _Origin.of(item).work(0, raw)
        work.hold(reason)
        return work

    def reopen(self, record: ArchivedRecord) -> list[Work]:
        """A record of the archive, to be mapped again; a whole delivery is taken apart again."""
        payload = self.keyring.unseal(record.sealed or b"", record.id.bytes)
        origin = _Origin(
            record.id, record.merchant, record.source_key, record.via, record.received_at, False
        )
        envelope = envelope_of(payload)
        if envelope is None:
            works = [origin.work(0, RawRecord(record.entity, payload))]
            works[0].record_id = record.id
        else:
            works = self._works(origin, envelope)
            works[0].is_reread = works[0].reason != HeldReason.UNREADABLE
        works[0].is_archived = True
        return works

    def _works(self, origin: _Origin, envelope: Envelope) -> list[Work]:
        raw = self._split(origin, envelope)
        if len(raw) == 1 and raw[0].unreadable:
            # A connector that is put right later reads all of the request, not its body alone.
            raw = [replace(raw[0], payload=whole_payload(envelope))]
        return [origin.work(n, record) for n, record in enumerate(raw)]

    def _split(self, origin: _Origin, envelope: Envelope) -> list[RawRecord]:
        """A file's rows are split alike, whichever platform's source they were imported into."""
        if origin.via == Via.IMPORT and is_row_group(envelope):
            return split_rows(envelope)
        source = self.sources.get(origin.source_key)
        connector = self.connectors.get(source.platform) if source else None
        if source is None or connector is None:
            why = "source not configured" if source is None else "connector not installed"
            return [RawRecord(_UNREADABLE_ENTITY, envelope.body, unreadable=why)]
        return connector.split(envelope, source)

    def map(self, work: Work, accounts: Accounts) -> None:
        """Map one record, or hold it with a typed reason; nothing it contains can stop its batch."""
        if work.outcome:
            return
        try:
            self._map(work, accounts)
        except RecordError as error:
            work.hold(error.reason, error.path, error.detail)
        except Exception as error:  # noqa: BLE001 -- a bug on one record must hold up only that record
            log.error("record %s: %s in the mapping", work.record_id, type(error).__name__)  # noqa: TRY400 -- a traceback could show the payload
            work.hold(HeldReason.LOADER_BUG, detail=type(error).__name__)

    def _map(self, work: Work, accounts: Accounts) -> None:
        source = self.sources.get(work.source_key)
        if source is None:
            raise RecordError(HeldReason.UNKNOWN_ACCOUNT, detail="source not configured")
        payload = read_payload(work.payload)
        needs = self._needs(work, payload, source)
        if needs is not None:
            work.wait(needs)
            return
        mapping = self.mappings.get(work.merchant, source.platform, work.entity)
        if mapping is None:
            work.mapping = self.mappings.live_name(work.merchant, source.platform, work.entity)
            raise RecordError(
                HeldReason.NO_MAPPING, detail=f"{source.platform}/{work.entity}: publish a mapping"
            )
        self._find_merchant(work, source, mapping.account(payload), accounts)
        work.mapping = mapping.name
        is_accepted = self.look(
            work,
            payload,
            mapping,
            lambda: self.mappings.scope(work.merchant, source.platform, work.entity),
        )
        context = RecordContext(
            work.merchant, work.source_key, source.platform, work.entity, work.via, work.record_id,
            work.received_at,
        )  # fmt: skip
        work.mapped = mapping.map(
            payload, context, self.keyring.synthetic_id, is_accepted=is_accepted
        )
        if work.mapped.not_a_lead is not None or not (work.mapped.leads or work.mapped.documents):
            work.outcome = Outcome.NOT_A_LEAD
            work.reason = work.mapped.not_a_lead or "interaction_only"

    def _needs(
        self,
        work: Work,
        payload: Any,  # noqa: ANN401 -- any JSON value
        source: SourceSettings,
    ) -> str | None:
        """What the network must say before this payload can be mapped; most platforms need nothing."""
        connector = self.connectors[source.platform]
        if not isinstance(payload, dict) or not hasattr(connector, "needs"):
            return None
        return cast(ResolveConnector, connector).needs(work.entity, payload, source)

    @staticmethod
    def _find_merchant(
        work: Work, source: SourceSettings, account: str | None, accounts: Accounts
    ) -> None:
        """A record that names another account than its source's goes to that account's merchant."""
        if account is None or source.account is None or account == source.account:
            return
        owner = accounts.owners.get((source.platform, account))
        if owner is None:
            raise RecordError(
                HeldReason.UNKNOWN_ACCOUNT, detail="register it: hub merchant account add"
            )
        work.merchant, work.source_key = owner
