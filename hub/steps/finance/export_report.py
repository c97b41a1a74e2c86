"""Reports: what may leave the house asks the gate; what stays inside is stamped while it is shut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.errors import ConfigError
from hub.finance import breaks as break_rows
from hub.mapping.nearest import did_you_mean
from hub.privacy.keyring import KeyRing
from hub.reconciliation.bridge import (
    CAUSE_WORDS,
    DISAGREEMENTS,
    Bridge,
    Cause,
    Item,
    build_bridge,
)
from hub.reconciliation.kinds import BREAK_WORDS, BreakKind
from hub.reconciliation.months import Month
from hub.settings import HubSettings
from hub.steps.finance import gate, metrics
from hub.steps.finance.metrics import ZONE, Figures
from hub.steps.finance.report_formats import Cell, Report, Sheet, Yuan
from hub.steps.finance.roi import Level, RoiAsked, RoiFigures, measure_roi
from hub.steps.finance.roi_report import roi_report
from hub.steps.finance.whitepaper import FieldHealth, measure_fields, whitepaper_sheets
from hub.steps.laws import snapshot

AGREED = "signed_agreed"
SIDES = ("signed_sales", "signed_finance", "signed_crm")
_ALL = (*SIDES, AGREED, "finance_of_locked", "received")
_MOST_BREAKS = 100_000
_AGES = ((7, "0–7 天"), (30, "8–30 天"), (90, "31–90 天"))
_OLDER = "90 天以上"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which report somebody wants: whose, of which month, at which instant."""

    merchant: str
    month: Month
    now: datetime


