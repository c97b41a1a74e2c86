"""What channels, campaigns and creatives brought in a month, and what they cost. Whole fen; never a float."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa

from hub.attribution.models import Model, path_of
from hub.attribution.register import Register
from hub.attribution.restate import Cell
from hub.attribution.rules import AttributionRules
from hub.attribution.touches import Seen
from hub.crm import touches
from hub.database.engine import store_errors
from hub.finance import attribution as store
from hub.finance.attribution import OpportunityRow, Spend
from hub.privacy.keyring import KeyRing
from hub.reconciliation.books import HOME_CURRENCY
from hub.reconciliation.months import Month
from hub.settings import HubSettings
from hub.steps.finance.attribute import ZONE, People, end_of, read_people
from hub.steps.finance.touch_path import Paths, open_paths
from hub.steps.laws import snapshot

_PAGE = 1000
_DOCUMENTS = ("opportunity", "contract", "receipt", "refund", "spend")


class Level(StrEnum):
    """By what a report is told."""

    CHANNEL = "channel"
    CAMPAIGN = "campaign"
    CREATIVE = "creative"


@dataclass(slots=True)  # not frozen: counts grow
class RoiLine:
    """One channel, campaign or creative in a month. Money is fen; `received_fen` is what came of the deals signed."""

    cell: Cell
    leads: int = 0
    people: set[UUID] = field(default_factory=set)
    opportunities: int = 0
    signed_fen: int = 0
    received_fen: int = 0
    cost_fen: int = 0

    @property
    def contacts(self) -> int:
        """How many persons its leads are."""
        return len(self.people)

    def brought(self, basis: str) -> int:
        """What ROI is counted on: `signed` or `received`."""
        return self.received_fen if basis == "received" else self.signed_fen

    def is_below(self, permille: int, basis: str) -> bool:
        """Whether it cost something and brought less than so many thousandths of that."""
        return self.cost_fen > 0 and self.brought(basis) * 1000 < permille * self.cost_fen

    def add(self, other: RoiLine) -> None:
        """Count another line's figures in."""
        self.leads += other.leads
        self.people |= other.people
        self.opportunities += other.opportunities
        self.signed_fen += other.signed_fen
        self.received_fen += other.received_fen
        self.cost_fen += other.cost_fen


@dataclass(frozen=True, slots=True)
class Freshness:
    """What the figures are as of: newest lead and document, by kind, and the last attribution."""

    loaded: Mapping[str, datetime | None]
    attributed_at: datetime | None


@dataclass(frozen=True, slots=True)
class RoiFigures:
    """A month by its cells. `aside` counts what is not in the sums: spending in another currency or without amount,
    leads that cannot be opened."""

    merchant: str
    month: Month
    model: Model
    basis: str
    lines: Mapping[Cell, RoiLine]
    register: Register
    rules: AttributionRules
    aside: Mapping[str, int]
    freshness: Freshness
    made_at: datetime

    def at(self, level: Level) -> list[RoiLine]:
        """Lines of a level, those that brought most first."""
        found: dict[Cell, RoiLine] = {}
        for line in self.lines.values():
            channel, campaign, creative = line.cell
            cell = (
                channel,
                campaign if level is not Level.CHANNEL else "",
                creative if level is Level.CREATIVE else "",
            )
            found.setdefault(cell, RoiLine(cell)).add(line)
        return sorted(
            found.values(), key=lambda one: (-one.brought(self.basis), -one.cost_fen, one.cell)
        )

    def total(self) -> RoiLine:
        """All of it."""
        whole = RoiLine(("", "", ""))
        for line in self.lines.values():
            whole.add(line)
        return whole

    def weak(self) -> list[RoiLine]:
        """Creatives that brought less than the rules' floor, the weakest cost first."""
        lines = [line for line in self.at(Level.CREATIVE) if line.cell[2]]
        weak = [one for one in lines if one.is_below(self.rules.roi_floor_permille, self.basis)]
        return sorted(weak, key=lambda one: (-one.cost_fen, one.cell))


def ratio(part: int, whole: int) -> str | None:
    """`part ÷ whole` with two decimals, cut off; None if there is no whole. Integers only."""
    if whole <= 0:
        return None
    hundredths = abs(part) * 100 // whole
    sign = "-" if part < 0 and hundredths else ""
    return f"{sign}{hundredths // 100}.{hundredths % 100:02d}"


@dataclass(frozen=True, slots=True)
class RoiAsked:
    """Whose month; how deals are shared (None: as the rules say); what ROI is counted on, `signed` or `received`."""

    merchant: str
    month: Month
    model: Model | None = None
    basis: str = "signed"


