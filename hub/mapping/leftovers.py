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
_ALL_LEFT: Known = {}
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
        kept: dict[str, Json] = {}
        for name in filterfalse(is_known, payload):
            value = payload[name]
            if value is not None and value != "":
                _keep(kept, name, value, notes)
        for name, inner in partly:
            value = payload.get(name)
            rest = _rest(value, inner) if value else None
            if rest is not None:
                _keep(kept, name, rest, notes)
        for name, value in notes.left.items():
            _keep(kept, name, value, notes)
        return kept

    return find


def _keep(kept: dict[str, Json], name: str, value: Json, notes: Notes) -> None:
    """Keep a value, cleaned; one nested too deep or not finite stays in the archive only, marked."""
    if not name.isprintable():
        name = clean_text(name)
    if type(value) is str and value.isprintable():
        if value not in _EMPTY_JSON and (text := value.strip()):
            kept[name] = text
        return
    try:
        cleaned = as_raw(value)
    except ValueError:
        notes.marks.add(MARK)
    else:
        if cleaned is not None:
            kept[name] = cleaned


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
        deeper = known.get(name, _ALL_LEFT)
        if deeper is None or inner is None or inner == "":
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
