"""The touches of contacts across all that merged into them: leads, visits, calls, referrals, sales activities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import sqlalchemy as sa

from hub.attribution.register import Register
from hub.attribution.rules import AttributionRules
from hub.attribution.touches import Desk, LeadSaid, Seen, encounters
from hub.crm import campaigns, clusters, contacts, matching, reading, touches
from hub.crm.touches import TouchLead
from hub.database.engine import driver, store_errors
from hub.finance import attribution as store
from hub.finance.attribution import Activity
from hub.model.keys import identity_keys
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.finance.campaign_register import load_attribution
from hub.steps.lookup import NotFoundError

_json = msgspec.json.Decoder()
_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_AT_ONCE = 5000


@dataclass(slots=True)
class Paths:
    """Reads paths of one merchant in one transaction. `documents` counts what could not be opened."""

    conn: sa.Connection
    keyring: KeyRing
    settings: HubSettings
    merchant: str
    register: Register
    rules: AttributionRules
    unreadable: int = 0
    _platforms: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sources = self.settings.all_sources()
        self._platforms = {key: source.platform for key, source in sources.items()}

    @property
    def raw(self) -> psycopg.Connection[Any]:
        """The connection as psycopg has it."""
        return driver(self.conn)

    @property
    def desk(self) -> Desk:
        """Makes touches under this merchant's register."""
        return Desk(self.register, self.rules)

    def of(
        self, roots: Sequence[UUID], activities: Mapping[UUID, Sequence[Activity]]
    ) -> dict[UUID, list[Seen]]:
        """Root contact → its encounters in order of time."""
        desk = self.desk
        found: dict[UUID, list[Seen]] = {root: [] for root in roots}
        leads = touches.leads_of_roots(self.raw, list(found))
        root_of = {lead.id: lead.root for lead in leads}
        for lead, said in zip(leads, self.said(leads), strict=True):
            if said is not None:
                found[lead.root].extend(desk.of_lead(said))
        for one in touches.interactions_of(self.raw, list(root_of)):
            kind = self.rules.interactions.get(one.kind)
            if kind:
                at = int(one.occurred_at.timestamp())
                bare = desk.bare(f"interaction:{one.id}", at, kind)
                found[root_of[one.lead_id]].append(Seen(bare, one.source_key, one.lead_id))
        for root in roots:
            found[root].extend(self._activities(activities.get(root, ())))
        return {
            root: encounters(seen, self.rules.same_encounter_s) for root, seen in found.items()
        }

    def said(self, leads: Sequence[TouchLead]) -> list[LeadSaid | None]:
        """What leads say, opened; None for one that cannot be opened. Referrers are looked up by phone."""
        documents = [self._opened(lead) for lead in leads]
        phones = {
            phone
            for doc in documents
            for phone in _MOBILE.findall(str((doc or {}).get("referrer_person", "")))
        }
        referrers = self._holders_of_phones(phones)
        return [
            None if doc is None else self._lead(lead, doc, referrers)
            for lead, doc in zip(leads, documents, strict=True)
        ]

    def holders(self, keys: Iterable[bytes]) -> dict[bytes, UUID]:
        """Blind key → the root contact that has it now."""
        wanted = sorted(set(keys))
        found: dict[bytes, UUID] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            found.update(matching.holders_now(self.raw, self.merchant, part))
        return found

    def _lead(
        self, lead: TouchLead, doc: Mapping[str, Any], referrers: Mapping[str, UUID]
    ) -> LeadSaid:
        phone = _MOBILE.search(str(doc.get("referrer_person", "")))
        referrer = referrers.get(phone.group()) if phone else None
        return LeadSaid(
            lead.id,
            lead.source_key,
            self._platforms.get(lead.source_key, ""),
            lead.received_at,
            doc,
            referrer if referrer != lead.root else None,  # nobody refers himself
        )

    def _holders_of_phones(self, phones: Iterable[str]) -> dict[str, UUID]:
        blinds = {
            phone: [
                blind
                for key in identity_keys({"mobile_e164": f"+86{phone}"})
                for blind in self.keyring.blinds(self.merchant, key)
            ]
            for phone in phones
        }
        held = self.holders(blind for each in blinds.values() for blind in each)
        return {
            phone: next(held[blind] for blind in each if blind in held)
            for phone, each in blinds.items()
            if any(blind in held for blind in each)
        }

    def _activities(self, found: Sequence[Activity]) -> Iterable[Seen]:
        for one in found:
            kind = self.rules.activities.get(one.kind or "")
            if kind and one.at is not None:
                bare = self.desk.bare(f"activity:{one.id}", one.at, kind)
                yield Seen(bare, one.source_key)

    def _opened(self, lead: TouchLead) -> Mapping[str, Any] | None:
        try:
            doc: Mapping[str, Any] = _json.decode(self.keyring.unseal(lead.sealed, lead.id.bytes))
        except Exception:  # noqa: BLE001 -- whatever is wrong with it: the others are told, `hub verify` lists it
            self.unreadable += 1
            return None
        return doc


def open_paths(
    conn: sa.Connection, keyring: KeyRing, settings: HubSettings, merchant: str
) -> Paths:
    """A reader of paths under the register and the rules as they are now.

    Raises:
        ConfigError: the rules make no sense.
    """
    register = campaigns.read_register(conn, merchant)
    return Paths(conn, keyring, settings, merchant, register, load_attribution(settings))


def touch_path(
    engine: sa.Engine, keyring: KeyRing, settings: HubSettings, contact: UUID
) -> list[Seen]:
    """The encounters of one contact and all that merged into it, in order of time.

    Raises:
        NotFoundError: no such contact.
    """
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        root = contacts.roots(raw, [contact]).get(contact)
        merchant = reading.merchant_of_contact(conn, root) if root else None
        if root is None or merchant is None:
            raise NotFoundError(f"no contact {contact}: never there, or erased")
        paths = open_paths(conn, keyring, settings, merchant)
        keys = {key for lead in clusters.cluster_leads(raw, [root]) for key in lead.keys}
        found = store.activities(raw, merchant, (sorted(keys), ()))
        return paths.of([root], {root: found})[root]


def path_rows(seen: Iterable[Seen]) -> list[dict[str, Any]]:
    """A path for a person to read: nothing in it names anybody."""
    return [
        {
            "at": datetime.fromtimestamp(one.touch.at, UTC),
            "kind": one.touch.kind,
            "channel": one.touch.channel,
            "campaign": one.touch.campaign or None,
            "creative": one.touch.creative or None,
            "by": one.by or None,
            "finding": one.finding,
            "source": one.source_key,
            "lead": one.lead_id,
            "referrer": one.referrer_id,
        }
        for one in seen
    ]
