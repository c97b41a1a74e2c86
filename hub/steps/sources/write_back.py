"""Tell the platform that a lead came from what became of it. Each telling is written to the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
import sqlalchemy as sa

from hub.connectors.base import connector_for
from hub.connectors.limits import RateLimiter
from hub.connectors.sessions import NoTokens, PullPorts, SessionConnector
from hub.connectors.write_back import FollowUp, FollowUpCall, WriteBackConnector
from hub.crm import reading
from hub.database.engine import store_errors
from hub.errors import ConfigError, RecordError
from hub.inbox import reading as inbox_reading
from hub.inbox.sealing import envelope_of
from hub.model.ids import lead_id
from hub.model.lead import RecordContext
from hub.ops.audit import write_audit
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.lookup import NotFoundError
from hub.steps.mappings import LiveMappings
from hub.steps.prepare import read_payload
from hub.steps.sources.authorize import TokenStore
from hub.steps.sources.grant import configured_source, grant_of

_json = msgspec.json.Decoder()
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class PreparedFollowUp:
    """A follow-up that can be sent: about which lead, of which source, and the call itself."""

    lead_id: UUID
    merchant: str
    source_key: str
    source: SourceSettings
    state: str
    call: FollowUpCall


@dataclass(frozen=True, slots=True)
class Told:
    """What a person says became of a lead, in the platform's words (`state`) and their own (`note`)."""

    state: str
    note: str = ""


def prepare_follow_up(
    engine: sa.Engine, keyring: KeyRing, settings: HubSettings, lead: UUID, told: Told
) -> PreparedFollowUp:
    """What would be sent for a lead; sends nothing.

    Raises:
        NotFoundError: no such lead.
        ConfigError: its platform cannot be told, the source is not set up for it, the state is
            unknown, or the lead has no id of the platform's own.
    """
    mappings = LiveMappings(settings)
    with store_errors(), engine.begin() as conn:
        row = reading.get_lead(conn, lead)
        if row is None:
            raise NotFoundError(f"no lead {lead}; `hub lead list` shows the newest")
        mappings.refresh(conn)
        records = [inbox_reading.get_record(conn, one) for one in row["revisions"]]
    source = configured_source(settings, row["source_key"])
    connector = connector_for(source.platform)
    if not hasattr(connector, "follow_up"):
        raise ConfigError(f"{row['source_key']}: {source.platform} cannot be told of its leads")
    finder = _Finder(keyring, mappings, source.platform)
    external_id = finder.external_id(row, [record for record in records if record])
    document = _json.decode(keyring.unseal(row["sealed"], lead.bytes))
    follow_up = FollowUp(external_id, told.state, told.note, document)
    call = cast(WriteBackConnector, connector).follow_up(follow_up, source)
    return PreparedFollowUp(lead, row["merchant"], row["source_key"], source, told.state, call)


def send_follow_up(  # noqa: PLR0913 -- the store's three parts, what, who, when
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    prepared: PreparedFollowUp,
    *,
    who: str,
    clock: Callable[[], datetime],
    http: Callable[[], httpx.AsyncClient] | None = None,
) -> None:
    """Send a follow-up; that `who` did is written down before.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: as the platform says.
        ConfigError: what the call needs is not set.
    """
    ports = PullPorts(
        tokens=_tokens(engine, keyring, settings, prepared, clock),
        fingerprint=keyring.synthetic_id,
        limiter=RateLimiter(),
        http=http or _fresh_client,
        now=clock,
    )
    with store_errors(), engine.begin() as conn:
        write_audit(
            conn,
            who=who,
            action=f"tell platform: {prepared.state}",
            target=str(prepared.lead_id),
            merchant=prepared.merchant,
        )
    asyncio.run(_send(prepared, ports))


async def _send(prepared: PreparedFollowUp, ports: PullPorts) -> None:
    connector = connector_for(prepared.source.platform)
    opened = cast(SessionConnector, connector).session(prepared.source, ports)
    async with cast(AbstractAsyncContextManager[Any], opened) as session:
        await cast(WriteBackConnector, connector).send_follow_up(
            session, prepared.call, prepared.source
        )


def _tokens(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    prepared: PreparedFollowUp,
    clock: Callable[[], datetime],
) -> TokenStore | NoTokens:
    connector = connector_for(prepared.source.platform)
    ready: Callable[[SourceSettings], bool] | None = getattr(connector, "is_ready", None)
    if ready is None or not ready(prepared.source):
        return NoTokens()
    return TokenStore(grant_of(engine, keyring, settings, prepared.source_key), clock)


def _fresh_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=httpx.Timeout(_TIMEOUT_S), follow_redirects=False)


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds what the platform calls a lead: the store keeps a digest of it only, the archive the record."""

    keyring: KeyRing
    mappings: LiveMappings
    platform: str

    def external_id(self, lead: sa.RowMapping, records: Sequence[sa.RowMapping]) -> str:
        """The platform's id of a lead, from the newest of its records that says it.

        Raises:
            ConfigError: none does: erased, mapped otherwise by now, or an id that we made ourselves.
        """
        for record in reversed(records):
            found = self._of_record(lead, record)
            if found is not None:
                return found
        raise ConfigError("the platform gave this lead no id by which it could be told of it")

    def _of_record(self, lead: sa.RowMapping, record: sa.RowMapping) -> str | None:
        mapping = self.mappings.get(record["merchant"], self.platform, record["entity"])
        if mapping is None or record["sealed"] is None:
            return None
        payload = self.keyring.unseal(record["sealed"], record["id"].bytes)
        if envelope_of(payload) is not None:
            return None
        made: set[str] = set()

        def synthetic(*parts: str) -> str:
            one = self.keyring.synthetic_id(*parts)
            made.add(one)
            return one

        context = RecordContext(
            record["merchant"], record["source_key"], self.platform, record["entity"],
            record["via"], record["id"], record["received_at"],
        )  # fmt: skip
        try:
            mapped = mapping.map(read_payload(payload), context, synthetic)
        except RecordError:
            return None
        for one in mapped.leads:
            key = (one.key_entity, one.external_id, one.ordinal)
            is_it = lead_id(lead["merchant"], lead["source_key"], *key) == lead["id"]
            if is_it and one.external_id not in made:
                return one.external_id
        return None
