"""What the demo's books come to: matches, breaks held against what was planted, figures, bridges, one deal's shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from hub.attribution.models import Model
from hub.privacy.keyring import KeyRing
from hub.reconciliation.bridge import CAUSE_WORDS, Bridge, build_bridge
from hub.reconciliation.kinds import BREAK_WORDS
from hub.settings import HubSettings
from hub.steps.demo.papers import PLANTED, DemoMonth
from hub.steps.demo.senders import MERCHANT
from hub.steps.finance.attribute import attribute_deals
from hub.steps.finance.deal_story import show_shares
from hub.steps.finance.export_report import AGREED, SIDES
from hub.steps.finance.metrics import business_day, compute
from hub.steps.finance.reconcile import reconcile
from hub.steps.laws import snapshot


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a bridge: cause, items, fen; the first and the last are the figures themselves."""

    words: str
    items: int | None
    fen: int


@dataclass(frozen=True, slots=True)
class Money:
    """The demo's month. Money is fen; breaks are counted by kind; a bridge is steps from a side to the agreed one."""

    month: str
    documents: int
    matches: int
    questions: int
    planted: Mapping[str, int]
    found: Mapping[str, int]
    figures: Mapping[str, int]
    bridges: Sequence[Sequence[Step]]
    contract: str
    value_fen: int
    shares: Sequence[tuple[str, str, str, int]]

    @property
    def holds(self) -> bool:
        """Whether all that was planted was found and no more, bridges arrive, and shares are the deal's value."""
        arrive = all(sum(one.fen for one in b[:-1]) == b[-1].fen for b in self.bridges)
        shared = bool(self.shares) and sum(fen for *_, fen in self.shares) == self.value_fen
        return dict(self.planted) == dict(self.found) and arrive and shared


def count_money(engine: sa.Engine, keyring: KeyRing, settings: HubSettings) -> Money:
    """Reconcile, compute and attribute, once everything is loaded."""
    now = datetime.now(UTC)
    told = DemoMonth(business_day(now))
    done = reconcile(engine, settings, MERCHANT, now)
    attribute_deals(engine, keyring, settings, MERCHANT, now)
    with snapshot(engine) as conn:
        found = compute(conn, settings, MERCHANT, (*SIDES, AGREED), told.month, now)
    agreed = found.by_name[AGREED]
    bridges = [
        _steps(build_bridge(found.by_name[name], agreed, found.papers, told.today))
        for name in SIDES
    ]
    deal = show_shares(engine, MERCHANT, told.attributed, Model.POSITION.value)
    return Money(
        month=str(told.month),
        documents=done.documents,
        matches=done.matches,
        questions=done.questions,
        planted={BREAK_WORDS[kind]: count for kind, count in PLANTED.items()},
        found={
            BREAK_WORDS[kind]: done.by_kind[kind] for kind in BREAK_WORDS if kind in done.by_kind
        },
        figures={one.metric.label: one.fen for one in found.by_name.values()},
        bridges=bridges,
        contract=told.attributed,
        value_fen=deal["value_fen"],
        shares=[
            (str(one["kind"]), str(one["channel"]), str(one["campaign"]), one["fen"])
            for one in deal["shares"]
        ],
    )


def _steps(bridge: Bridge) -> list[Step]:
    causes = [
        Step(CAUSE_WORDS[cause], count, fen) for cause, (count, fen) in bridge.by_cause().items()
    ]
    ends = (bridge.left, bridge.right)
    first, last = (Step(one.metric.label, None, one.fen) for one in ends)
    return [first, *causes, last]
