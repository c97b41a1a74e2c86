"""What commands print: tables for people, JSON for programs, one clear line for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

from hub.privacy.sensitive import Sensitive


class CheckFailedError(Exception):
    """A check said no: exit status 1. What was found has been printed already."""


def print_line(text: str = "") -> None:
    """One line on standard output, with no mark-up read into it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_json(value: Any) -> None:  # noqa: ANN401 -- any JSON value
    """`value` as one JSON document on standard output."""
    print_line(json.dumps(value, ensure_ascii=False, default=_plain, indent=2))


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, as_json: bool) -> None:
    """Rows as a table, or as a JSON array of objects."""
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if cell is None else str(_plain(cell)) for cell in row))
    width = None if sys.stdout.isatty() else 200
    Console(width=width, markup=False, highlight=False).print(table)


@contextmanager
def counting(what: str, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """A running count on standard error while something long goes on; silent where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status(what) as status:
        yield lambda done: status.update(f"{what}: {done}")


@contextmanager
def following(*, quiet: bool = False) -> Iterator[Callable[[str, int], None]]:
    """What goes on and how far it is, on standard error; silent where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda _what, _done: None
        return
    with Console(stderr=True).status("") as status:
        yield lambda what, done: status.update(f"{what}: {done:,}" if done else what)


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Sensitive):
        return value.masked
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID | bytes):
        return value.hex() if isinstance(value, bytes) else str(value)
    return value
