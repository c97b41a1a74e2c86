"""What each column holds: by its name, held against what its values look like. What is not sure says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hub.errors import ConfigError
from hub.files.cells import form_of, serial_date, whole_number
from hub.files.dictionary import (
    CONTACTS,
    EXTENSION,
    EXTERNAL_ID,
    IGNORE,
    KEEP,
    BaseDictionary,
)
from hub.files.readers import INTENT_SCALES, reader_of
from hub.files.table import Table
from hub.mapping.business import LEAD
from hub.mapping.nearest import did_you_mean
from hub.privacy.mask import mask_value

SURE: Final = 0.8
_SAMPLE: Final = 500
_ENOUGH: Final = 3
_AGREES, _DIFFERS, _STRIKING = 0.8, 0.5, 0.95
_SEVERAL: Final = frozenset({"phone", KEEP, IGNORE})
_STRIKING_SHAPES: Final = ("phone", "email", "id_number")
_PLAIN_MOBILE: Final = re.compile(r"(\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}")


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a column is taken for. `sample` is masked; `confidence` from 0 to 1."""

    column: str
    meaning: str
    why: str
    confidence: float
    sample: str

    @property
    def is_sure(self) -> bool:
        """Whether a person need not be asked."""
        return self.confidence >= SURE


def propose(table: Table, dictionary: BaseDictionary) -> list[Proposed]:
    """What each column of a table is taken for, in the order of the columns."""
    found: list[Proposed] = []
    taken: set[str] = set()
    for column in table.columns:
        values = _sample(table, column)
        one = _proposed(column, values, dictionary)
        if one.meaning in taken and one.meaning not in _SEVERAL:
            first = next(other.column for other in found if other.meaning == one.meaning)
            one = replace(
                one,
                meaning=KEEP,
                confidence=0.5,
                why=f"“{first}”已经是{dictionary.label(one.meaning)}",
            )
        taken.add(one.meaning)
        found.append(one)
    return found


def _sample(table: Table, column: str) -> list[str]:
    place = table.columns.index(column)
    values: list[str] = []
    for row in table.rows:
        if row[place]:
            values.append(row[place])
            if len(values) == _SAMPLE:
                break
    return values


def _proposed(column: str, values: Sequence[str], dictionary: BaseDictionary) -> Proposed:
    hit = dictionary.find(column)
    if hit is None:
        return _by_shape(column, values, dictionary)
    meaning, why = hit.meaning, hit.why
    share = _agreement(column, meaning, values, dictionary)
    if meaning == "intent" and share is None and values:
        why += "；取值不在已知等级里，只留原文"
    confidence = 0.95 if hit.is_exact else 0.6
    if share is not None and len(values) >= _ENOUGH:
        why += f"，{share:.0%} 的值符合"
        confidence = _with_values(confidence, share)
    return Proposed(column, meaning, why, confidence, _shown(meaning, values, dictionary))


def _with_values(confidence: float, share: float) -> float:
    if share < _DIFFERS:
        return min(confidence, 0.4)
    if share >= _AGREES and confidence >= SURE:
        return 0.99
    return confidence


def _by_shape(column: str, values: Sequence[str], dictionary: BaseDictionary) -> Proposed:
    """Only what nothing else looks like is taken for something without its name; the rest is kept as it is."""
    if len(values) >= _ENOUGH and dictionary.target == LEAD:
        for meaning in _STRIKING_SHAPES:
            share = agreement(meaning, values)
            if share is not None and share >= _STRIKING:
                why = f"列名不认识，但 {share:.0%} 的值像{dictionary.label(meaning)}"
                return Proposed(column, meaning, why, 0.7, _shown(meaning, values, dictionary))
    return Proposed(column, KEEP, "词典里没有，原样保留", 1.0, _shown(KEEP, values, dictionary))


def _agreement(
    column: str, meaning: str, values: Sequence[str], dictionary: BaseDictionary
) -> float | None:
    if dictionary.target == LEAD:
        return agreement(meaning, values)
    reader = dictionary.reader(meaning, column)
    return None if reader is None or not values else sum(map(reader.fits, values)) / len(values)