@dataclass(frozen=True, slots=True)
class Prepared:
    """What has to be measured before a report's snapshot, since it opens leads; see `prepare`."""

    fields: FieldHealth | None = None
    roi: RoiFigures | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What a report is made from: a snapshot, settings, and what was measured beforehand."""

    conn: sa.Connection
    settings: HubSettings
    prepared: Prepared = Prepared()


def prepare(
    engine: sa.Engine,
    settings: HubSettings,
    name: str,
    asked: Asked,
    open_keys: Callable[[], KeyRing],
) -> Prepared:
    """Measure what the report `name` needs of leads; the key ring is opened only for those that do.

    Raises:
        GateClosedError: The report leaves the house and the merchant's gate is closed.
    """
    if name in LEAVES_THE_HOUSE:
        with store_errors(), engine.begin() as conn:
            gate.require_open(conn, asked.merchant, asked.now)
    if name == "whitepaper":
        found = measure_fields(engine, open_keys(), settings, asked.merchant, asked.month)
        return Prepared(fields=found)
    if name == "roi":
        wanted = RoiAsked(asked.merchant, asked.month)
        return Prepared(roi=measure_roi(engine, open_keys(), settings, wanted, asked.now))
    return Prepared()


def export_report(
    engine: sa.Engine,
    settings: HubSettings,
    name: str,
    asked: Asked,
    prepared: Prepared = Prepared(),
) -> Report:
    """The report `name` in one snapshot, with its watermark.

    Args:
        engine: The store.
        settings: Metrics, posting lags.
        name: One of `REPORTS`.
        asked: Whose, of which month, when.
        prepared: What `prepare` measured for it.

    Raises:
        GateClosedError: The report leaves the house and the merchant's gate is closed.
        ConfigError: There is no such report.
    """
    if name not in REPORTS:
        raise ConfigError(f"no report {name!r}{did_you_mean(name, list(REPORTS))}")
    known = {one.id for one in settings.merchants}
    if asked.merchant not in known:
        raise ConfigError(f"no merchant {asked.merchant!r}{did_you_mean(asked.merchant, known)}")
    with store_errors(), snapshot(engine) as conn:
        if name in LEAVES_THE_HOUSE:
            gate.require_open(conn, asked.merchant, asked.now)
        return REPORTS[name](Source(conn, settings, prepared), asked)


def watermark(source: Source, asked: Asked, found: Figures | None) -> tuple[tuple[str, str], ...]:
    """When it was made, of what, by which 口径 and version, how fresh, how the gate stands."""
    at = asked.now.astimezone(ZONE)
    lines = [
        ("生成时间", f"{at:%Y-%m-%d %H:%M:%S} 北京时间"),
        ("商家", asked.merchant),
        ("月份", str(asked.month)),
    ]
    for figure in found.by_name.values() if found else ():
        lines.append((f"口径 {figure.metric.title}", figure.metric.words))
    for one in found.all_freshness() if found else ():
        hours = int(one.allowed.total_seconds() // 3600)
        newest = f"{one.newest.astimezone(ZONE):%Y-%m-%d %H:%M}" if one.newest else "从未到达"
        late = f"，超过时效 {hours} 小时：{'、'.join(one.late)}" if one.late else ""
        lines.append((f"数据时效 {one.entity}", f"最新到达 {newest}{late}"))
    for one_gate in gate.status_of(source.conn, asked.now, merchant=asked.merchant):
        lines.append((f"闸门 {one_gate.name.period}", gate.in_words(one_gate)))
    return tuple(lines)


def _report(
    source: Source, asked: Asked, name: str, title: str, sheets: Sequence[Sheet], found: Figures | None
) -> Report:  # fmt: skip
    stamp = gate.stamp_of(source.conn, asked.merchant)
    full = f"{title}（{asked.merchant} {asked.month}）"
    return Report(name, full, tuple(sheets), watermark(source, asked, found), stamp)


def _figures(source: Source, asked: Asked, names: Sequence[str]) -> Figures:
    return metrics.compute(
        source.conn, source.settings, asked.merchant, names, asked.month, asked.now
    )


def _bridge(source: Source, asked: Asked) -> Report:
    found = _figures(source, asked, _ALL)
    today = metrics.business_day(asked.now)
    agreed = found.by_name[AGREED]
    bridges = [
        build_bridge(found.by_name[name], agreed, found.papers, today)
        for name in (*SIDES, "finance_of_locked")
    ]
    sheets = [side_by_side(found), *map(_steps, bridges), _items(bridges)]
    return _report(source, asked, "bridge", "签约与财务差异桥", sheets, found)


def side_by_side(found: Figures) -> Sheet:
    """Every figure in a row, with what is counted apart."""
    rows: list[tuple[Cell, ...]] = []
    for figure in found.by_name.values():
        apart = "；".join(
            f"{money} {one.documents} 单 {Yuan(one.amount).grouped}"
            for money, one in figure.apart.items()
        )
        aside = "；".join(f"{reason} {count}" for reason, count in figure.aside.items())
        rows.append(
            (figure.metric.label, Yuan(figure.fen), figure.documents, apart, aside, figure.metric.words)
        )  # fmt: skip
    columns = ("口径", "金额（元）", "单据数", "外币单列", "不计入", "口径说明")
    return Sheet("并列", columns, rows)


def _steps(bridge: Bridge) -> Sheet:
    """From one figure to the agreed one, cause by cause."""
    left, right = bridge.left, bridge.right
    rows: list[tuple[Cell, ...]] = [(left.metric.label, None, Yuan(left.fen), "")]
    for cause, (count, fen) in bridge.by_cause().items():
        is_open = cause in DISAGREEMENTS
        rows.append((CAUSE_WORDS[cause], count, Yuan(fen), "待处理" if is_open else "可解释"))
    rows.append((right.metric.label, None, Yuan(right.fen), ""))
    note = (
        f"差异 {Yuan(bridge.difference).grouped} 元，其中待处理 {Yuan(bridge.residual).grouped} 元"
    )
    return Sheet(
        f"桥 {left.metric.label}"[:31], ("原因", "项数", "金额（元）", "性质"), rows, note
    )


def _items(bridges: Sequence[Bridge]) -> Sheet:
    rows: list[tuple[Cell, ...]] = [
        (
            bridge.left.metric.label, item.contract or "（无合同）", item.number or "",
            CAUSE_WORDS[item.cause], Yuan(item.fen), _told(item),
        )
        for bridge in bridges
        for item in bridge.items
    ]  # fmt: skip
    return Sheet("逐合同", ("从口径", "合同编号", "单据", "原因", "金额（元）", "说明"), rows)


def _told(item: Item) -> str:
    told = "、".join(item.detail)
    return f"缺：{told}" if item.cause is Cause.LOCK_MISSING else told


def _signed(source: Source, asked: Asked) -> Report:
    found = _figures(source, asked, (AGREED,))
    agreed = found.by_name[AGREED]
    rows: list[tuple[Cell, ...]] = [
        (one.contract or "", str(one.paper.on_date or ""), Yuan(one.fen))
        for one in sorted(agreed.contributions, key=lambda one: (one.contract or "", one.paper.id))
    ]
    rows.append(("合计", "", Yuan(agreed.fen)))
    sheets = [Sheet("签约明细", ("合同编号", "签订日期", "金额（元）"), rows), side_by_side(found)]
    return _report(source, asked, "signed", "签约额（统一口径）", sheets, found)


def _breaks(source: Source, asked: Asked) -> Report:
    listed = break_rows.list_breaks(
        source.conn, asked.merchant, {"states": list(break_rows.LIVE)}, _MOST_BREAKS
    )
    ages: dict[tuple[str, str, str], list[int]] = {}
    rows: list[tuple[Cell, ...]] = []
    for one in listed:
        days = max(0, (asked.now - one["first_seen"]).days)
        word, money = _break_words(one["kind"]), one["currency"] or "CNY"
        ages.setdefault((word, _age(days), money), []).append(one["amount_fen"] or 0)
        rows.append(
            (
                word, one["contract_number"] or "", one["number"] or "", one["entity"],
                Yuan(one["amount_fen"]) if one["amount_fen"] is not None else None, money,
                days, one["source_key"], one["id"],
            )
        )  # fmt: skip
    by_age: list[tuple[Cell, ...]] = [
        (word, age, money, len(sums), Yuan(sum(sums)))
        for (word, age, money), sums in sorted(ages.items())
    ]
    note = f"最早的在前，至多 {_MOST_BREAKS} 条" if len(listed) == _MOST_BREAKS else ""
    columns = (
        "类型", "合同编号", "单据", "单据种类", "涉及金额（元）", "币种", "天数", "来源", "编号",
    )  # fmt: skip
    sheets = [
        Sheet("账龄", ("类型", "账龄", "币种", "条数", "涉及金额（元）"), by_age),
        Sheet("逐条", columns, rows, note),
    ]
    return _report(source, asked, "breaks", "对账差异账龄", sheets, None)


def _break_words(kind: str) -> str:
    return BREAK_WORDS[BreakKind(kind)] if kind in tuple(BreakKind) else kind


def _age(days: int) -> str:
    return next((word for most, word in _AGES if days <= most), _OLDER)


def _whitepaper(source: Source, asked: Asked) -> Report:
    sheets = whitepaper_sheets(source.conn, asked.merchant, asked.month, source.prepared.fields)
    found = _figures(source, asked, (AGREED, "finance_of_locked"))
    title = "数据健康白皮书"
    return _report(source, asked, "whitepaper", title, [*sheets, side_by_side(found)], found)


def _roi(source: Source, asked: Asked) -> Report:
    found = source.prepared.roi
    if found is None:
        raise ConfigError("the ROI report is made of figures that were measured beforehand")
    stamp = gate.stamp_of(source.conn, asked.merchant)
    *wide, narrow = [roi_report(found, level, stamp) for level in Level]
    sheets = [report.sheets[0] for report in wide]
    gates = [
        (f"闸门 {one.name.period}", gate.in_words(one))
        for one in gate.status_of(source.conn, asked.now, merchant=asked.merchant)
    ]
    title = f"活动与素材 ROI（{asked.merchant} {asked.month}）"
    return Report("roi", title, (*sheets, *narrow.sheets), (*narrow.watermark, *gates), stamp)


REPORTS: Mapping[str, Callable[[Source, Asked], Report]] = {
    "bridge": _bridge,
    "breaks": _breaks,
    "whitepaper": _whitepaper,
    "signed": _signed,
    "roi": _roi,
}
"""Every report by its name."""

LEAVES_THE_HOUSE = frozenset({"signed", "roi"})
"""Reports whose figures are for others: they refuse while the gate is closed."""
