"""Places in a payload: JSON Pointers, the paths of mappings, and what stands there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

_STEP = re.compile(r'\.?(?:"([^"]+)"|([^.\[\]"]+))|\[(\d{1,4}|\*)\]')
_PLAIN = re.compile(r'[^.\[\]"$]+')
# What a pointer shows instead of a name that is data, and of its end when it is too long.
_UNKNOWN: Final = ("<data>", "…")


def parts_of(pointer: str) -> tuple[str, ...]:
    """The names and positions of a JSON Pointer."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def pointer_to(parts: tuple[str, ...]) -> str:
    """The JSON Pointer of names and positions."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def is_place(pointer: str) -> bool:
    """Whether a pointer names one place: some hide a name that is itself data."""
    return bool(pointer) and not any(word in pointer for word in _UNKNOWN)


def path_of(pointer: str) -> str:
    """The path that a mapping writes for a pointer: `/contacts/0/phone` → `contacts[0].phone`."""
    text = ""
    for part in parts_of(pointer):
        if part.isdigit() and text:
            text += f"[{part}]"
        else:
            name = part if _PLAIN.fullmatch(part) else f'"{part}"'
            text += f".{name}" if text else name
    return text


def pointer_of(path: str) -> str:
    """The pointer of a path as far as it names one place: `items[*].name` → `/items`; "" for `$context`."""
    parts: list[str] = []
    for quoted, name, index in _STEP.findall(path):
        if index == "*" or name.startswith("$"):
            break
        parts.append(quoted or name or index)
    return pointer_to(tuple(parts))


def is_below(pointer: str, parent: str) -> bool:
    """Whether a pointer is `parent` or stands inside it."""
    return (pointer + "/").startswith(parent + "/")


def value_at(payload: Any, pointer: str) -> Any:  # noqa: ANN401 -- any JSON value
    """What stands at a place, None if nothing does; JSON in a text is looked into, as mappings do."""
    value = payload
    for part in parts_of(pointer):
        value = opened(value)
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def opened(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """A value; the object or array that a text holds as JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def leaves_of(value: Any, pointer: str) -> Iterator[str]:  # noqa: ANN401 -- any JSON value
    """The places of what is no object within a value; of a list of objects that of its first one."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from leaves_of(inner, pointer_to((*parts_of(pointer), str(name))))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield from leaves_of(value[0], f"{pointer}/0")
    else:
        yield pointer


def with_value(payload: Mapping[str, Any], pointer: str, value: Any) -> dict[str, Any]:  # noqa: ANN401
    """A copy of a payload with a value at a place; objects and lists on the way are made."""
    copy: dict[str, Any] = json.loads(json.dumps(payload))
    parts = parts_of(pointer)
    node: Any = copy
    for part, after in pairwise(parts):
        node = _child(node, part, [] if after.isdigit() else {})
    if isinstance(node, list):
        node[:1] = [value]
    else:
        node[parts[-1]] = value
    return copy


def _child(node: Any, part: str, empty: Any) -> Any:  # noqa: ANN401
    if isinstance(node, list):
        if not node:
            node.append(empty)
        return node[0]
    found = node.get(part)
    if not isinstance(found, dict | list):
        found = node[part] = opened(found) if isinstance(opened(found), dict | list) else empty
    return found


def without(payload: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    """A copy of a payload with nothing at a place."""
    copy: dict[str, Any] = json.loads(json.dumps(payload))
    parts = parts_of(pointer)
    node: Any = copy
    for part in parts[:-1]:
        inside = isinstance(node, dict) and part in node
        node = node[part] if inside else (node[0] if isinstance(node, list) and node else None)
    if isinstance(node, dict):
        node.pop(parts[-1], None)
    return copy


def schema_at(schema: Any, pointer: str) -> Any:  # noqa: ANN401 -- any part of a contract
    """What a contract says of a place by name, None if it does not name it."""
    found = schema
    for part in parts_of(pointer):
        if not isinstance(found, Mapping):
            return None
        inner = found.get("properties", {}).get(part)
        if inner is None and part.isdigit():
            inner = found.get("items")
        found = inner
    return found