def agreement(meaning: str, values: Sequence[str]) -> float | None:
    """The share of values that the meaning's own transform can use; None where any text will do."""
    if not values:
        return None
    if meaning == "intent":
        return None if intent_scale(values) is None else 1.0
    fits = _shape(meaning)
    return None if fits is None else sum(map(fits, values)) / len(values)


def _shape(meaning: str) -> Callable[[str], bool] | None:
    if meaning == "phone":
        return lambda text: _PLAIN_MOBILE.fullmatch(whole_number(text) or text) is not None
    if meaning in ("province", "city"):
        meaning = "region"
    reader = reader_of(meaning)
    if reader is None:
        return None
    return lambda text: reader.fits(
        serial_date(text) or text if meaning == "submitted_at" else text
    )


def intent_scale(values: Sequence[str]) -> str | None:
    """The named scale that all values stand on (high_mid_low, abc, abcd), None if none is certain.

    Whether 1 or 5 is the better one no value tells.
    """
    words = {value.casefold() for value in values}
    for name, levels in INTENT_SCALES.items():
        if words and words <= levels:
            return name
    return None


def _shown(meaning: str, values: Sequence[str], dictionary: BaseDictionary) -> str:
    """One value, masked as its canonical field is; of a column that has none, only its form."""
    if not values:
        return ""
    if meaning in (KEEP, IGNORE) or meaning.startswith(EXTENSION):
        return form_of(values[0])
    kind = dictionary.pii(meaning)
    if dictionary.target != LEAD:
        return form_of(values[0]) if kind == "none" else str(mask_value(kind, values[0]))
    if kind == "none" and agreement(meaning, values[:1]) in (None, 1.0):
        return values[0][:24] if agreement(meaning, values[:1]) == 1.0 else form_of(values[0])
    return str(mask_value(kind if kind != "none" else "text", values[0]))


def chosen(
    proposed: Sequence[Proposed], said: Mapping[str, str], dictionary: BaseDictionary
) -> list[Proposed]:
    """The proposal with what a person said about columns: column → meaning.

    Raises:
        ConfigError: a column or a meaning that is none, with the nearest; two columns for one meaning.
    """
    columns = [one.column for one in proposed]
    for column, meaning in said.items():
        if column not in columns:
            raise ConfigError(f"no column {column!r}{did_you_mean(column, columns)}")
        known = dictionary.meanings()
        if meaning not in known and not dictionary.is_extension(meaning):
            raise ConfigError(f"{column}: no field {meaning!r}{did_you_mean(meaning, known)}")
    result = [
        replace(one, meaning=said[one.column], confidence=1.0, why="由人指定")
        if one.column in said
        else one
        for one in proposed
    ]
    return _without_doubles(result, said)


def _without_doubles(found: Sequence[Proposed], said: Mapping[str, str]) -> list[Proposed]:
    by_meaning: dict[str, list[str]] = {}
    for one in found:
        by_meaning.setdefault(one.meaning, []).append(one.column)
    for meaning, columns in by_meaning.items():
        told = [column for column in columns if column in said]
        if len(columns) > 1 and meaning not in _SEVERAL and len(told) != 1:
            raise ConfigError(f"{meaning}: both {' and '.join(columns)}; say which: --map")
    return [
        replace(one, meaning=KEEP, why="别的列被指定了")
        if one.meaning not in _SEVERAL
        and one.column not in said
        and len(by_meaning[one.meaning]) > 1
        else one
        for one in found
    ]


def check_usable(found: Sequence[Proposed]) -> None:
    """See that somebody could be called.

    Raises:
        ConfigError: no column holds a contact or a platform's lead id.
    """
    if not any(one.meaning in CONTACTS or one.meaning == EXTERNAL_ID for one in found):
        columns = "、".join(one.column for one in found[:12])
        raise ConfigError(
            f"no column holds a phone, another contact or a lead id: {columns};"
            " say which does: --map 列名=phone"
        )
