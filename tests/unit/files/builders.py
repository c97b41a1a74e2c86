"""Tables for tests, and the dictionary of a merchant without fields of its own."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from xlsxwriter import Workbook

from hub.files.dictionary import Dictionary
from hub.files.table import Grid, Table, make_table
from hub.registry.files import CANONICAL_LEAD, schema_files
from hub.settings import HubSettings

FILES = schema_files(HubSettings())
CANONICAL = FILES.newest_contract(CANONICAL_LEAD)
DICTIONARY = Dictionary(CANONICAL)


def a_table(header: Sequence[str], *rows: Sequence[str]) -> Table:
    return make_table(Grid("测试", [list(header), *map(list, rows)]), DICTIONARY.is_known)


def a_workbook(*sheets: tuple[str, Sequence[Sequence[Any]]], **options: Any) -> bytes:
    """An xlsx with these sheets; texts stay texts."""
    held = io.BytesIO()
    plain = {"strings_to_urls": False, "strings_to_formulas": False, "in_memory": True}
    with Workbook(held, {**plain, **options}) as book:
        for name, rows in sheets:
            page = book.add_worksheet(name)
            for line, row in enumerate(rows):
                for place, value in enumerate(row):
                    page.write(line, place, value)
    return held.getvalue()
