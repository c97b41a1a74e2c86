"""Text files: their encoding and delimiter found by looking, their rows read."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Final

from hub.errors import ConfigError
from hub.files.cells import clean
from hub.files.table import Grid

DELIMITERS: Final = ",;\t|"
_MARKED: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_CHARACTERS: Final = 65_536
_SAMPLE_ROWS: Final = 60
# Level 1 of GB 2312: the 3,755 characters that nearly all of a Chinese text consists of.
_COMMON_LEADS: Final = range(0xB0, 0xD8)
_FIRST_TRAIL: Final = 0xA1
_COMMON_SHARE: Final = 0.7
_LINES_IN_A_CELL: Final = 200


def decode(data: bytes, encoding: str = "", name: str = "the file") -> str:
    """The text of a file: UTF-8, UTF-16 with a mark, or GB18030 (GBK, GB2312), else the one that is named.

    Bytes that GB18030 can read, yet that make no Chinese, are not taken for it (Big5 looks like that).

    Raises:
        ConfigError: none of them fits; says what was tried.
    """
    if encoding:
        return _decode_as(data, encoding, name)
    for mark, marked in _MARKED:
        if data.startswith(mark):
            return _decode_as(data, marked, name)
    for candidate in ("utf-8", "gb18030"):
        try:
            text = data.decode(candidate)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and (candidate == "utf-8" or _is_chinese(text)):
            return text
    raise ConfigError(
        f"{name}: encoding not recognised; tried UTF-8, UTF-16 with a byte order mark, GB18030 (GBK);"
        " name it, for example --encoding big5 or --encoding utf-16-le"
    )


def _decode_as(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise ConfigError(f"--encoding {encoding}: no such encoding") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{name}: byte {error.start} is no {encoding}; try another --encoding"
        ) from None


def _is_chinese(text: str) -> bool:
    letters = [c for c in text[: 4 * _SAMPLE_CHARACTERS] if c >= "\u0080"]
    hanzi = [c for c in letters if "\u4e00" <= c <= "\u9fff"]
    common = sum(_is_common(c.encode("gb18030")) for c in hanzi)
    return bool(hanzi) and common >= _COMMON_SHARE * len(hanzi)


def _is_common(code: bytes) -> bool:
    return code[0] in _COMMON_LEADS and code[1] >= _FIRST_TRAIL


def find_delimiter(text: str) -> str:
    """The delimiter under which most rows have the same number of cells, and the most cells."""
    sample = text[:_SAMPLE_CHARACTERS]
    return max(DELIMITERS, key=lambda mark: _fit(sample, mark))


def _fit(sample: str, delimiter: str) -> tuple[float, int]:
    widths: Counter[int] = Counter()
    try:
        for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if row and (len(row) > 1 or row[0].strip()):
                widths[len(row)] += 1
            if widths.total() >= _SAMPLE_ROWS:
                break
    except csv.Error:
        return (0.0, 0)
    wide = {width: count for width, count in widths.items() if width > 1}
    if not wide:
        return (0.0, 0)
    width, count = max(wide.items(), key=lambda item: (item[1], item[0]))
    return (count * min(width, 4) / widths.total(), width)


def read_delimited(text: str, name: str, delimiter: str = "") -> Grid:
    """The rows of csv or tsv text; line breaks within quotes belong to their cell.

    Raises:
        ConfigError: a quote is never closed; names the row.
    """
    delimiter = delimiter or find_delimiter(text)
    rows: list[list[str]] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            row = [clean(cell) for cell in cells]
            if any(cell.count("\n") > _LINES_IN_A_CELL for cell in row if len(cell) > 1000):
                raise csv.Error("a cell without end")
            rows.append(row)
    except csv.Error:
        raise ConfigError(f"{name}: row {len(rows) + 1}: a quote that is never closed") from None
    form = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}.get(delimiter, delimiter)
    return Grid(name, rows, form=form)


def read_json_lines(text: str, name: str) -> Grid:
    """One object a line: its keys are the header, what is nested stays JSON text.

    Raises:
        ConfigError: a line is no JSON object; names it.
    """
    objects = list(_objects(text, name))
    columns = list(dict.fromkeys(str(key) for _, one in objects for key in one))
    rows: list[list[str]] = [columns]
    for line, one in objects:
        rows.extend([[]] * (line - len(rows)))
        rows.append([_json_cell(one.get(column)) for column in columns])
    return Grid(name, rows, form="JSON lines", numbered_from=0)


def _objects(text: str, name: str) -> Iterator[tuple[int, dict[str, object]]]:
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            raise ConfigError(f"{name}:{line}: not valid JSON") from None
        if not isinstance(value, dict):
            raise ConfigError(f"{name}:{line}: expected an object")
        yield line, value


def _json_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    return json.dumps(value, ensure_ascii=False)
