"""Workbooks (xlsx): looked over before they are unpacked, then the wanted sheet as text."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Final

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from hub.errors import ConfigError
from hub.files.cells import cell_text
from hub.files.table import Grid, Merged
from hub.mapping.nearest import did_you_mean

_CHUNK: Final = 1_048_576
_UNPACKED_AT_MOST: Final = 1_073_741_824
_RATIO_AT_MOST: Final = 200
_SMALL: Final = 16 * _CHUNK
_CELLS_AT_MOST: Final = 30_000_000
_COLUMN: Final = re.compile(rb"""<c [^>]{0,80}?r=["']([A-Z]{2,3})\d""")
_ROW: Final = re.compile(rb"""<row [^>]{0,80}?r=["'](\d{1,9})["']""")


def is_workbook(data: bytes) -> bool:
    """Whether a file starts as an xlsx does."""
    return data.startswith(b"PK\x03\x04")


def check_workbook(data: bytes, name: str) -> None:
    """Unpack a workbook once without keeping it, to see that it is no bomb.

    Raises:
        ConfigError: it is damaged, unpacks to far more than it holds, or spans more cells than fit in memory.
    """
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                rows, columns = 1, 26
                with archive.open(member) as stream:
                    while chunk := stream.read(_CHUNK):
                        total += len(chunk)
                        _refuse_bomb(total, len(data), name)
                        if "worksheets/" in member.filename:
                            rows, columns = _extent(chunk, rows, columns)
                if rows * columns > _CELLS_AT_MOST:
                    raise ConfigError(
                        f"{name}: a sheet spans {rows} rows × {columns} columns; delete the empty ones"
                    )
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        raise ConfigError(f"{name}: a damaged or locked workbook; save it anew as xlsx") from None


def _refuse_bomb(unpacked: int, packed: int, name: str) -> None:
    if unpacked > _UNPACKED_AT_MOST or (unpacked > _SMALL and unpacked > _RATIO_AT_MOST * packed):
        raise ConfigError(f"{name}: unpacks to far more than a spreadsheet holds; not read")


def _extent(chunk: bytes, rows: int, columns: int) -> tuple[int, int]:
    for found in set(_COLUMN.findall(chunk)):
        place = 0
        for letter in found:
            place = place * 26 + letter - 64
        columns = max(columns, place)
    for found in _ROW.findall(chunk)[-1:]:
        rows = max(rows, int(found))
    return rows, columns


def read_workbook(data: bytes, name: str, sheet: str = "") -> Grid:
    """A sheet as text: the one that is named, else the first that has anything in it.

    Of a formula its value is taken.

    Raises:
        ConfigError: no such sheet, or no workbook.
    """
    check_workbook(data, name)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
            return _read(book, name, sheet)
    except (CalamineError, ValueError, OSError):
        raise ConfigError(f"{name}: a damaged or locked workbook; save it anew as xlsx") from None


def _read(book: CalamineWorkbook, name: str, wanted: str) -> Grid:
    if wanted and wanted not in book.sheet_names:
        there = "、".join(book.sheet_names)
        raise ConfigError(
            f"{name}: no sheet {wanted!r}; there are {there}{did_you_mean(wanted, book.sheet_names)}"
        )
    for title in [wanted] if wanted else book.sheet_names:
        found = book.get_sheet_by_name(title)
        rows = [
            [cell_text(value) for value in row] for row in found.to_python(skip_empty_area=False)
        ]
        if wanted or any(any(row) for row in rows):
            return Grid(title, rows, _merged(found), "xlsx")
    raise ConfigError(f"{name}: no sheet has anything in it")


def _merged(sheet: CalamineSheet) -> list[Merged]:
    areas = sheet.merged_cell_ranges or []
    return [Merged(*first, *last) for first, last in areas if last[0] > first[0]]
