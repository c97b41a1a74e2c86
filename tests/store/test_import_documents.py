"""Ledgers from spreadsheets: a contract ledger and one of receipts, as people keep them, into the books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import ConfigError
from hub.files.workbook import read_workbook
from hub.privacy.keyring import KeyRing
from hub.registry.files import schema_files
from hub.settings import HubSettings, SourceSettings
from hub.steps.import_file import ImportResult, import_rows, review_plan, write_report
from hub.steps.import_plan import (
    Plan,
    Reading,
    dictionary_for,
    plan_with_saved,
    propose_plan,
    publish_plan,
    read_table,
    saved_mappings,
    settle,
    target_of,
)
from hub.steps.load import Loader
from hub.steps.verify import verify
from tests.unit.files.builders import a_workbook

pytestmark = pytest.mark.postgres
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
SETTINGS = HubSettings(
    sources={
        entity: SourceSettings(platform="declarative", push="records", options={"entity": entity})
        for entity in ("contract", "receipt", "invoice", "opportunity")
    }
)
CONTRACTS = (
    *("合同编号", "合同名称", "甲方", "合同金额（元）", "签订日期", "合同类型", "合同状态"),
    *("是否盖章", "联系人电话", "跟进小记"),
)
LEDGER: Sequence[Sequence[Any]] = (
    ("HT-001", "年度服务", "演示公司", 106000, date(2026, 1, 5), "标准合同", "已生效", "是", "19900001111", "很急"),
    ("HT-002", "框架", "示例科技", "1.2万", "2026年1月8日", "框架协议", "草稿", "否", "", ""),
    ("HT-003", "续约", "样板商贸", "¥1,234,567.89", "2026/1/9", "", "履行中", "", "", ""),
    ("HT-004", "日期写坏", "测试实业", "5000", "一月初", "", "已生效", "", "", ""),
    ("HT-005", "金额写坏", "测试实业", "约五千", "2026-01-10", "", "已生效", "", "", ""),
    ("HT-001", "年度服务", "演示公司", 106000, date(2026, 1, 5), "标准合同", "已生效", "是", "19900001111", "很急"),
    ("HT-002", "框架", "示例科技", "2万", "2026年1月8日", "框架协议", "草稿", "否", "", ""),
    ("", "没有编号", "测试实业", "5000", "2026-01-11", "", "已生效", "", "", ""),
    ("HT-006", "零头", "测试实业", "0.005", "2026-01-11", "", "已生效", "", "", ""),
    ("HT-007", "状态没见过", "测试实业", 46027.5, 46033, "", "飞行中", "", "", ""),
)  # fmt: skip
RECEIPTS = ("回款日期", "付款方", "回款金额(万元)", "合同编号", "币种", "备注")
PAID: Sequence[Sequence[Any]] = (
    (date(2026, 2, 2), "演示公司", 5.3, "HT-001", "人民币", "首付"),
    (date(2026, 2, 3), "演示公司", 5.3, "HT-001", "人民币", "尾款"),
    ("20260204", "示例科技", "1,000元", "HT-002", "", ""),
    ("2026-02-05 00:00:00", "示例科技", "-0.05", "HT-002", "RMB", "冲回"),
    ("2026-02-05 00:00:00", "示例科技", "-0.05", "HT-002", "RMB", "冲回"),
    (date(2026, 2, 6), "示例科技", 1, "HT-002", "贝壳", ""),
    ("", "示例科技", 1, "HT-002", "", ""),
)


@dataclass
class Importer:
    """The steps of `hub import` for a source of business documents."""

    engine: sa.Engine
    keyring: KeyRing

    def plan(self, path: Path, source_key: str, **said: Any) -> Plan:
        files, source = schema_files(SETTINGS), SETTINGS.sources[source_key]
        target = target_of(source)
        with self.engine.begin() as conn:
            self.dictionary, _ = dictionary_for(conn, files, source.merchant, target)
            saved = saved_mappings(conn, source.platform, source.merchant, target)
        table = read_table(path, self.dictionary, SETTINGS, Reading())
        found = plan_with_saved(source_key, source, table, saved)
        if found is not None and not said:
            return found
        self.proposed = propose_plan(source_key, source, table, self.dictionary)
        return settle(
            self.proposed, self.dictionary, files, **({"said": {}, "saved": saved} | said)
        )

    def run(
        self, path: Path, source_key: str, report: Path | None = None, **said: Any
    ) -> ImportResult:
        plan = self.plan(path, source_key, **said)
        reviewed = review_plan(self.engine, self.keyring, plan, self.dictionary)
        files = schema_files(SETTINGS)
        publish_plan(self.engine, files, plan, published_by="test", reason="a ledger")
        result = import_rows(self.engine, self.keyring, plan, reviewed, now=AT)
        if report is not None:
            write_report(reviewed, report)
        loader = Loader(self.engine, self.keyring, SETTINGS, clock=lambda: AT)
        try:
            self.outcomes = dict(loader.drain().counts)
        finally:
            loader.close()
        return result

    def rows(self, columns: str) -> list[Any]:
        with self.engine.begin() as conn:
            query = f"SELECT {columns} FROM finance.document ORDER BY number, on_date, amount_fen"  # noqa: S608 -- the test's own text
            return [tuple(row) for row in conn.execute(sa.text(query))]


@pytest.fixture
def importer(engine: sa.Engine, keyring: KeyRing) -> Importer:
    return Importer(engine, keyring)


def a_file(folder: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    """An xlsx with real dates and numbers, and what people type over them."""
    from datetime import datetime as moment

    def cell(value: Any) -> Any:
        # The writer of tests knows no dates: a workbook keeps them as day numbers.
        is_day = isinstance(value, date) and not isinstance(value, moment)
        return (value - date(1899, 12, 30)).days if is_day else value

    path = folder / "ledger.xlsx"
    path.write_bytes(a_workbook(("台账", [header, *[[cell(c) for c in row] for row in rows]])))
    return path


def test_the_columns_of_a_contract_ledger_are_proposed_by_name(
    importer: Importer, tmp_path: Path
) -> None:
    importer.plan(a_file(tmp_path, CONTRACTS, LEDGER), "contract")

    assert {one.column: one.meaning for one in importer.proposed.proposed} == {
        "合同编号": "number",
        "合同名称": "title",
        "甲方": "party_name",
        "合同金额（元）": "amount",
        "签订日期": "on_date",
        "合同类型": "kind",
        "合同状态": "state",
        "是否盖章": "is_sealed",
        "联系人电话": "mobile_e164",
        "跟进小记": "extra",
    }
    assert all("演示" not in one.sample for one in importer.proposed.proposed)
    assert not importer.proposed.uncertain


def test_good_rows_of_a_contract_ledger_are_documents_and_bad_ones_are_in_the_report(
    importer: Importer, tmp_path: Path
) -> None:
    report = tmp_path / "report.xlsx"
    result = importer.run(a_file(tmp_path, CONTRACTS, LEDGER), "contract", report)

    assert (result.read, result.accepted, result.rejected) == (10, 5, 5)
    assert importer.outcomes == {"loaded": 4, "unchanged": 1}
    assert importer.rows("number, contract_number, kind, state, on_date::text, amount_fen") == [
        ("HT-001", "HT-001", "standard", "active", "2026-01-05", 10_600_000),
        ("HT-002", "HT-002", "framework", "draft", "2026-01-08", 1_200_000),
        ("HT-003", "HT-003", None, "active", "2026-01-09", 123_456_789),
        ("HT-007", "HT-007", None, None, "2026-01-11", 4_602_750),
    ]
    told = read_workbook(report.read_bytes(), "report", "待修正").rows
    problems = {row[0]: row[-3] for row in told[1:]}
    assert "认不出日期" in problems["HT-004"]
    assert "认不出金额" in problems["HT-005"]
    assert "内容不同" in problems["HT-002"]
    assert "没有编号" in problems[""]
    assert "一分" in problems["HT-006"]
    assert verify(importer.engine, importer.keyring).record_law.is_balanced


def test_a_ledger_of_receipts_without_numbers_keeps_instalments_apart(
    importer: Importer, tmp_path: Path
) -> None:
    result = importer.run(a_file(tmp_path, RECEIPTS, PAID), "receipt")

    assert (result.accepted, result.rejected) == (4, 3)
    assert result.errors == {"required": 1, "enum": 1, "duplicate_in_file": 1}
    assert importer.rows("on_date::text, amount_fen, contract_number, currency") == [
        ("2026-02-02", 5_300_000, "HT-001", "CNY"),
        ("2026-02-03", 5_300_000, "HT-001", "CNY"),
        ("2026-02-04", 100_000, "HT-002", None),
        ("2026-02-05", -50_000, "HT-002", "CNY"),
    ]


def test_the_same_ledger_again_changes_nothing_and_a_corrected_one_revises(
    importer: Importer, tmp_path: Path
) -> None:
    importer.run(a_file(tmp_path, CONTRACTS, LEDGER[:3]), "contract")
    again = importer.run(a_file(tmp_path, CONTRACTS, LEDGER[:3]), "contract")
    assert (again.duplicate_groups, importer.outcomes) == (1, {})

    corrected = [(*LEDGER[0][:3], 107000, *LEDGER[0][4:]), *LEDGER[1:3]]
    importer.run(a_file(tmp_path, CONTRACTS, corrected), "contract")
    assert importer.outcomes == {"revised": 1, "unchanged": 2}
    assert importer.rows("amount_fen")[0] == (10_700_000,)


def test_red_invoices_are_below_zero_and_long_numbers_keep_their_digits(
    importer: Importer, tmp_path: Path
) -> None:
    header = ("发票代码", "发票号码", "开票日期", "价税合计", "税额", "红蓝字", "购方名称")
    rows = (
        ("", "26442000000000000001", "2026-01-31", "1,060.00", "60", "蓝字", "演示公司"),
        ("", "26442000000000000002", "2026-02-01", "500", "", "红字", "演示公司"),
        ("044001900111", "12345678", "2026-02-01", "100", "", "蓝字", "演示公司"),
        ("044001900112", "12345678", "2026-02-01", "100", "", "蓝字", "演示公司"),
        ("", "2.6442E+19", "2026-02-01", "100", "", "蓝字", "演示公司"),
    )
    result = importer.run(a_file(tmp_path, header, rows), "invoice")

    assert (result.accepted, result.rejected) == (4, 1)
    assert importer.rows("number, amount_fen, kind") == [
        ("12345678", 10_000, "blue"),
        ("12345678", 10_000, "blue"),
        ("26442000000000000001", 106_000, "blue"),
        ("26442000000000000002", -50_000, "red"),
    ]


def test_a_saved_mapping_of_another_kind_of_document_is_not_taken(
    importer: Importer, tmp_path: Path
) -> None:
    header, rows = ("编号", "金额", "备注"), [("A-1", "5", "")]
    path = a_file(tmp_path, header, rows)
    importer.run(path, "contract", save="ledger")
    importer.run(path, "opportunity", save="ledger")

    assert importer.rows("entity, number") == [("contract", "A-1"), ("opportunity", "A-1")] or (
        importer.rows("entity, number") == [("opportunity", "A-1"), ("contract", "A-1")]
    )
    with importer.engine.begin() as conn:
        [saved] = saved_mappings(conn, "declarative", "default", "contract")
    assert saved.sheet.columns == {"编号": "number", "金额": "amount", "备注": "remark"}


@pytest.mark.parametrize(
    ("source", "header", "words"),
    [
        ("receipt", ("付款方", "回款日期"), "amount"),
        ("contract", ("甲方", "合同金额"), "number"),
    ],
)
def test_a_ledger_without_what_counts_is_refused_in_words(
    importer: Importer, tmp_path: Path, source: str, header: Sequence[str], words: str
) -> None:
    with pytest.raises(ConfigError, match=f"--map 列名={words}"):
        importer.plan(a_file(tmp_path, header, [("演示公司", "1")]), source)


def test_who_is_named_in_a_ledger_is_sealed(importer: Importer, tmp_path: Path) -> None:
    importer.run(a_file(tmp_path, CONTRACTS, LEDGER[:1]), "contract")

    [(facts, keys)] = importer.rows("facts::text, cardinality(keys)")
    assert keys == 1
    for said in ("演示公司", "19900001111", "很急"):
        assert said not in facts
