"""From rows of text to a table: the header found, columns named, empty rows and totals left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from hub.drift.hints import hint_of
from hub.errors import ConfigError

HELPERS: Final = ("行号", "问题", "字段", "建议值")
ROW: Final = "_row"
_LOOKED_AT: Final = 30
_LONGEST_NAME: Final = 40
_MOST_COLUMNS: Final = 500
_TOTALS: Final = re.compile(
    r"(合\s*计|总\s*计|小\s*计|共\s*计|汇\s*总|totals?|sum)\s*[:：]?", re.IGNORECASE
)
_TOTAL_ROWS: Final = 3
_NUMBER: Final = re.compile(r"[-+]?[\d,]+(\.\d+)?%?")


@dataclass(frozen=True, slots=True)
class Merged:
    """Cells merged into one: rows and columns from 0, ends included. Only the first holds the value."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


@dataclass(frozen=True, slots=True)
class Grid:
    """A sheet as it stands: every row's cells as text; `numbered_from` is the first row's number in the file."""

    name: str
    rows: Sequence[Sequence[str]]
    merged: Sequence[Merged] = ()
    form: str = ""
    numbered_from: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and their rows. `numbers` are the rows' numbers in the file, from 1.

    `totals` are the numbers of rows that only add up the others, `empty` how many had nothing in them,
    `blanks` the merged cells that are empty: (row index, column) → the value of the merged cell.
    """

    name: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: list[int]
    header_row: int
    totals: tuple[int, ...] = ()
    empty: int = 0
    form: str = ""
    blanks: dict[tuple[int, str], str] = field(default_factory=dict)

    def column(self, name: str) -> list[str]:
        """All values of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


def find_header(rows: Sequence[Sequence[str]], is_known: Callable[[str], bool]) -> int | None:
    """The index of the header within the first rows: the one with most names of the dictionary.

    Title rows above it hold one cell; a row that holds a phone, a date or a number is data.
    """
    widest = max((sum(map(bool, row)) for row in rows[:_LOOKED_AT]), default=0)
    best, most = None, 0
    for index, row in enumerate(rows[:_LOOKED_AT]):
        cells = [cell for cell in row if cell]
        if len(cells) < min(2, widest) or not cells or not all(map(_may_be_name, cells)):
            continue
        known = sum(map(is_known, cells))
        if (best is None and 2 * len(cells) >= widest) or known > most:
            best, most = index, max(known, most)
    return best


def _may_be_name(cell: str) -> bool:
    data = hint_of(cell) is not None or "@" in cell or _NUMBER.fullmatch(cell) is not None
    return len(cell) <= _LONGEST_NAME and not data


def make_table(
    grid: Grid, is_known: Callable[[str], bool], header_row: int | None = None
) -> Table:
    """The table of a sheet; `header_row` (from 1) where the person says which it is.

    Raises:
        ConfigError: no header row, or more columns than a table of leads can have.
    """
    start = grid.numbered_from
    header = find_header(grid.rows, is_known) if header_row is None else header_row - start
    if header is None or not 0 <= header < len(grid.rows):
        raise ConfigError(
            f"no header row in the first {_LOOKED_AT} rows of {grid.name}; name it: --header-row"
        )
    body = grid.rows[header + 1 :]
    last, totals = _without_totals(body)
    width = max([len(grid.rows[header]), *(len(row) for row in body[:last])])
    if width > _MOST_COLUMNS:
        raise ConfigError(f"{grid.name} has {width} columns; at most {_MOST_COLUMNS} are read")
    places, names = _names(grid.rows[header], body[:last], width)
    rows, numbers = _rows(body[:last], places, header + start + 1)
    table = Table(
        grid.name, tuple(names), rows, numbers, header + start,
        tuple(header + start + 1 + n for n in totals), last - len(rows), grid.form,
    )  # fmt: skip
    table.blanks.update(_blanks(grid, table, dict(zip(places, names, strict=True))))
    return table


def _without_totals(body: Sequence[Sequence[str]]) -> tuple[int, list[int]]:
    """How many rows come before the totals at the end, and which rows those are."""
    last, totals = len(body), list[int]()
    while last and len(totals) < _TOTAL_ROWS:
        cells = [cell for cell in body[last - 1] if cell]
        if cells and not any(_TOTALS.fullmatch(cell) for cell in cells[:2]):
            break
        if cells:
            totals.insert(0, last - 1)
        last -= 1
    return last, totals


def _names(
    header: Sequence[str], body: Sequence[Sequence[str]], width: int
) -> tuple[list[int], list[str]]:
    """Places and names of the columns: a column without name and value is none, names are unique."""
    helpers = _helper_places(header)
    places, names = list[int](), list[str]()
    taken = {ROW}
    for place in range(width):
        name = _plain_name(header[place]) if place < len(header) else ""
        used = name or any(place < len(row) and row[place] for row in body)
        if not used or place in helpers:
            continue
        name = base = name or f"列{_letters(place)}"
        count = 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        places.append(place)
        names.append(name)
    return places, names


def _helper_places(header: Sequence[str]) -> set[int]:
    """Where the columns of a cleaning report stand: only if all four are there, side by side."""
    for start in range(len(header) - len(HELPERS) + 1):
        if tuple(header[start : start + len(HELPERS)]) == HELPERS:
            return set(range(start, start + len(HELPERS)))
    return set()


def _plain_name(text: str) -> str:
    return " ".join(text.split()).replace('"', "”")


def _letters(place: int) -> str:
    text, place = "", place + 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(65 + rest) + text
    return text


def _rows(
    body: Sequence[Sequence[str]], places: Sequence[int], first: int
) -> tuple[list[tuple[str, ...]], list[int]]:
    rows, numbers = list[tuple[str, ...]](), list[int]()
    whole = list(places) == list(range(len(places)))
    width = len(places)
    for number, row in enumerate(body, first):
        if whole and len(row) == width:
            cells = tuple(row)
        else:
            cells = tuple([row[place] if place < len(row) else "" for place in places])
        if any(cells):
            rows.append(cells)
            numbers.append(number)
    return rows, numbers


def _blanks(grid: Grid, table: Table, names: dict[int, str]) -> dict[tuple[int, str], str]:
    """The empty part of merged cells that run down a column, with the value that stands at their top."""
    index = {number: n for n, number in enumerate(table.numbers)} if grid.merged else {}
    found: dict[tuple[int, str], str] = {}
    for area in grid.merged:
        name = names.get(area.first_column)
        top = index.get(area.first_row + 1)
        if name is None or top is None:
            continue
        value = table.rows[top][table.columns.index(name)]
        for row in range(area.first_row + 1, area.last_row + 1):
            place = index.get(row + 1)
            if place is not None and value:
                found[place, name] = value
    return found
