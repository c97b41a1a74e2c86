"""Contracts from files of payloads, and contracts by name or file to compare."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from hub.drift.infer import infer_contract
from hub.drift.keywords import ANNOTATIONS, CONDITION, ELSEWHERE, OPAQUE, UNDERSTOOD
from hub.errors import ConfigError
from hub.mapping.nearest import did_you_mean
from hub.registry.files import SchemaFiles

_KEYWORDS = sorted({*UNDERSTOOD, *OPAQUE, *CONDITION, *ELSEWHERE, *ANNOTATIONS})
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_NEAR = 0.75


def infer_from_files(paths: Sequence[Path], entity: str = "") -> dict[str, Any]:
    """The contract of all payloads in the files; `entity` becomes its `$id`: `raw/douyin/clue/1-0-0`.

    Raises:
        ConfigError: a file is not there, holds no JSON objects, or none holds a payload; says file and line.
    """
    payloads = [payload for path in paths for payload in read_payloads(path)]
    if not payloads:
        raise ConfigError(f"{', '.join(map(str, paths))}: no payload in it")
    contract = infer_contract(payloads)
    head = {"$schema": contract.pop("$schema")}
    return head | ({"$id": entity} if entity else {}) | contract


def read_payloads(path: Path) -> list[dict[str, Any]]:
    """The payloads of a file: JSON lines, a JSON array, one object, or a page with `data.list`.

    Raises:
        ConfigError: the file is not there or holds something else; says file, line and what was expected.
    """
    text = _text_of(path)
    stripped = text.lstrip("\ufeff \t\r\n")
    try:
        whole = json.loads(stripped, parse_constant=_no_number) if stripped else []
    except ValueError as error:
        if not _is_json_lines(stripped):
            raise ConfigError(f"{path}:{_line_of_error(text, error)}: not valid JSON") from None
        return [
            payload for line, value in _lines(path, text) for payload in _all(value, path, line)
        ]
    return list(_all(whole, path, 1))


def load_contract(files: SchemaFiles, which: str) -> dict[str, Any]:
    """A contract by file or by name (`raw/douyin/clue/1-0-0`), checked.

    Raises:
        ConfigError: there is none, or it is no JSON Schema; says file, line, place, what was expected and
            the nearest valid name.
    """
    path = Path(which)
    if not path.is_file():
        path = files.root / f"{which.removesuffix('.json')}.json"
    if not path.is_file():
        raise ConfigError(
            f"{which}: neither a file nor a contract{did_you_mean(which, names(files))}"
        )
    text = _text_of(path)
    try:
        document = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise ConfigError(f"{path}:{_line_of_error(text, error)}: not valid JSON") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}:1: expected an object, a JSON Schema")
    _check(path, text, document)
    return document


def names(files: SchemaFiles) -> list[str]:
    """The names of all contracts in the schemas folder."""
    return [
        path.relative_to(files.root).with_suffix("").as_posix()
        for folder in ("raw", "canonical")
        for path in sorted((files.root / folder).rglob("*-*-*.json"))
    ]


def _check(path: Path, text: str, document: dict[str, Any]) -> None:
    try:
        jsonschema.Draft202012Validator.check_schema(document)
    except jsonschema.SchemaError as error:
        place = [str(part) for part in error.absolute_path]
        hint = did_you_mean(error.instance, _TYPES) if "type" in place[-2:] else ""
        where = f"{path}:{line_at(text, place)}: /{'/'.join(place)}"
        raise ConfigError(f"{where}: {error.message.splitlines()[0]}{hint}") from None
    for place, word in _misspelt(document, []):
        where = f"{path}:{line_at(text, [*place, word])}: /{'/'.join([*place, word])}"
        raise ConfigError(f"{where}: expected a keyword{did_you_mean(word, _KEYWORDS)}")


def _misspelt(schema: Any, place: list[str]) -> Iterator[tuple[list[str], str]]:  # noqa: ANN401
    """Keys that are no keyword, yet nearly one: the library would pass over them in silence."""
    if not isinstance(schema, dict):
        return
    for word, value in schema.items():
        unknown = word not in _KEYWORDS and not word.startswith("x-")
        if unknown and difflib.get_close_matches(word, _KEYWORDS, 1, _NEAR):
            yield place, word
        if word == "properties":
            for name, inner in value.items():
                yield from _misspelt(inner, [*place, word, name])
        elif word in ("items", "additionalProperties"):
            yield from _misspelt(value, [*place, word])


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text") from error


def _all(value: Any, path: Path, line: int) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """The payloads in one JSON value."""
    if isinstance(value, dict):
        data = value.get("data")
        page = data.get("list") if isinstance(data, dict) else None
        if not isinstance(page, list):
            yield value
            return
        value, start = page, "/data/list"
    else:
        start = ""
    if not isinstance(value, list):
        raise ConfigError(f"{path}:{line}: /: expected an object or an array of objects")
    for number, one in enumerate(value):
        if not isinstance(one, dict):
            raise ConfigError(f"{path}:{line}: {start}/{number}: expected an object")
        yield one


def _is_json_lines(text: str) -> bool:
    """Whether the first line is a value by itself, so that an error lies in a later one."""
    try:
        json.loads(text.split("\n", 1)[0])
    except ValueError:
        return False
    return True


def _lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, parse_constant=_no_number)
        except ValueError:
            raise ConfigError(f"{path}:{number}: not valid JSON") from None


def _no_number(word: str) -> Any:  # noqa: ANN401 -- never returns
    raise ValueError(f"{word} is no JSON")


def _line_of_error(text: str, error: ValueError) -> int:
    """The line of a JSON error in the file, leading blank lines counted."""
    blank = text[: len(text) - len(text.lstrip("\ufeff \t\r\n"))].count("\n")
    line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
    return max(line, line + blank if text[:1].isspace() else line)


def line_at(text: str, place: Sequence[str]) -> int:
    """The line of the deepest part of `place` that stands in a document; 1 if that cannot be said."""
    try:
        node = yaml.compose(text)
    except yaml.YAMLError:
        return 1
    line = 1
    for part in place:
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line


def _child(node: Any, part: str) -> tuple[int, Any] | None:  # noqa: ANN401 -- a YAML node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and not part.isdigit():
        for item in node.value:  # rules of `spread` are named
            name = _child(item, "name")
            if name is not None and name[1].value == part:
                return name[0], item
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        found = node.value[int(part)]
        return found.start_mark.line + 1, found
    return None
