"""Breaks as files that people open (csv, xlsx, html), and the story of a contract on a screen."""

from __future__ import annotations

import csv
import dataclasses
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook

from hub.cli.output import print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.reconciliation.explain import ENTITY_WORDS, Story, Told

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_table(
    path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], title: str
) -> None:
    """Rows as a file of the kind that its name ends in; `title` says what it is and as of when.

    Raises:
        ConfigError: another ending.
    """
    cells = [[_text(row[name]) for name in columns] for row in rows]
    made = {".csv": _csv, ".xlsx": _xlsx, ".html": _html}.get(path.suffix.lower())
    if made is None:
        raise ConfigError("--out ends in .csv, .xlsx or .html")
    path.write_bytes(made(columns, cells, title))


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> bytes:
    """With a byte order mark, for spreadsheets; a cell that would run as a formula gets an apostrophe."""
    held = io.StringIO()
    writer = csv.writer(held)
    writer.writerow([title])
    writer.writerow(columns)
    for row in rows:
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row])
    return held.getvalue().encode("utf-8-sig")


def _xlsx(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> bytes:
    held = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    with Workbook(held, {"in_memory": True, **plain}) as book:
        page = book.add_worksheet("对账差异")
        page.write_string(0, 0, title)
        for line, row in enumerate([columns, *rows], 1):
            for place, cell in enumerate(row):
                page.write_string(line, place, cell)
        page.freeze_panes(2, 0)
    return held.getvalue()


def _html(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> bytes:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    body = "\n".join([line(columns, "th"), *(line(row, "td") for row in rows)])
    page = (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<p>{html.escape(title)}</p><table>\n{body}\n</table></html>\n"
    )
    return page.encode()


def _text(value: Any) -> str:  # noqa: ANN401 -- any cell
    return "" if value is None else str(value)


def print_story(told: Story, *, as_json: bool) -> None:
    """The story of a contract: lines, sums, what is missing, breaks, questions."""
    if as_json:
        print_json(dataclasses.asdict(told))
        return
    print_line(f"合同 {told.number}")
    columns = ("日期", "系统", "单据", "编号", "状态", "金额", "计入本合同", "依据")
    print_rows(columns, [_line(one) for one in told.lines], as_json=False)
    for entity, amount in sorted(told.sums.items()):
        print_line(f"{ENTITY_WORDS.get(entity, entity)}合计 {yuan(amount)}")
    for words in told.missing:
        print_line(f"缺：{words}")
    for one in told.breaks:
        detail = ", ".join(f"{name}={value}" for name, value in one["detail"].items())
        print_line(f"差异 {one['id']} {one['words']} {yuan(one['amount_fen'])} {detail}".rstrip())
    for one in told.questions:
        print_line(
            f"待确认 {one['id']} {ENTITY_WORDS.get(one['entity'], '')} {one['number']}：{one['words']}"
        )


def _line(one: Told) -> tuple[Any, ...]:
    differences = ", ".join(f"{name} {value}" for name, value in (one.differences or {}).items())
    evidence = " ".join(part for part in (one.rule, one.reference, differences) if part)
    currency = "" if one.currency in (None, "CNY") else f" {one.currency}"
    return (
        one.on, one.system, ENTITY_WORDS.get(one.entity, one.entity), one.number, one.state,
        yuan(one.amount_fen) + currency, yuan(one.share_fen), evidence,
    )  # fmt: skip


def yuan(fen: int | None) -> str:
    """Fen as yuan with two decimals, "" for none; no float on the way."""
    if fen is None:
        return ""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02}"
