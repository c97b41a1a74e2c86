"""Row groups: many rows as one delivery's body, and that body as records again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from hub.files.table import ROW
from hub.model.delivery import Envelope, RawRecord

PREFIX: Final = "sheet_"
ROWS_A_GROUP: Final = 400

_rows = msgspec.json.Decoder(list[msgspec.Raw])


def row_groups(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int], entity: str
) -> Iterator[tuple[Envelope, int]]:
    """Rows as envelopes of a few hundred, each with how many it holds; a row is an object of texts and its number."""
    encode = msgspec.json.encode
    for start in range(0, len(rows), ROWS_A_GROUP):
        group = rows[start : start + ROWS_A_GROUP]
        objects = [
            {**dict(zip(columns, row, strict=True)), ROW: number}
            for row, number in zip(group, numbers[start : start + ROWS_A_GROUP], strict=True)
        ]
        yield Envelope(entity, encode(objects), content_type="application/json"), len(group)


def is_row_group(envelope: Envelope) -> bool:
    """Whether an envelope holds rows of a file."""
    return envelope.shape.startswith(PREFIX)


def split_rows(envelope: Envelope) -> list[RawRecord]:
    """The records of a row group, in order; what cannot be read is one unreadable record."""
    try:
        rows = _rows.decode(envelope.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return [RawRecord(envelope.shape, envelope.body, unreadable=type(error).__name__)]
    return [RawRecord(envelope.shape, bytes(row)) for row in rows]
