"""A workbook → inbox → CRM: how long `hub import` takes, and one loader after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xlsxwriter import Workbook

from bench.figures import Bar, Spread
from bench.payloads import SOURCE, Person, people
from bench.report import Check, Section, Table
from bench.stage import ProcessError, Stage, count

_HEADER = (
    "线索编号", "姓名", "手机号", "邮箱", "省份", "城市", "意向等级", "预算", "意向课程", "创建时间", "渠道来源",
    "广告系列", "关键词", "落地页", "备注",
)  # fmt: skip
_DURABLE, _LOADED = "file → durable", "durable → loaded, one loader"
_DURABLE_WITHIN_S = 15.0
_DONE_WITHIN_S = 600.0
_ABOUT = (
    "{count:,} rows of {columns} columns from xlsx ({size:,} bytes), half of the phones typed as numbers. "
    "First `hub import` from the start of the process to its end: read, matched, checked, compared with the store, "
    "committed. Then "
    "`hub work --until-empty`, from start to end."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, how many rows."""

    runs: int
    count: int


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `files`."""
    path = stage.folder / "leads.xlsx"
    write_workbook(path, plan.count)
    seconds: dict[str, list[float]] = {_DURABLE: [], _LOADED: []}
    checks: list[Check] = []
    for run in range(1, plan.runs + 1):
        with stage.database() as url:
            seconds[_DURABLE].append(
                _timed(stage, url, "import", str(path), "--source", SOURCE, "--yes")
            )
            seconds[_LOADED].append(_timed(stage, url, "work", "--until-empty", "--quiet"))
            leads = count(url, "SELECT count(*) FROM crm.lead")
            verified = stage.verify(url)
        checks.append(Check(f"run {run}, leads", plan.count, leads))
        checks.append(Check(f"run {run}, `hub verify --deep` holds", 1, int(verified["holds"])))
        say(f"files, run {run}: " + ", ".join(f"{k} {v[-1]:.1f} s" for k, v in seconds.items()))
    return _section(plan, path, seconds, checks)


def write_workbook(path: Path, rows: int) -> None:
    """A workbook of invented leads."""
    plain = {"constant_memory": True, "strings_to_urls": False}
    with Workbook(str(path), plain) as book:
        page = book.add_worksheet("线索")
        page.write_row(0, 0, _HEADER)
        for person in people(rows):
            page.write_row(person.number + 1, 0, _cells(person))


def _cells(person: Person) -> tuple[str | int, ...]:
    number = person.number
    moment = f"2026-02-{1 + number % 28:02d} {number % 24:02d}:{number % 60:02d}:00"
    return (
        f"L{number:08d}", person.name, int(person.mobile) if number % 2 else person.mobile, f"u{number}@example.com",
        *person.place, "高中低"[number % 3], ("3-5万", "5万以上", "8000元")[number % 3], person.wish, moment, "douyin",
        "spring_2026", "少儿英语", f"https://example.com/lp?utm_campaign=c{number % 50}", f"想了解一下周末班 {number}",
    )  # fmt: skip


def _timed(stage: Stage, url: str, *command: str) -> float:
    """Seconds that a command takes from its start to its end.

    Raises:
        ProcessError: It fails.
    """
    started = time.monotonic()
    with stage.process(url, "hub.cli.main", *command) as (process, _):
        if process.wait(_DONE_WITHIN_S):
            raise ProcessError(f"hub {command[0]} ended with status {process.returncode}")
    return time.monotonic() - started


def _section(
    plan: Plan, path: Path, seconds: dict[str, list[float]], checks: list[Check]
) -> Section:
    about = _ABOUT.format(count=plan.count, columns=len(_HEADER), size=path.stat().st_size)
    spreads = {title: Spread.of(values) for title, values in seconds.items()}
    section = Section("files", "A file → CRM", about, checks=checks)
    section.tables.append(
        Table(
            ["", "seconds", "rows/s"],
            [
                [title, spread.shown(1), f"{plan.count / spread.median:,.0f}"]
                for title, spread in spreads.items()
            ],
        )
    )
    durable = spreads[_DURABLE].median
    section.bars = [Bar(_DURABLE, _DURABLE_WITHIN_S, durable, at_least=False, unit=" s")]
    section.raw = dict(seconds)
    return section
