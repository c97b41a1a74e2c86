"""Reports as files: CSV that no spreadsheet takes for formulas, a workbook, a web page that needs nothing else."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from hub.errors import ConfigError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_EXACT_DIGITS = 15
_SHEET_NAME = 31
_WIDEST = 60


@dataclass(frozen=True, slots=True)
class Yuan:
    """An amount in fen, shown in yuan."""

    fen: int

    def __str__(self) -> str:
        sign = "-" if self.fen < 0 else ""
        return f"{sign}{abs(self.fen) // 100}.{abs(self.fen) % 100:02d}"

    @property
    def grouped(self) -> str:
        """With separators of thousands, for people."""
        sign = "-" if self.fen < 0 else ""
        return f"{sign}{abs(self.fen) // 100:,}.{abs(self.fen) % 100:02d}"


Cell = str | int | Yuan | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a report; `note` stands under its title."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A report before it has a form. `watermark` stands in every form; `stamp` says that figures do not agree."""

    name: str
    title: str
    sheets: tuple[Sheet, ...]
    watermark: tuple[tuple[str, str], ...]
    stamp: str | None = None

    def head(self) -> list[tuple[str, str]]:
        """The stamp and the watermark, as lines."""
        stamped = [("状态", self.stamp)] if self.stamp else []
        return [*stamped, *self.watermark]


def render(report: Report, form: str) -> bytes:
    """The report as `csv`, `xlsx` or `html`.

    Raises:
        ConfigError: Another form.
    """
    if form not in FORMS:
        raise ConfigError(f"a report is written as {', '.join(FORMS)}, not as {form!r}")
    return FORMS[form](report)


def safe_text(text: str) -> str:
    """`text` as a cell that a spreadsheet reads as text: what begins like a formula gets an apostrophe.

    So does a number too long to be one: of an invoice number of 20 digits a spreadsheet keeps 15.
    """
    is_long_number = text.isdigit() and len(text) > _EXACT_DIGITS
    is_formula = text.lstrip(" ").startswith(_FORMULA)
    return f"'{text}" if is_formula or is_long_number else text


def _csv(report: Report) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([report.title])
    writer.writerows([safe_text(word), safe_text(value)] for word, value in report.head())
    for sheet in report.sheets:
        writer.writerow([])
        writer.writerow([safe_text(sheet.title)])
        if sheet.note:
            writer.writerow([safe_text(sheet.note)])
        writer.writerow([safe_text(name) for name in sheet.columns])
        for row in sheet.rows:
            writer.writerow([_plain(cell) for cell in row])
    return "\ufeff".encode() + out.getvalue().encode()


def _plain(cell: Cell) -> str | int:
    if isinstance(cell, str):
        return safe_text(cell)
    return "" if cell is None else str(cell) if isinstance(cell, Yuan) else cell


def _xlsx(report: Report) -> bytes:
    out = io.BytesIO()
    with Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        bold = book.add_format({"bold": True})
        money = book.add_format({"num_format": "#,##0.00"})
        red = book.add_format({"bold": True, "font_color": "#b00020"})
        cover = book.add_worksheet("说明")
        cover.write_string(0, 0, report.title, bold)
        for n, (word, value) in enumerate(report.head(), start=1):
            cover.write_string(n, 0, word)
            cover.write_string(n, 1, value, red if value == report.stamp else None)
        cover.set_column(0, 0, 18)
        cover.set_column(1, 1, 90)
        for sheet in report.sheets:
            _fill(book.add_worksheet(sheet.title[:_SHEET_NAME]), sheet, bold, money)
    return out.getvalue()


def _fill(page: Worksheet, sheet: Sheet, bold: Format, money: Format) -> None:
    for x, name in enumerate(sheet.columns):
        page.write_string(0, x, name, bold)
        cells = [row[x] for row in sheet.rows]
        widest = max([len(name) * 2, *(len(str(cell or "")) + 4 for cell in cells)])
        page.set_column(x, x, min(widest, _WIDEST))
        for y, cell in enumerate(cells, start=1):
            if isinstance(cell, Yuan):
                page.write_number(y, x, Decimal(cell.fen) / 100, money)
            elif isinstance(cell, int):
                page.write_number(y, x, cell)
            elif cell is not None:
                page.write_string(y, x, cell)
    page.freeze_panes(1, 0)


_STYLE = """
body{font:14px/1.5 "PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;margin:2em auto;max-width:76em;
padding:0 1em;color:#1f2328;background:#fff}
h1{font-size:1.5em}h2{font-size:1.15em;margin:2em 0 .3em}
.scroll{overflow-x:auto}
table{border-collapse:collapse}th,td{padding:.3em .8em;border-bottom:1px solid #d8dee4;text-align:left;
vertical-align:top}
th{background:#f6f8fa;white-space:nowrap}td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.stamp{display:inline-block;border:3px solid #b00020;color:#b00020;font-weight:700;font-size:1.3em;padding:.1em .6em;
transform:rotate(-3deg);margin:.4em 0}
.mark{color:#57606a;font-size:.9em}.mark th{background:none;font-weight:400}.note{color:#57606a;margin:.2em 0 .6em}
"""


def _html(report: Report) -> bytes:
    return "\n".join(_page(report)).encode()


def _page(report: Report) -> Iterator[str]:
    title = html.escape(report.title)
    yield '<!doctype html><html lang="zh"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
    if report.stamp:
        yield f'<div class="stamp">{html.escape(report.stamp)}</div>'
    for sheet in report.sheets:
        yield f"<h2>{html.escape(sheet.title)}</h2>"
        if sheet.note:
            yield f'<p class="note">{html.escape(sheet.note)}</p>'
        yield '<div class="scroll"><table><tr>'
        yield "".join(f"<th>{html.escape(name)}</th>" for name in sheet.columns) + "</tr>"
        for row in sheet.rows:
            yield "<tr>" + "".join(map(_td, row)) + "</tr>"
        yield "</table></div>"
    yield '<h2>水印</h2><table class="mark">'
    for word, value in report.head():
        yield f"<tr><th>{html.escape(word)}</th><td>{html.escape(value)}</td></tr>"
    yield "</table></body></html>"


def _td(cell: Cell) -> str:
    if isinstance(cell, Yuan):
        return f'<td class="n">{cell.grouped}</td>'
    if isinstance(cell, int):
        return f'<td class="n">{cell:,}</td>'
    return f"<td>{html.escape(cell or '')}</td>"


FORMS: Mapping[str, Callable[[Report], bytes]] = {"csv": _csv, "xlsx": _xlsx, "html": _html}
