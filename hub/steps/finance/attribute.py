"""Attribution in the store: every deal is told as its contract, its person's touches and the rules are now.

Level-triggered: a run compares what each deal's shares depend on with what they were told from, and writes only
what differs. What was told before and is otherwise now stands in `finance.restatement`, with the reason.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from hub.attribution.models import Model, Rules, allocate, attribute, path_of
from hub.attribution.register import Register
from hub.attribution.restate import Cell, restate
from hub.attribution.rules import AttributionRules
from hub.attribution.touches import Seen, encounters
from hub.crm import contacts, touches
from hub.database.engine import driver, store_errors
from hub.finance import attribution as store
from hub.finance import reading
from hub.finance.attribution import (
    Activity,
    DealRow,
    OpportunityRow,
    RestatementRow,
    ShareRow,
)
from hub.identity.rules import kind_of
from hub.model.ids import lead_id
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.finance.deal_books import GONE, LIVE, BookDeal, read_deals
from hub.steps.finance.reconcile import load_rules
from hub.steps.finance.touch_path import Paths, open_paths

ZONE = ZoneInfo("Asia/Shanghai")  # a contract's day is a day of the books
_AT_ONCE = 1000
_json = msgspec.json.Decoder()
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Attributed:
    """What a run did. `skipped` counts contracts that are no deals, by standing; `unreadable` are leads."""

    merchant: str
    deals: int
    written: int
    restated: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class People:
    """Who stands behind documents: by contract document, by opportunity document and number; activities of each."""

    of_contract: Mapping[UUID, UUID]
    of_opportunity: Mapping[UUID, tuple[UUID, str]]
    of_company: Mapping[UUID, Sequence[UUID]]
    activities: Mapping[UUID, list[Activity]]
    stated: Mapping[UUID, tuple[str, str | None, str | None]]

    def behind(self, deal: BookDeal) -> tuple[tuple[UUID, ...], str]:
        """The contacts of a deal, and what led to them: the contract's own person, else its opportunity's, else
        everybody whom leads tie to the company that signed."""
        own = self.of_contract.get(deal.document_id)
        if own is not None:
            return (own,), "contract"
        for document, _ in deal.opportunities:
            if document in self.of_opportunity:
                root, via = self.of_opportunity[document]
                return (root,), via
        found = tuple(self.of_company.get(deal.document_id, ()))
        return found, "company" if found else "none"


def attribute_deals(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    merchant: str,
    now: datetime,
    *,
    progress: Progress = lambda _: None,
) -> Attributed:
    """Tell every deal of a merchant as it is now, in one transaction; safe to run as often as one likes.

    Args:
        engine: The store.
        keyring: Opens leads; referrers are looked up by it.
        settings: Sources and the place of the rules.
        merchant: Whose deals.
        now: Aware instant: when restatements are recorded.
        progress: Called with the number of deals done so far.

    Raises:
        ConfigError: the rules make no sense.
    """
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        store.lock(raw, merchant)
        paths = open_paths(conn, keyring, settings, merchant)
        books = read_deals(raw, merchant, load_rules(settings), now.astimezone(ZONE).date())
        before = store.deals(conn, merchant)
        wanted, skipped = _wanted(books, before)
        teller = _Teller(paths, read_people(paths, wanted), before, now)
        for start in range(0, len(wanted), _AT_ONCE):
            teller.tell(wanted[start : start + _AT_ONCE])
            progress(min(start + _AT_ONCE, len(wanted)))
        store.add_run(
            conn,
            {"merchant": merchant, "rules_version": paths.rules.version, "finished_at": now,
             "deals": len(wanted), "written": teller.written, "restated": teller.restated},
        )  # fmt: skip
    return Attributed(
        merchant, len(wanted), teller.written, teller.restated, dict(teller.reasons), skipped,
        paths.unreadable,
    )  # fmt: skip


def _wanted(
    books: Sequence[BookDeal], before: Mapping[str, DealRow]
) -> tuple[list[BookDeal], dict[str, int]]:
    """Deals to tell: live contracts, and whatever was told before; the others by standing."""
    wanted = [one for one in books if one.standing == LIVE or one.number in before]
    skipped = Counter(one.standing for one in books) - Counter(one.standing for one in wanted)
    there = {one.number for one in books}
    gone = [
        BookDeal(row.contract_number, row.document_id, (), row.on_date, GONE, 0, 0, 0)
        for row in before.values()
        if row.contract_number not in there
    ]
    return sorted([*wanted, *gone], key=lambda one: one.number), dict(skipped)


def read_people(paths: Paths, deals: Sequence[BookDeal]) -> People:
    """Whose deals these are, and what sales did with them."""
    raw, merchant = paths.raw, paths.merchant
    named = {UUID(bytes=i): k for i, k in reading.person_keys(raw, merchant, "contract")}
    opportunities = list(store.opportunities(raw, merchant))
    activities = store.activities(raw, merchant)
    held = paths.holders(
        key
        for keys in (*named.values(), *(o.keys for o in opportunities), *(a.keys for a in activities))
        for key in keys or ()
    )  # fmt: skip
    of_opportunity = _opportunity_contacts(paths, opportunities, held)
    by_number = {
        o.number: of_opportunity[o.id][0] for o in opportunities if o.id in of_opportunity
    }
    done: dict[UUID, list[Activity]] = defaultdict(list)
    for one in activities:
        root = _strongest(one.keys, held) or by_number.get(one.opportunity or "")
        if root is not None:
            done[root].append(one)
    of_contract = {
        document: root
        for document, keys in named.items()
        if (root := _strongest(keys, held)) is not None
    }
    documents = [one.document_id for one in deals] + [o.id for o in opportunities]
    of_company = _colleagues(paths, [one.document_id for one in deals])
    return People(
        of_contract, of_opportunity, of_company, done, store.stated_campaigns(raw, documents)
    )


def _opportunity_contacts(
    paths: Paths, opportunities: Iterable[OpportunityRow], held: Mapping[bytes, UUID]
) -> dict[UUID, tuple[UUID, str]]:
    """Opportunity → contact and what led to it: its person's keys, else the lead that it names."""
    found: dict[UUID, tuple[UUID, str]] = {}
    leads: dict[UUID, UUID] = {}
    for one in opportunities:
        root = _strongest(one.keys, held)
        if root is not None:
            found[one.id] = (root, "opportunity")
        elif "lead_external_id" in (one.withheld or ()):
            doc = _json.decode(paths.keyring.unseal(one.sealed, one.id.bytes))
            source = one.lead_source or one.source_key
            number = str(doc["lead_external_id"])
            leads[one.id] = lead_id(paths.merchant, source, "lead", number, 0)
    given = touches.contacts_of_leads(paths.raw, list(leads.values()))
    roots = contacts.roots(paths.raw, sorted(set(given.values())))
    for document, lead in leads.items():
        if lead in given:
            found[document] = (roots[given[lead]], "lead")
    return found