def measure_roi(
    engine: sa.Engine, keyring: KeyRing, settings: HubSettings, asked: RoiAsked, now: datetime
) -> RoiFigures:
    """Count one month of a merchant in one snapshot, by deals as they were last attributed.

    Leads are those submitted in the month, opportunities those opened in it (each with the last touch before),
    deals those signed in it with what came of them until now, cost what was spent in it.

    Args:
        engine: The store.
        keyring: Opens leads.
        settings: Sources and the place of the rules.
        asked: Whose month, how.
        now: Aware instant, for the watermark.
    """
    merchant, month = asked.merchant, asked.month
    with store_errors(), snapshot(engine) as conn:
        paths = open_paths(conn, keyring, settings, merchant)
        lines: dict[Cell, RoiLine] = {}

        def line(cell: Cell) -> RoiLine:
            return lines.setdefault(cell, RoiLine(cell))

        chosen = asked.model or paths.rules.report_model
        _count_leads(paths, month, line)
        _count_opportunities(paths, month, line)
        since, until = month.first, month.next.first
        for share in store.shares_between(conn, merchant, chosen.value, since, until):
            of = line((share.channel, share.campaign, share.creative))
            of.signed_fen += share.fen
            of.received_fen += share.received_fen
        aside = _count_cost(paths, store.spending(paths.raw, merchant, since, until), line)
        if paths.unreadable:
            aside["unreadable_leads"] = paths.unreadable
        run = store.last_run(conn, merchant)
        fresh = {"lead": touches.newest_load(paths.raw, merchant)}
        fresh |= store.newest_loads(conn, merchant, _DOCUMENTS)
    return RoiFigures(
        merchant, month, chosen, asked.basis, lines, paths.register, paths.rules, aside,
        Freshness(fresh, run["finished_at"] if run else None), now,
    )  # fmt: skip


def _count_leads(paths: Paths, month: Month, line: Callable[[Cell], RoiLine]) -> None:
    since, until = (datetime.combine(day, time(), ZONE) for day in (month.first, month.next.first))
    leads = list(touches.leads_submitted(paths.raw, paths.merchant, since, until))
    desk = paths.desk
    for start in range(0, len(leads), _PAGE):
        part = leads[start : start + _PAGE]
        for lead, said in zip(part, paths.said(part), strict=True):
            if said is None:
                continue
            cell = desk.cell(desk.kind_of_lead(said.doc), said.platform, desk.placed(said))
            of = line(cell)
            of.leads += 1
            of.people.add(lead.root)


def _count_opportunities(paths: Paths, month: Month, line: Callable[[Cell], RoiLine]) -> None:
    opened = [
        one
        for one in store.opportunities(paths.raw, paths.merchant)
        if one.on_date is not None and one.on_date in month
    ]
    if not opened:
        return
    people = read_people(paths, [])
    behind = people.of_opportunity
    root_of = {one.id: behind[one.id][0] for one in opened if one.id in behind}
    roots = sorted(set(root_of.values()))
    for start in range(0, max(len(roots), 1), _PAGE):
        part = roots[start : start + _PAGE]
        seen = paths.of(part, people.activities)
        for one in opened:
            root = root_of.get(one.id)
            if root in seen or (root is None and start == 0):
                path = seen[root] if root else []
                line(_cell_of(paths, one, path, people)).opportunities += 1


def _cell_of(paths: Paths, one: OpportunityRow, seen: Sequence[Seen], people: People) -> Cell:
    """The last touch before an opportunity was opened, else the campaign that it states."""
    day: date | None = one.on_date
    at = end_of(day) if day else 0
    path = path_of([each.touch for each in seen], at, paths.rules.shares)
    if path:
        return path[-1].channel, path[-1].campaign, path[-1].creative
    if one.id not in people.stated:
        return "", "", ""
    source, utm, number = people.stated[one.id]
    placed = paths.register.place(source, {"utm_campaign": utm, "campaign_id": number})
    return paths.desk.cell("stated", "", placed) if placed.campaign else ("", "", "")


def _count_cost(
    paths: Paths, spending: Iterable[Spend], line: Callable[[Cell], RoiLine]
) -> dict[str, int]:
    """Add what was spent; what is left out, by reason. Spending of no registered campaign stays its channel's."""
    aside: dict[str, int] = {}
    for one in spending:
        if one.amount_fen is None or (one.currency or HOME_CURRENCY) != HOME_CURRENCY:
            reason = "cost_without_amount" if one.amount_fen is None else "cost_in_other_currency"
            aside[reason] = aside.get(reason, 0) + 1
            continue
        said = {
            name: getattr(one, name) for name in ("utm_campaign", "campaign_id", "creative_id")
        }
        placed = paths.register.place(one.source_key, said)
        if placed.campaign is None:
            aside["cost_of_no_campaign"] = aside.get("cost_of_no_campaign", 0) + 1
            line((one.channel or "", "", "")).cost_fen += one.amount_fen
        else:
            line(paths.desk.cell("spend", "", placed)).cost_fen += one.amount_fen
    return aside
