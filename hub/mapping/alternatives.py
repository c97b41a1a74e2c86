"""Sources in order of preference: the first usable value wins."""

from __future__ import annotations

from typing import Any

from hub.errors import RecordError
from hub.mapping.notes import Doc, Evaluate, Notes
from hub.mapping.sources import Source
from hub.mapping.values import Clean, Json, is_absent
from hub.model.outcome import HeldReason

_Bad = tuple[int, Json, ValueError]


class Alternatives:
    """Sources with what cleans their values; `first` gives the first usable one, compiled.

    If none can be used, `hold` decides: the record is held, or `target` is marked and the value kept.
    """

    def __init__(self, sources: list[Source], clean: Clean, target: str, *, hold: bool) -> None:
        self.sources = sources
        self._clean = clean
        self._target = target
        self._hold = hold
        direct = all(source.key is not None for source in sources)
        self.first: Evaluate = self._direct() if direct else self._general()

    def every(self, payload: Doc, notes: Notes) -> list[Json]:
        """The value of each source that has one; what is unusable holds only if there is none."""
        found: list[Json] = []
        bad: list[_Bad] = []
        for n, source in enumerate(self.sources):
            raw = source.get(payload) if source.key is None else payload.get(source.key)
            if raw is None or raw == "":
                continue
            try:
                value = self._clean(raw)
            except ValueError as error:
                bad.append((n, raw, error))
                continue
            if value is not None:
                found.append(value)
        for each in bad:
            self._refuse(each, notes, hold=self._hold and not found)
        return found

    def _direct(self) -> Evaluate:
        """For values that stand directly in the payload: one look-up each."""
        clean, refuse, hold = self._clean, self._refuse, self._hold
        keys: Any = tuple(enumerate(source.key for source in self.sources))

        def first(payload: Doc, notes: Notes) -> Json:
            bad: _Bad | None = None
            for n, key in keys:
                raw = payload.get(key)
                if raw is None or raw == "":
                    continue
                try:
                    value = clean(raw)
                except ValueError as error:
                    bad = bad or (n, raw, error)
                    continue
                if value is not None:
                    return value
            if bad is not None:
                refuse(bad, notes, hold=hold)
            return None

        return first

    def _general(self) -> Evaluate:
        clean, refuse, hold = self._clean, self._refuse, self._hold
        getters = tuple(enumerate(source.get for source in self.sources))

        def first(payload: Doc, notes: Notes) -> Json:
            bad: _Bad | None = None
            for n, get in getters:
                raw = get(payload)
                if raw is None:
                    continue
                try:
                    value = clean(raw)
                except ValueError as error:
                    bad = bad or (n, raw, error)
                    continue
                if value is not None:
                    return value
            if bad is not None:
                refuse(bad, notes, hold=hold)
            return None

        return first

    def _refuse(self, bad: _Bad, notes: Notes, *, hold: bool) -> None:
        number, raw, error = bad
        if is_absent(raw):
            return
        source = self.sources[number]
        if hold:
            raise RecordError(HeldReason.INVALID_VALUE, source.pointer, self._target) from error
        path = source.name if source.paths else f"answer:{self._target}"
        notes.unusable(self._target, path, raw, getattr(error, "mark", ""))
