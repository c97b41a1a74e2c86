"""Changes of a mapping document: a path followed to its new place, a source added or replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from hub.drift.places import is_below, parts_of, path_of, pointer_of, pointer_to

_LISTS_OF_RULES: Final = ("fields", "extensions")
_FREE_SECTIONS: Final = ("order",)
_SIMPLE: Final = ("account", "ignore")
_JOINING: Final = (None, "join", "split", "region_cn")
_RULE_KEYS: Final = frozenset(
    (
        *("from", "none_if", "with", "default", "mark", "required", "unusable", "when", "take"),
        *("unless", "name", "type", "label", "pii"),
    )
)


def follow_path(
    mapping: Mapping[str, Any], old: str, new: str
) -> tuple[dict[str, Any], list[str]]:
    """A copy of a mapping in which everything that reads pointer `old` reads `new` first, then `old`.

    With it the places that changed, as people write them (`fields.name`, `spread.phone`, `key`).
    """
    walk = _Follow(old, new)
    changed = {name: _section(walk, name, section) for name, section in mapping.items()}
    return changed, walk.places


class _Follow:
    """One move, applied to every part of a mapping; remembers where it changed anything."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new
        self.places: list[str] = []

    def moved(self, path: str) -> str | None:
        """The new path of one that reads the old place or something inside it, else None."""
        pointer = pointer_of(path)
        if "*" in path or not pointer or not is_below(pointer, self._old):
            return None
        inside = parts_of(pointer)[len(parts_of(self._old)) :]
        return path_of(pointer_to((*parts_of(self._new), *inside)))

    def sources(self, spec: Any, place: str, *, joins: bool = False) -> Any:  # noqa: ANN401 -- any `from`
        """A `from`: the new source stands before the old one; within `all` beside it, where order is all the same."""
        listed = spec if isinstance(spec, list) else [spec]
        found: list[Any] = []
        for source in listed:
            if joins and isinstance(source, Mapping) and isinstance(source.get("all"), list):
                found.append({"all": self.sources(source["all"], place)})
                continue
            new = self._source(source)
            if new is not None and new not in listed:
                self._note(place)
                found.append(new)
            found.append(source)
        if not isinstance(spec, list) and len(found) == 1:
            return found[0]
        return found

    def _source(self, source: Any) -> Any:  # noqa: ANN401
        if isinstance(source, str):
            return self.moved(source)
        if isinstance(source, Mapping) and isinstance(source.get("all"), list):
            parts = [self._source(part) or part for part in source["all"]]
            return {"all": parts} if parts != source["all"] else None
        return None

    def condition(self, spec: Any, place: str) -> Any:  # noqa: ANN401
        """A condition: it holds of the new place or of the old one."""
        if isinstance(spec, list):
            return [self.condition(one, place) for one in spec]
        if not isinstance(spec, Mapping):
            return spec
        new = self.moved(spec["path"]) if isinstance(spec.get("path"), str) else None
        if new is not None:
            self._note(place)
            word = "all" if spec.get("present") is False else "any"
            return {word: [{**spec, "path": new}, dict(spec)]}
        return {
            name: self.condition(one, place) if name in ("not", "all", "any") else one
            for name, one in spec.items()
        }

    def rule(self, spec: Any, place: str) -> Any:  # noqa: ANN401
        """A rule in any of its forms."""
        if not isinstance(spec, Mapping) or not spec.keys() & _RULE_KEYS:
            return self.sources(spec, place)
        rule = dict(spec)
        if "from" in rule:
            rule["from"] = self.sources(rule["from"], place, joins=_joins(rule.get("with")))
        if "when" in rule:
            rule["when"] = self.condition(rule["when"], place)
        return rule

    def _note(self, place: str) -> None:
        if place not in self.places:
            self.places.append(place)


def _joins(steps: Any) -> bool:  # noqa: ANN401 -- a `with`
    """Whether what reads a list takes its members for what they are, wherever they stand in it."""
    first = steps[0] if isinstance(steps, list) and steps else steps
    name = next(iter(first), None) if isinstance(first, Mapping) else first
    return name in _JOINING


def _section(walk: _Follow, name: str, section: Any) -> Any:  # noqa: ANN401
    if name in _LISTS_OF_RULES and isinstance(section, Mapping):
        return {key: walk.rule(rule, f"{name}.{key}") for key, rule in section.items()}
    if name in ("spread", *_FREE_SECTIONS) and isinstance(section, list):
        return [walk.rule(rule, _spread_place(name, rule, n)) for n, rule in enumerate(section)]
    if name in _SIMPLE and section is not None:
        return walk.sources(section, name)
    special: Mapping[str, Callable[[_Follow, Any], Any]] = {
        "key": _key,
        "answers": _answers,
        "not_a_lead": _not_a_lead,
        "touchpoints": _parts,
        "interactions": _parts,
    }
    return special[name](walk, section) if name in special else section


