"""What is in no mapping: kept under `extra.unmapped`, so that nothing has to be pulled again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import filterfalse
from typing import TypeAlias

from hub.mapping.notes import Doc, Notes
from hub.mapping.paths import Path
from hub.mapping.values import Json, as_raw, clean_text, decode_json

Known: TypeAlias = dict[str, "Known | None"]
"""Names that a mapping uses: None for the whole value, else the known names within it."""

_EMPTY_JSON = frozenset({"{}", "[]", "null"})
MARK = "unusable:extra"


def known_names(paths: Iterable[Path]) -> Known:
    """The names that `paths` use, as a tree; what lies behind a list counts as known whole."""
    tree: Known = {}
    for path in paths:
        names = _leading_names(path)
        node = tree
        for name in names[:-1]:
            inner = node.setdefault(name, {})
            if inner is None:
                break
            node = inner
        else:
            node[names[-1]] = None
    return tree


def compile_leftovers(
    known: Known, slots: Iterable[int] = ()
) -> Callable[[Doc, Notes], dict[str, Json]]:
    """A function that gives what of a payload no path names, with the values noted as left.

    `slots` are the keys under which found answers stand in a prepared payload.
    """
    partly = tuple((name, inner) for name, inner in known.items() if inner is not None)
    names: frozenset[str | int] = frozenset((*known, *slots))

    is_known = names.__contains__

    def find(payload: Doc, notes: Notes) -> dict[str, Json]:
        left = notes.left
        for name in filterfalse(is_known, payload):
            value = payload[name]
            if value is not None and value != "":
                left[name] = value
        for name, inner in partly:
            value = payload.get(name)
            if value is not None and value != "":
                rest = _rest(value, inner)
                if rest is not None:
                    left[name] = rest
        return _storable(left, notes) if left else left

    return find


def _storable(left: dict[str, Json], notes: Notes) -> dict[str, Json]:
    """`left` cleaned; what is nested too deep or is no finite number stays in the archive only, marked."""
    kept: dict[str, Json] = {}
    for name, value in left.items():
        if type(value) is str and value in _EMPTY_JSON:
            continue
        try:
            cleaned = as_raw(value)
        except ValueError:
            notes.marks.add(MARK)
            continue
        if cleaned is not None:
            kept[name if name.isprintable() else clean_text(name)] = cleaned
    return kept


def _rest(value: Json, known: Known) -> Json:
    if type(value) is str:
        try:
            value = decode_json(value)
        except ValueError:
            return value  # no path could be followed into it
    if type(value) is not dict:
        return value
    rest: dict[str, Json] = {}
    for name, inner in value.items():
        deeper = known.get(name, {})
        if deeper is None:
            continue
        left = _rest(inner, deeper) if deeper else inner
        if left is not None:
            rest[name] = left
    return rest or None


def _leading_names(path: Path) -> list[str]:
    names = [path.root]
    for step in path.steps[1:]:
        if not isinstance(step, str) or step == "*":
            break
        names.append(step)
    return names
