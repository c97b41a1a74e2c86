"""The report of field quality as CSV, a workbook, a web page, or Markdown: counts, and the words that mean nothing.

Every form says when it was made, of which leads, and what its figures mean.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from hub.errors import ConfigError
from hub.settings import QualitySettings
from hub.steps.quality.checks import BAD, percent
from hub.steps.quality.measure import ZONE, FieldLine, SourceQuality

COLUMNS: Final = (
    "商家", "来源", "字段", "名称", "核心", "线索数", "有值", "填充率", "异常", "异常率", "无效",
    "冲突联系人", "异常词", "未通过的校验", "提示",
)  # fmt: skip
_SOURCES: Final = ("商家", "来源", "线索数", "当日重复", "重复率", "需要看的字段")
_FLAGS_ZH: Final[Mapping[str, str]] = {
    "low": "填充率低",
    "anomalous": "异常多",
    "unmapped": "没有映射",
    "unasked": "不要求",
    "few": "线索太少",
}
_WORDS_SHOWN: Final = 8
_SHEETS: Final = ("字段", "来源", "口径")
_RATES: Final = (7, 9)
_NUMBERS: Final = frozenset(
    {"线索数", "当日重复", "重复率", "有值", "填充率", "异常", "异常率", "无效", "冲突联系人"}
)


@dataclass(frozen=True, slots=True)
class QualityReport:
    """A report: which leads (`what`), when it was made, each source, each line."""

    what: str
    made_at: datetime
    sources: Sequence[SourceQuality]
    lines: Sequence[FieldLine]
    limits: QualitySettings

    def meanings(self) -> list[tuple[str, str]]:
        """What each figure means."""
        low, high = self.limits.fill_min, self.limits.anomaly_max
        return [
            ("范围", self.what),
            ("生成时间", self.made_at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S 北京时间")),
            ("有值", "线索里给了这个字段，不论能不能用；规则代填的默认值（如匿名咨询）不算"),
            ("填充率", f"有值 ÷ 线索数；核心字段低于 {low:.0%} 提示"),
            ("异常率", f"（异常词或未通过校验）÷ 有值；高于 {high:.0%} 提示"),
            ("无效", "给了但映射用不了的值，原文封存在线索里，不进字段"),
            ("冲突联系人", "这个来源的线索与联系人最终取值不同的联系人数"),
            ("当日重复", "同一来源、同一联系人、同一天里第一条之后的线索数"),
            ("没有映射", "核心字段没有任何规则取值：平台没有，或映射没写"),
            ("不要求", "hub.yaml 里没有要求这个来源有这个字段"),
            ("线索太少", f"少于 {self.limits.min_leads} 条，不下结论"),
        ]

    def flagged(self) -> list[FieldLine]:
        """The lines that want somebody."""
        return [line for line in self.lines if BAD & set(line.flags)]


def field_cells(line: FieldLine) -> tuple[str | int, ...]:
    """A line under `COLUMNS`."""
    return (
        line.merchant, line.source_key, line.field, line.label_zh, "✓" if line.is_core else "",
        line.leads, line.filled, percent(line.fill_rate), line.anomalous,
        percent(line.anomaly_rate), line.invalid, line.conflicts, _counted(line.words),
        _counted(line.failed), "、".join(_FLAGS_ZH[flag] for flag in line.flags),
    )  # fmt: skip


def source_cells(report: QualityReport) -> Iterator[tuple[str | int, ...]]:
    """Each source: leads, repeated ones, which of its fields want somebody."""
    flagged = report.flagged()
    for one in report.sources:
        bad = [
            line.label_zh
            for line in flagged
            if (line.merchant, line.source_key) == (one.merchant, one.source_key)
        ]
        rate = percent(one.duplicates / one.leads if one.leads else None)
        yield one.merchant, one.source_key, one.leads, one.duplicates, rate, "、".join(bad)


def rendered(report: QualityReport, form: str) -> bytes:
    """The report in a form: `csv`, `xlsx` or `html`.

    Raises:
        ConfigError: another form.
    """
    if form not in _FORMS:
        raise ConfigError(
            f"a report is written as {', '.join(_FORMS)}, not as {form or 'nothing'}"
        )
    return _FORMS[form](report)


def as_markdown(report: QualityReport, *, most: int = 60) -> str:
    """The sources and the lines that want somebody, as Markdown; at most `most` lines."""
    lines = [f"{report.what}", "", *_markdown(_SOURCES, list(source_cells(report)))]
    bad = report.flagged()
    if bad:
        names = ("来源", "名称", "填充率", "异常率", "异常词", "提示")
        places = [COLUMNS.index(name) for name in names]
        rows = [tuple(field_cells(line)[place] for place in places) for line in bad[:most]]
        lines += ["", *_markdown(names, rows)]
    if len(bad) > most:
        lines.append(f"\n还有 {len(bad) - most} 行，见 `hub quality fields`")
    return "\n".join(lines)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> Iterator[str]:
    for row in (columns, ["---"] * len(columns), *rows):
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"


def _counted(found: Mapping[str, int]) -> str:
    shown = [f"{word} {count}" for word, count in list(found.items())[:_WORDS_SHOWN]]
    return "、".join(shown) + ("…" if len(found) > _WORDS_SHOWN else "")


def _csv(report: QualityReport) -> bytes:
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\r\n")
    for name, meaning in report.meanings():
        writer.writerow((f"# {name}", meaning))
    writer.writerow(COLUMNS)
    writer.writerows(field_cells(line) for line in report.lines)
    return held.getvalue().encode("utf-8-sig")


def _xlsx(report: QualityReport) -> bytes:
    held = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    with Workbook(held, {"in_memory": True, **plain}) as book:
        head = book.add_format({"bold": True, "bottom": 1})
        rate, red = (
            book.add_format({"num_format": "0.0%"}),
            book.add_format({"bg_color": "#FBE3E4"}),
        )
        fields, sources, meanings = (book.add_worksheet(name) for name in _SHEETS)
        _write(fields, COLUMNS, [field_cells(line) for line in report.lines], head)
        for row, line in enumerate(report.lines, 1):
            for place, share in zip(_RATES, (line.fill_rate, line.anomaly_rate), strict=True):
                if share is not None:
                    fields.write_number(row, place, share, rate)
            if BAD & set(line.flags):
                fields.set_row(row, None, red)
        fields.autofilter(0, 0, len(report.lines), len(COLUMNS) - 1)
        _write(sources, _SOURCES, list(source_cells(report)), head)
        _write(meanings, ("名称", "含义"), report.meanings(), head)
        meanings.set_column(1, 1, 80)
    return held.getvalue()


def _write(
    page: Worksheet,
    columns: Sequence[str],
    rows: Sequence[Sequence[str | int]],
    head: object,
) -> None:
    for place, name in enumerate(columns):
        page.write_string(0, place, name, head)
    for number, row in enumerate(rows, 1):
        for place, cell in enumerate(row):
            if isinstance(cell, int):
                page.write_number(number, place, cell)
            else:
                page.write_string(number, place, cell)
    page.freeze_panes(1, 0)
    page.set_column(0, len(columns) - 1, 14)


_STYLE: Final = """
body{font:14px/1.5 -apple-system,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;margin:2rem auto;
max-width:1280px;padding:0 1rem;color:#1c2430;background:#fff}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}p.what{color:#5b6675;margin:0 0 1rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{padding:.35rem .6rem;text-align:left;
border-bottom:1px solid #e4e8ee;white-space:nowrap;vertical-align:top}
th{background:#f5f7fa;font-weight:600;position:sticky;top:0}
td.n{text-align:right;font-variant-numeric:tabular-nums}td.w{white-space:normal;min-width:9rem}
tr.bad td{background:#fdf0f0}.flag{color:#8a94a3}.bad .flag{color:#b3261e;font-weight:600}.dim{color:#8a94a3}
th.n{text-align:right}.of{display:inline-block;min-width:4rem}
.bar{display:inline-block;width:72px;height:8px;border-radius:4px;background:#e4e8ee;margin-right:.5rem;vertical-align:middle}
.bar i{display:block;height:100%;border-radius:4px;background:#2f7d5b}.bad .bar i{background:#c4453c}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{font-weight:600}dd{margin:0;color:#47515f}
details{margin:.5rem 0}summary{cursor:pointer;color:#2b5fb3}
"""


def _html(report: QualityReport) -> bytes:
    parts = [
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>字段质量报告</title><style>{_STYLE}</style></head><body><h1>字段质量报告</h1>",
        f'<p class="what">{html.escape(report.what)} · 生成于 {report.meanings()[1][1]}</p>',
        "<h2>来源</h2>",
        *_table(_SOURCES, [(False, row) for row in source_cells(report)]),
    ]
    for one in report.sources:
        lines = [
            line
            for line in report.lines
            if (line.merchant, line.source_key) == (one.merchant, one.source_key)
        ]
        parts.append(f"<h2>{html.escape(one.source_key)}</h2>")
        parts += _fields([line for line in lines if line.is_core])
        others = [line for line in lines if not line.is_core]
        if others:
            parts.append(f"<details><summary>其他 {len(others)} 个字段</summary>")
            parts += [*_fields(others), "</details>"]
    parts.append("<h2>口径</h2><dl>")
    parts += [
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(meaning)}</dd>"
        for name, meaning in report.meanings()
    ]
    parts.append("</dl></body></html>\n")
    return "".join(parts).encode()


def _fields(lines: Sequence[FieldLine]) -> Iterator[str]:
    shown = [
        place
        for place, name in enumerate(COLUMNS)
        if name not in ("商家", "来源", "核心", "线索数")
    ]
    rows = []
    for line in lines:
        cells = field_cells(line)
        rows.append((bool(BAD & set(line.flags)), tuple(cells[place] for place in shown)))
    shares = {COLUMNS[7]: [line.fill_rate for line in lines]}
    yield from _table([COLUMNS[place] for place in shown], rows, shares)


def _table(
    columns: Sequence[str],
    rows: Sequence[tuple[bool, Sequence[str | int]]],
    shares: Mapping[str, Sequence[float | None]] | None = None,
) -> Iterator[str]:
    """A table; `shares` are columns drawn with a bar."""
    yield '<div class="scroll"><table><thead><tr>'
    for name in columns:
        yield f"<th{' class=n' if name in _NUMBERS else ''}>{html.escape(name)}</th>"
    yield "</tr></thead><tbody>"
    for number, (is_bad, row) in enumerate(rows):
        yield '<tr class="bad">' if is_bad else "<tr>"
        for name, cell in zip(columns, row, strict=True):
            share = (shares or {}).get(name, ())[number:]
            yield _cell(name, cell, share[0] if share else None)
        yield "</tr>"
    yield "</tbody></table></div>"


def _cell(name: str, cell: str | int, share: float | None) -> str:
    text = html.escape(str(cell))
    if share is not None:
        bar = f'<span class="bar"><i style="width:{100 * share:.0f}%"></i></span>'
        return f'<td class="n">{bar}<span class="of">{text}</span></td>'
    if isinstance(cell, int) or text.endswith("%") or text == "–":
        return f'<td class="n{" dim" if cell in (0, "–") else ""}">{text}</td>'
    if name == COLUMNS[-1] and text:
        return f'<td class="flag">{text}</td>'
    return f'<td class="w">{text}</td>' if name in COLUMNS[12:14] else f"<td>{text}</td>"


_FORMS: Final = {"csv": _csv, "xlsx": _xlsx, "html": _html}
