"""A vendor's field sheet, from a table in text: CSV, TSV, Markdown or JSON, headed in Chinese or English."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hub.drift.places import pointer_of
from hub.drift.vocabulary import normal_name
from hub.errors import ConfigError

Fields = dict[str, dict[str, Any]]
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": (
        "字段", "字段名", "字段名称", "字段英文名", "英文名", "英文名称", "参数", "参数名", "参数名称", "name", "field",
        "field_name", "key", "param", "parameter", "属性", "属性名",
    ),
    "label": ("名称", "中文名", "中文名称", "字段中文名", "字段含义", "含义", "标签", "label", "title", "label_zh"),
    "description": ("描述", "说明", "字段说明", "字段描述", "备注", "description", "desc", "remark", "comment"),
    "type": ("类型", "字段类型", "数据类型", "参数类型", "type", "data_type", "format"),
    "required": ("必填", "是否必填", "必选", "是否必选", "是否必传", "必传", "required", "mandatory", "is_required"),
    "members": ("枚举", "枚举值", "取值", "取值范围", "可选值", "enum", "values", "members", "options"),
}  # fmt: skip
_KNOWN: Final = {normal_name(word): column for column, words in _HEADERS.items() for word in words}
_YES: Final = frozenset(
    ("是", "必填", "必选", "必传", "y", "yes", "true", "1", "√", "✓", "required", "m")
)
_PAIRS = re.compile(r"[;；,，、\n|]+|<br\s*/?>")
_PAIR = re.compile(r"\s*([^\s:：=\-—]+)\s*(?:[:：=—]|-(?!\d))\s*(.+?)\s*")
_RULE = re.compile(r"[\s|:\-]+")
_LABEL_END = re.compile(r"[（(。，,;；\n]")
_LONGEST_LABEL = 24


def decode_sheet(body: bytes) -> str:
    """The text of a sheet: UTF-8 (also with a byte order mark), UTF-16 with one, or GBK.

    Raises:
        ConfigError: it is none of these, or a workbook.
    """
    if body.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ConfigError("a workbook: save it as CSV (UTF-8), or copy the table as Markdown")
    encodings = ("utf-16",) if body[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ConfigError("neither UTF-8 nor GBK text")


def read_sheet(text: str) -> Fields:
    """Field → {label, type, required, members {value: meaning}, description}; what a sheet does not say is absent.

    A name may be a path (`contact.phone`). The head may stand below a few lines of title.

    Raises:
        ConfigError: no table is in it, or no column is known for the names; says which headers are.
    """
    stripped = text.lstrip("\ufeff \t\r\n")
    rows = _json_rows(stripped) if stripped[:1] in ("[", "{") else _rows(stripped)
    start, columns = _head(rows)
    fields: Fields = {}
    for row in rows[start + 1 :]:
        entry = _entry(row, columns)
        if entry is not None:
            name, said = entry
            fields[name] = fields.get(name, {}) | said
    if not fields:
        raise ConfigError("the table has a head and no field below it")
    return fields


def _rows(text: str) -> list[list[str]]:
    """The cells of a CSV, TSV or Markdown table."""
    lines = [line for line in text.splitlines() if line.strip()]
    if any(line.lstrip().startswith("|") for line in lines):
        table = [line.strip().strip("|") for line in lines if "|" in line]
        cells = [re.split(r"(?<!\\)\|", line) for line in table if not _RULE.fullmatch(line)]
        return [[cell.strip().strip("`*").replace("\\|", "|") for cell in row] for row in cells]
    first = "\n".join(lines[:20])
    delimiter = max("\t,;", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    return [[cell.strip() for cell in row] for row in reader if any(cell.strip() for cell in row)]


def _json_rows(text: str) -> list[list[str]]:
    """The rows of a JSON array of objects, of an object of objects, or of `{fields: [...]}`."""
    try:
        value = json.loads(text)
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise ConfigError(f"line {line}: not valid JSON") from None
    if isinstance(value, dict) and isinstance(value.get("fields"), list | dict):
        value = value["fields"]
    if isinstance(value, dict):
        value = [
            {"name": n, **(v if isinstance(v, dict) else {"label": v})} for n, v in value.items()
        ]
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ConfigError("expected an array of objects, or an object of fields")
    names = list(dict.fromkeys(str(name) for one in value for name in one))
    return [names, *([_cell(one.get(name)) for name in names] for one in value)]


def _cell(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    if isinstance(value, Mapping):
        return ";".join(f"{name}:{meaning}" for name, meaning in value.items())
    if isinstance(value, list):
        return ";".join(map(str, value))
    return "" if value is None else str(value)


def _head(rows: Sequence[Sequence[str]]) -> tuple[int, dict[int, str]]:
    """The number of the row that heads the table, and what its columns are."""
    for number, row in enumerate(rows[:20]):
        columns: dict[int, str] = {}
        for place, cell in enumerate(row):
            column = _KNOWN.get(normal_name(cell))
            if column is not None and column not in columns.values():
                columns[place] = column
        if "name" in columns.values() and len(columns) > 1:
            return number, columns
    known = ", ".join(words[0] for words in _HEADERS.values())
    raise ConfigError(
        f"no head such as {known} (or name, label, description, type, required, enum)"
    )


def _entry(row: Sequence[str], columns: Mapping[int, str]) -> tuple[str, dict[str, Any]] | None:
    cells = {
        column: row[place] for place, column in columns.items() if place < len(row) and row[place]
    }
    name = cells.pop("name", "").strip("└├─ .`")
    if not name or not pointer_of(name):
        return None
    said: dict[str, Any] = {
        column: cells[column] for column in ("label", "type", "description") if column in cells
    }
    if "label" not in said and "description" in said:
        first = _LABEL_END.split(said["description"])[0].strip()
        if first and len(first) <= _LONGEST_LABEL:
            said["label"] = first
    if "required" in cells:
        said["required"] = cells["required"].strip().casefold() in _YES
    members = _members(cells.get("members", ""))
    if members:
        said["members"] = members
    return name, said


def _members(text: str) -> dict[str, str]:
    """`1:高;2:低` → {"1": "高", "2": "低"}; a value without a meaning has ""."""
    found: dict[str, str] = {}
    for part in _PAIRS.split(text):
        if not part.strip():
            continue
        pair = _PAIR.fullmatch(part)
        found[pair.group(1) if pair else part.strip()] = pair.group(2) if pair else ""
    return found


def sheet_differences(fields: Fields, contract: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(field, how sheet and contract differ), of top-level names."""
    known: Mapping[str, Any] = contract.get("properties", {})
    top = {name.split(".")[0].split("[")[0] for name in fields}
    found = [
        (name, "in the sheet, not in the contract")
        for name in fields
        if name not in known and "." not in name and "[" not in name
    ]
    found += [(name, "in the contract, not in the sheet") for name in known if name not in top]
    for name in sorted(fields.keys() & known.keys()):
        said, schema = fields[name], known[name]
        if (
            said.get("required")
            and name not in contract.get("required", ())
            and not schema.get("x-required-upstream")
        ):
            found.append((name, "required in the sheet, not in the contract"))
        if said.get("label") and schema.get("x-label-zh") not in (None, said["label"]):
            found.append(
                (
                    name,
                    f"labelled {said['label']} in the sheet, {schema['x-label-zh']} in the contract",
                )
            )
        listed = schema.get("x-enum")
        new = [
            m for m in said.get("members", {}) if listed is not None and m not in map(str, listed)
        ]
        if new:
            found.append((name, f"may be {', '.join(new)} in the sheet"))
    return found
