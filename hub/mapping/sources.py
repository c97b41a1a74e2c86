"""Where values come from: paths, answers by label, constants, the record's context, several together."""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.errors import ConfigError
from hub.mapping.answers import Answers
from hub.mapping.paths import Getter, Path, compile_getter, direct_getter, parse_path
from hub.mapping.values import Json

CONTEXT = "$context"
ITEM = "$item"
CONTEXT_FIELDS = ("received_at", "via", "source_key", "merchant")


@dataclass(frozen=True, slots=True)
class Source:
    """One compiled source: how to get the value, its name for people, its place in the payload.

    `key` is set where the value stands directly under it in the prepared payload. `gate` are the keys of
    which at least one must be there for the source to have a value; None if it can always have one.
    """

    get: Getter
    name: str
    pointer: str
    paths: tuple[Path, ...] = ()
    key: str | int | None = None
    gate: tuple[str | int, ...] | None = None


@dataclass(slots=True)
class Sources:
    """Compiles sources and remembers which paths a mapping stores, and the roots of all it reads."""

    answers: Answers
    paths: list[Path] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    uses_context: bool = False

    def compile(self, spec: Json, where: str, *, stored: bool = True) -> Source:
        """The source written as `spec`: a path, `{answer: RE2}`, `{const: v}`, `{context: received_at}`
        or `{all: [source, …]}` (a list with None for each absent one). `{answer: RE2, or_value: RE2}` finds
        an answer by the look of its value where no label fits.

        With `stored` false the path does not count as mapped: its value is only looked at.

        Raises:
            ConfigError: `spec` is none of these; names `where`.
        """
        source = self._path(spec, where) if isinstance(spec, str) else self._special(spec, where)
        self.roots.extend(path.root for path in source.paths)
        if stored:
            self.paths.extend(source.paths)
        return source

    def looked_at(self, spec: Json, where: str) -> Getter:
        """The getter of a source that is only looked at."""
        return self.compile(spec, where, stored=False).get

    def _path(self, text: str, where: str) -> Source:
        path = parse_path(text, where)
        key = path.root if len(path.steps) == 1 else None
        return Source(compile_getter(path), path.text, path.pointer, (path,), key, (path.root,))

    def _special(self, spec: Json, where: str) -> Source:
        if isinstance(spec, dict) and spec.keys() == {"answer", "or_value"}:
            return self._answer(spec["answer"], where, spec["or_value"])
        if not isinstance(spec, dict) or len(spec) != 1:
            raise ConfigError(f"{where}: a source is a path or one of answer, const, context, all")
        ((kind, value),) = spec.items()
        if kind == "answer":
            return self._answer(value, where)
        if kind == "const":
            return Source(lambda _: value, "const", "")
        if kind == "context":
            return self._context(value, where)
        if kind == "all" and isinstance(value, list) and value:
            return self._all(value, where)
        raise ConfigError(f"{where}: no source {kind!r}; there are answer, const, context, all")

    def _answer(self, pattern: Json, where: str, or_value: Json = None) -> Source:
        slot = self.answers.slot(pattern, where, or_value)
        container = self.answers.containers[0]
        name = f"{container.text}?{pattern}"
        return Source(direct_getter(slot), name, container.pointer, key=slot, gate=(slot,))

    def _context(self, name: Json, where: str) -> Source:
        if name not in CONTEXT_FIELDS:
            raise ConfigError(f"{where}: context knows {', '.join(CONTEXT_FIELDS)}")
        self.uses_context = True
        return Source(lambda payload: payload[CONTEXT][name], f"context.{name}", "")

    def _all(self, specs: list[Json], where: str) -> Source:
        parts = [self.compile(s, f"{where}[{n}]", stored=False) for n, s in enumerate(specs)]
        getters = [part.get for part in parts]

        def get(payload: dict[str, Json]) -> Json:
            values = [getter(payload) for getter in getters]
            return values if any(value is not None for value in values) else None

        name = "+".join(part.name for part in parts)
        paths = tuple(p for part in parts for p in part.paths)
        return Source(get, name, parts[0].pointer, paths, gate=gate_of(parts))


def gate_of(sources: list[Source]) -> tuple[str | int, ...] | None:
    """The keys of which at least one must be there for any of `sources` to have a value."""
    keys: dict[str | int, None] = {}
    for source in sources:
        if source.gate is None:
            return None
        keys.update(dict.fromkeys(source.gate))
    return tuple(keys)
