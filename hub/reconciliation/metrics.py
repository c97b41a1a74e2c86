"""The metric dictionary compiled: a small closed vocabulary, checked when it is read. Pure.

A metric is the sum of its terms. A term takes the papers of one entity whose date fits the month, whose fields meet
its conditions and whose contract has the facts that it needs; docs/metrics.md explains each word.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub.errors import ConfigError
from hub.reconciliation.papers import DATES, ENTITIES, FACTS, FIELDS, HOME_CURRENCY


class Span(StrEnum):
    """How a paper's date stands to the month."""

    WITHIN = "within"
    UNTIL = "until"
    ANY = "any"


class Test(StrEnum):
    """What a condition asks of a field."""

    __test__ = False  # no test of pytest's

    IS = "is"
    NOT = "not"
    IN = "in"
    NOT_IN = "not_in"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one field; `values` are what it may (not) be."""

    field: str
    test: Test
    values: tuple[str | bool | None, ...]

    def holds(self, value: object) -> bool:
        """Whether a field's value meets it."""
        if self.test is Test.PRESENT:
            return (value is not None) == self.values[0]
        return (value in self.values) == (self.test in (Test.IS, Test.IN))


@dataclass(frozen=True, slots=True)
class Term:
    """One summand: papers of `entity`; see the module."""

    entity: str
    date: str
    span: Span
    sign: int
    is_absolute: bool
    where: tuple[Condition, ...]
    needs: tuple[str, ...]
    contracts_of: str | None


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: its 口径 in words, its formula, who owns it, how old its sources may be.

    `digest` are eight hexadecimal digits of all that decides the figure: a formula that was changed without a new
    version shows.
    """

    name: str
    version: str
    label: str
    words: str
    owner: str
    sources: tuple[str, ...]
    freshness_hours: int
    currency: str
    terms: tuple[Term, ...]
    digest: str

    @property
    def basis(self) -> str:
        """The entity that its amounts come from."""
        return self.terms[0].entity

    @property
    def title(self) -> str:
        """Name and version as a watermark says them."""
        return f"{self.label}（{self.name} {self.version}，{self.digest}）"

    @property
    def refers_to(self) -> frozenset[str]:
        """The metrics whose contracts it is about."""
        return frozenset(term.contracts_of for term in self.terms if term.contracts_of)


Dictionary = Mapping[str, Metric]

_HEAD = (
    "metric", "version", "label", "words", "owner", "period", "sources", "freshness_hours",
    "currency", "formula",
)  # fmt: skip
_TERM = ("entity", "date", "span", "sign", "absolute", "where", "needs", "contracts_of")
_SIGNS = {"plus": 1, "minus": -1}


def compile_metrics(documents: Mapping[str, Any]) -> dict[str, Metric]:
    """The dictionary from decoded files: file name → document.

    Raises:
        ConfigError: A word is unknown, something is missing, a name is not its file's, or metrics refer to each
            other in a circle; names file and place.
    """
    found = {name: _metric(name, documents[name]) for name in sorted(documents)}
    for metric in found.values():
        for other in metric.refers_to:
            _known(other, found, f"{metric.name}.yaml: contracts_of")
        _refuse_circle(metric, found)
    return found


def _refuse_circle(metric: Metric, found: Dictionary) -> None:
    seen, open_names = set[str](), set(metric.refers_to)
    while open_names:
        name = open_names.pop()
        if name == metric.name:
            raise ConfigError(f"{metric.name}.yaml: contracts_of leads back to {metric.name}")
        if name not in seen and name in found:
            seen.add(name)
            open_names |= found[name].refers_to


def _metric(name: str, document: Any) -> Metric:  # noqa: ANN401 -- decoded YAML
    where = f"{name}.yaml"
    if not isinstance(document, Mapping):
        raise ConfigError(f"{where}: expected a mapping")
    _only(document, _HEAD, where)
    missing = [word for word in _HEAD if word not in document]
    if missing:
        raise ConfigError(f"{where}: {missing[0]} is missing")
    if document["metric"] != name:
        raise ConfigError(f"{where}: metric is {document['metric']!r}; it is named as its file")
    _known(document["period"], ("month",), f"{where}: period")
    terms = _listed(document["formula"], f"{where}: formula")
    plain = json.dumps(
        [document["formula"], document["currency"], document["sources"]],
        sort_keys=True,
        ensure_ascii=False,
        default=str,
    )
    return Metric(
        name=name,
        version=_text(document, "version", where),
        label=_text(document, "label", where),
        words=_text(document, "words", where).strip(),
        owner=_text(document, "owner", where),
        sources=tuple(
            _known(one, ENTITIES, f"{where}: sources")
            for one in _listed(document["sources"], f"{where}: sources")
        ),
        freshness_hours=_hours(document["freshness_hours"], where),
        currency=_text(document, "currency", where) or HOME_CURRENCY,
        terms=tuple(_term(one, f"{where}: formula[{n}]") for n, one in enumerate(terms)),
        digest=hashlib.sha256(plain.encode()).hexdigest()[:8],
    )


def _term(document: Any, where: str) -> Term:  # noqa: ANN401
    if not isinstance(document, Mapping):
        raise ConfigError(f"{where}: expected a mapping")
    _only(document, _TERM, where)
    conditions = document.get("where", {})
    if not isinstance(conditions, Mapping):
        raise ConfigError(f"{where}.where: expected fields with conditions")
    absolute = document.get("absolute", False)
    if not isinstance(absolute, bool):
        raise ConfigError(f"{where}.absolute: true or false")
    contracts_of = document.get("contracts_of")
    return Term(
        entity=_known(document.get("entity"), ENTITIES, f"{where}.entity"),
        date=_known(document.get("date", "on_date"), DATES, f"{where}.date"),
        span=Span(_known(document.get("span", "within"), tuple(Span), f"{where}.span")),
        sign=_SIGNS[_known(document.get("sign", "plus"), _SIGNS, f"{where}.sign")],
        is_absolute=absolute,
        where=tuple(
            _condition(_known(name, FIELDS, f"{where}.where"), asked, f"{where}.where.{name}")
            for name, asked in conditions.items()
        ),
        needs=tuple(
            _known(one, FACTS, f"{where}.needs")
            for one in _listed(document.get("needs", []), f"{where}.needs", may_be_empty=True)
        ),
        contracts_of=None if contracts_of is None else str(contracts_of),
    )


def _condition(name: str, asked: Any, where: str) -> Condition:  # noqa: ANN401
    if not isinstance(asked, Mapping) or len(asked) != 1:
        raise ConfigError(f"{where}: expected one of {', '.join(Test)}")
    [(word, value)] = asked.items()
    test = Test(_known(word, tuple(Test), where))
    if test is Test.PRESENT and not isinstance(value, bool):
        raise ConfigError(f"{where}.present: true or false")
    values = _listed(value, f"{where}.{word}") if test in (Test.IN, Test.NOT_IN) else [value]
    if not all(one is None or isinstance(one, str | bool) for one in values):
        raise ConfigError(f"{where}.{word}: words, true, false or null")
    return Condition(name, test, tuple(values))


def _only(document: Mapping[str, Any], words: Sequence[str], where: str) -> None:
    for word in document:
        _known(word, words, where)


def _known(word: object, words: Iterable[str], where: str) -> str:
    known: Collection[str] = [str(one) for one in words]
    if isinstance(word, str) and word in known:
        return word
    near = difflib.get_close_matches(str(word), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f" (known: {', '.join(sorted(known))})"
    raise ConfigError(f"{where}: unknown word {word!r}{hint}")


def _listed(value: Any, where: str, *, may_be_empty: bool = False) -> list[Any]:  # noqa: ANN401
    if not isinstance(value, list) or not (value or may_be_empty):
        raise ConfigError(f"{where}: expected a list")
    return value


def _text(document: Mapping[str, Any], name: str, where: str) -> str:
    value = document[name]
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: {name} is a text")
    return value


def _hours(value: object, where: str) -> int:
    if type(value) is not int or value <= 0:
        raise ConfigError(f"{where}: freshness_hours is a whole number above 0")
    return value