def _spread_place(section: str, rule: Any, number: int) -> str:  # noqa: ANN401
    name = rule.get("name") if isinstance(rule, Mapping) else None
    return f"{section}.{name}" if name else f"{section}[{number}]"


def _key(walk: _Follow, section: Any) -> Any:  # noqa: ANN401
    if not isinstance(section, Mapping):
        return section
    key = dict(section)
    if "id" in key:
        key["id"] = walk.rule(key["id"], "key.id")
    if isinstance(key.get("synthetic"), list):
        key["synthetic"] = [walk.rule(rule, "key.synthetic") for rule in key["synthetic"]]
    return key


def _answers(walk: _Follow, section: Any) -> Any:  # noqa: ANN401
    if not isinstance(section, Mapping) or "from" not in section:
        return section
    return {**section, "from": walk.sources(section["from"], "answers")}


def _not_a_lead(walk: _Follow, section: Any) -> Any:  # noqa: ANN401
    if not isinstance(section, list):
        return section
    return [
        {**one, "when": walk.condition(one.get("when"), f"not_a_lead[{n}]")}
        for n, one in enumerate(section)
    ]


def _parts(walk: _Follow, section: Any) -> Any:  # noqa: ANN401
    if not isinstance(section, list):
        return section
    return [
        {name: _section(walk, name, part) if name != "when" else walk.condition(part, "when")
         for name, part in one.items()}
        for one in section
    ]  # fmt: skip


def rules_reading(mapping: Mapping[str, Any], pointer: str) -> list[str]:
    """Places of a mapping that read a pointer, or something inside it."""
    return follow_path(mapping, pointer, pointer + "\x00")[1]


def rules_for(mapping: Mapping[str, Any], target: str) -> Iterator[tuple[str, str | int]]:
    """(section, key) of the rules that fill a canonical field: `fields` by name, `spread` by transform."""
    if target in (mapping.get("fields") or {}):
        yield "fields", target
    transform = SPREADS.get(target)
    for number, rule in enumerate(mapping.get("spread") or ()):
        steps = rule.get("with")
        last = steps[-1] if isinstance(steps, list) and steps else steps
        name = next(iter(last), None) if isinstance(last, Mapping) else last
        if transform is not None and name == transform and not rule.get("unless"):
            yield "spread", number


# Canonical fields that a transform under `spread` gives.
SPREADS: Final[Mapping[str, str]] = {
    "mobile_e164": "phone_cn",
    "province_code": "region_cn",
    "city_code": "region_cn",
    "district_code": "region_cn",
    "landing_url": "url_params",
}
_WITH: Final[Mapping[str, Any]] = {
    "submitted_at": {"datetime": {"zone": "Asia/Shanghai"}},
    "email": "email",
    "age": "int",
    "need": "split",
    "product_interest": "split",
    "gender": {"lookup": {"table": {"1": "male", "2": "female", "男": "male", "女": "female"}}},
    "id_number": "id_number_cn",
}


def with_rule(mapping: Mapping[str, Any], target: str, path: str) -> dict[str, Any]:
    """A copy of a mapping with a new rule that fills a canonical field from a path."""
    copy = dict(mapping)
    if target in SPREADS:
        rule = {"name": f"{target}_of_{path}", "from": path, "with": SPREADS[target]}
        copy["spread"] = [*(copy.get("spread") or ()), rule]
        return copy
    rule = {"from": path, "with": _WITH[target]} if target in _WITH else {"from": path}
    copy["fields"] = {**(copy.get("fields") or {}), target: rule if len(rule) > 1 else path}
    return copy


def with_source(
    mapping: Mapping[str, Any], target: str, path: str, *, only: bool
) -> dict[str, Any]:
    """A copy in which the rules of a canonical field read `path` first, or `only` it instead of other paths."""
    copy = dict(mapping)
    for section, key in rules_for(mapping, target):
        inner: Any = copy[section]
        changed = _first(inner[key], path, only=only)
        if isinstance(inner, Mapping):
            copy[section] = {**inner, str(key): changed}
        else:
            copy[section] = [changed if n == key else rule for n, rule in enumerate(inner)]
    return copy


def _first(rule: Any, path: str, *, only: bool) -> Any:  # noqa: ANN401
    whole = isinstance(rule, Mapping) and "from" in rule
    given = rule["from"] if whole else rule
    listed = given if isinstance(given, list) else [given]
    kept = [s for s in listed if s != path and not (only and _is_payload_source(s))]
    sources: Any = [path, *kept] if kept else path
    return {**rule, "from": sources} if whole else sources


def _is_payload_source(source: Any) -> bool:  # noqa: ANN401
    return isinstance(source, str) or (isinstance(source, Mapping) and "all" in source)
