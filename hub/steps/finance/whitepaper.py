"""数据健康白皮书: how many records came in right by themselves, what people had to mend, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

import sqlalchemy as sa

from hub.crm.month_counts import decisions_between, marked_leads
from hub.finance.month_counts import breaks_opened, marked_documents, said_by_people
from hub.inbox.month_counts import month_records
from hub.privacy.keyring import KeyRing
from hub.reconciliation.kinds import BREAK_WORDS, BreakKind
from hub.reconciliation.months import Month
from hub.settings import HubSettings
from hub.steps.finance.metrics import ZONE
from hub.steps.finance.report_formats import Cell, Sheet
from hub.steps.quality.checks import BAD, percent
from hub.steps.quality.dictionary import read_dictionary
from hub.steps.quality.measure import FieldLine, field_lines, measure, month_scope

FieldHealth = Sequence[FieldLine]
TOP = 3


@dataclass(frozen=True, slots=True)
class Health:
    """A month's counts. `troubled` records were held, discarded, corrected, or loaded with a mark."""

    records: int
    troubled: int
    drifted: int
    corrections: dict[str, int]
    causes: Counter[str]

    @property
    def accuracy(self) -> str:
        """The share of records that loaded without mark, hold or correction, in percent with two decimals."""
        if not self.records:
            return "—"
        share = (self.records - self.troubled) * 10_000 // self.records
        return f"{share // 100}.{share % 100:02d} %"


def measure_fields(
    engine: sa.Engine, keyring: KeyRing, settings: HubSettings, merchant: str, month: Month
) -> FieldHealth:
    """How well the fields of the month's leads are filled; reads them all.

    Raises:
        ConfigError: The canonical contract is not there.
    """
    scope = month_scope(str(month), merchant=merchant)
    found = measure(engine, keyring, settings, scope)
    return field_lines(found, read_dictionary(engine, settings), settings)


def month_health(conn: sa.Connection, merchant: str, month: Month) -> Health:
    """A merchant's month, counted in the caller's snapshot; months are those of China."""
    since, until = (datetime.combine(day, time(), ZONE) for day in (month.first, month.next.first))
    inbox = month_records(conn, merchant, since, until)
    leads = marked_leads(conn, merchant, since, until)
    documents = marked_documents(conn, merchant, since, until)
    troubled: set[UUID] = set(inbox.troubled) | leads.keys() | documents.keys()
    causes: Counter[str] = Counter()
    for reason, count in inbox.held.items():
        causes[f"暂存：{reason}"] += count
    for marks in (*leads.values(), *documents.values()):
        causes.update(f"标记：{mark}" for mark in marks)
    for kind, count in breaks_opened(conn, merchant, since, until).items():
        word = BREAK_WORDS[BreakKind(kind)] if kind in tuple(BreakKind) else kind
        causes[f"对账差异：{word}"] += count
    said = said_by_people(conn, merchant, since, until)
    decided = decisions_between(conn, merchant, since, until)
    corrections = {
        "暂存记录人工重放": inbox.corrected - inbox.discarded,
        "暂存记录人工丢弃": inbox.discarded,
        "客户身份决定（拆分、撤销）": decided.total(),
        "对账提问的回答": said["answers"],
        "人工关闭的差异": said["closed"],
    }
    return Health(inbox.records, len(troubled), inbox.drifted, corrections, causes)


def whitepaper_sheets(
    conn: sa.Connection, merchant: str, month: Month, fields: FieldHealth | None
) -> list[Sheet]:
    """The whitepaper's own tables: accuracy, corrections, the three main causes, fields that want somebody."""
    health = month_health(conn, merchant, month)
    summary: list[tuple[Cell, ...]] = [
        ("当月到达记录", health.records),
        ("准确率", health.accuracy),
        ("需要人或规则处理的记录", health.troubled),
        ("带漂移发现入库的记录（值完整，不计入上项）", health.drifted),
        ("人工修正次数", sum(health.corrections.values())),
    ]
    note = "准确率 =（到达记录 − 暂存、丢弃、人工修正或带标记入库的记录）÷ 到达记录"
    top = sorted(health.causes.items(), key=lambda one: (-one[1], one[0]))[:TOP]
    sheets = [
        Sheet("概览", ("指标", "值"), summary, note),
        Sheet("人工修正", ("类别", "次数"), list(health.corrections.items())),
        Sheet("前三原因", ("原因", "条数"), top),
    ]
    if fields is not None:
        sheets.append(_field_sheet(fields))
    return sheets


def _field_sheet(fields: FieldHealth) -> Sheet:
    rows: list[tuple[Cell, ...]] = [
        (
            line.source_key, line.label_zh, line.leads, percent(line.fill_rate),
            percent(line.anomaly_rate), "、".join(line.flags),
        )
        for line in fields
        if BAD & set(line.flags)
    ]  # fmt: skip
    columns = ("来源", "字段", "线索数", "填充率", "异常率", "提示")
    return Sheet("字段健康", columns, rows, "只列需要看的字段；全部见 hub quality fields")