def _colleagues(paths: Paths, documents: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Contract → the contacts of the company that signed it."""
    pairs = touches.people_of_parties(paths.raw, documents)
    roots = contacts.roots(paths.raw, sorted({contact for _, contact in pairs}))
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for document, contact in pairs:
        found[document].add(roots[contact])
    return {document: sorted(people) for document, people in found.items()}


def _strongest(keys: Sequence[bytes] | None, held: Mapping[bytes, UUID]) -> UUID | None:
    """The contact of the strongest key; whatever order the keys are in."""
    known = [bytes(key) for key in keys or () if bytes(key) in held]
    return held[min(known, key=lambda key: (kind_of(key), key))] if known else None


@dataclass(slots=True)
class _Teller:
    """Tells deals, a batch at a time, and counts what it wrote."""

    paths: Paths
    people: People
    before: Mapping[str, DealRow]
    now: datetime
    written: int = 0
    restated: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def tell(self, deals: Sequence[BookDeal]) -> None:
        """Write those that are otherwise than they were told."""
        behind = {one.number: self.people.behind(one) for one in deals}
        roots = sorted({root for found, _ in behind.values() for root in found})
        seen = self.paths.of(roots, self.people.activities)
        rows: list[DealRow] = []
        shares: list[ShareRow] = []
        reasons: dict[str, list[str]] = {}
        for deal in deals:
            people, via = behind[deal.number]
            all_seen = [one for root in people for one in seen[root]]
            if len(people) > 1:
                all_seen = encounters(all_seen, self.paths.rules.same_encounter_s)
            root = people[0] if len(people) == 1 else None
            row, path = self._row(deal, root, via, all_seen)
            old = self.before.get(deal.number)
            why = reasons_between(old, row) if old else []
            if old is None or why or _is_otherwise(old, row):
                rows.append(row)
                reasons[deal.number] = why
                shares += shares_of_deal(row, path, self.paths.rules)
        self._write(rows, shares, reasons)

    def _write(
        self, rows: list[DealRow], shares: list[ShareRow], reasons: Mapping[str, list[str]]
    ) -> None:
        known = [row.contract_number for row in rows if row.contract_number in self.before]
        told = _cells(store.shares_of(self.paths.conn, self.paths.merchant, known))
        now = _cells(one for one in shares if one.contract_number in self.before)
        restated = [
            RestatementRow(
                self.paths.merchant, number, model, self.now, reasons[number], *one.cell,
                one.before_fen, one.after_fen,
            )
            for number, model in sorted({*told, *now})
            for one in restate(told.get((number, model), {}), now.get((number, model), {}))
        ]  # fmt: skip
        store.write_deals(self.paths.conn, rows, shares)
        store.add_restatements(self.paths.conn, restated)
        changed = {one.contract_number for one in restated}
        self.written += len(rows)
        self.restated += len(changed)
        self.reasons.update(why for number in changed for why in reasons[number])

    def _row(
        self, deal: BookDeal, root: UUID | None, via: str, seen: Sequence[Seen]
    ) -> tuple[DealRow, list[Seen]]:
        at = end_of(deal.on_date) if deal.on_date else max((s.touch.at for s in seen), default=0)
        rules = self.paths.rules
        counted = {touch.id for touch in path_of([s.touch for s in seen], at, rules.shares)}
        path = [one for one in seen if one.touch.id in counted]
        if not path:
            path = self._stated(deal, at)
            via = "stated" if path else via
        row = DealRow(
            self.paths.merchant, deal.number, deal.document_id,
            next((number for _, number in deal.opportunities if number), None),
            root, via, deal.on_date, deal.standing, deal.signed_fen, deal.refunded_fen,
            deal.value_fen, deal.received_fen,
            _digest([one.touch.id, one.touch.at, one.touch.kind] for one in path),
            _digest([one.touch.channel, one.touch.campaign, one.touch.creative] for one in path),
            rules.version, self.now,
        )  # fmt: skip
        return row, path

    def _stated(self, deal: BookDeal, at: int) -> list[Seen]:
        """Without any touch: the campaign that the contract or its opportunity names, if it is registered."""
        register: Register = self.paths.register
        for document in (deal.document_id, *(one for one, _ in deal.opportunities)):
            if document not in self.people.stated:
                continue
            source, utm, number = self.people.stated[document]
            placed = register.place(source, {"utm_campaign": utm, "campaign_id": number})
            if placed.campaign is not None:
                touch = self.paths.desk.stated(f"document:{document}", at, placed)
                return [Seen(touch, source, by=placed.by)]
        return []


def shares_of_deal(
    row: DealRow, path: Sequence[Seen], rules: AttributionRules
) -> Iterator[ShareRow]:
    """The shares of a deal under every model; fen and received fen sum to the deal's exactly."""
    by_id = {one.touch.id: one for one in path}
    touches_ = [one.touch for one in path]
    at = max((touch.at for touch in touches_), default=0)
    for model in Model:
        found = attribute(touches_, row.value_fen, at, model, _unbounded(rules))
        received = allocate(row.received_fen, [one.parts for one in found])
        for ordinal, (one, came) in enumerate(zip(found, received, strict=True)):
            touch = one.touch
            seen = by_id[touch.id] if touch else None
            yield ShareRow(
                row.merchant, row.contract_number, model.value, ordinal,
                touch.id if touch else None, touch.kind if touch else None,
                datetime.fromtimestamp(touch.at, UTC) if touch else None,
                seen.lead_id if seen else None, seen.referrer_id if seen else None,
                *((touch.channel, touch.campaign, touch.creative) if touch else ("", "", "")),
                one.fen, came, one.parts, one.whole, list(one.why),
            )  # fmt: skip


def _unbounded(rules: AttributionRules) -> Rules:
    """The path was cut to the window before: a second cut by its own end would be another window."""
    return replace(rules.shares, window_days=36_500)


def reasons_between(old: DealRow, new: DealRow) -> list[str]:
    """Why a deal's shares may be others now, by the parts that they depend on."""
    parts = {
        "contact": old.contact_id != new.contact_id,
        "path": old.touch_digest != new.touch_digest,
        "campaign": old.touch_digest == new.touch_digest and old.cell_digest != new.cell_digest,
        "amount": old.signed_fen != new.signed_fen,
        "refund": old.refunded_fen != new.refunded_fen,
        "standing": old.standing != new.standing,
        "date": old.on_date != new.on_date,
        "rules": old.rules_version != new.rules_version,
    }
    return [name for name, is_so in parts.items() if is_so]


def _is_otherwise(old: DealRow, new: DealRow) -> bool:
    """Whether anything that is stored is otherwise, apart from when it was told."""
    return replace(old, computed_at=new.computed_at) != new


def end_of(day: date) -> int:
    """The last second of a day of the books, epoch seconds."""
    midnight = datetime.combine(day + timedelta(days=1), time(), ZONE)
    return int(midnight.timestamp()) - 1


def _cells(shares: Iterable[ShareRow]) -> dict[tuple[str, str], dict[Cell, int]]:
    found: dict[tuple[str, str], dict[Cell, int]] = {}
    for one in shares:
        cells = found.setdefault((one.contract_number, one.model), {})
        cell = (one.channel, one.campaign, one.creative)
        cells[cell] = cells.get(cell, 0) + one.fen
    return found


def _digest(parts: Iterable[Sequence[object]]) -> bytes:
    return hashlib.sha256(msgspec.json.encode(list(parts))).digest()[:16]
