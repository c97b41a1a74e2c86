"""How much two fields of a payload look like one: by name and label, by format, by values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.drift.vocabulary import COMMON, Vocabulary, leaf_of, normal_name, words_of

# Classes whose values look like nothing else: a field that holds such is told by its values alone.
TELLING = ("phone", "masked", "date-time", "date", "email", "url", "json-object", "json-array")
_PLAIN_WEIGHT = 0.25
_VOCABULARY = Vocabulary()


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """What is known of a field, none of it a value.

    `classes`: what its values look like and how often (`string:phone` → 40); `filled`: share of payloads
    that have it; `pii`: the `x-pii` hint; `digests`: keyed digests of values, to see the same values again.
    """

    pointer: str
    label_zh: str = ""
    classes: Mapping[str, int] = field(default_factory=dict)
    filled: float = 1.0
    pii: str = ""
    digests: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Likeness:
    """A score from 0 to 1 and the reasons for it."""

    score: float
    reasons: tuple[str, ...]


def likeness(old: FieldFacts, new: FieldFacts) -> Likeness:
    """How likely it is that `new` holds what `old` held."""
    named, why_named = _names(old, new)
    formed, why_formed = _classes(old.classes, new.classes)
    shared, why_shared = _values(old.digests, new.digests)
    score = 0.9 * named if formed is None else 0.65 * named + 0.35 * formed
    if formed == 0.0:  # a name alone does not make a date a phone
        score = 0.5 * named
    if named < 0.0:
        score = 0.0
    if shared is not None and shared >= 0.2:
        score = max(score, 0.6 + 0.4 * shared)
    reasons = (why_named, why_formed, why_shared)
    return Likeness(round(max(0.0, min(1.0, score)), 3), tuple(r for r in reasons if r))


def _names(old: FieldFacts, new: FieldFacts) -> tuple[float, str]:
    """1: the same word or synonym, -1: words of different meaning, between: words shared."""
    mine, theirs = leaf_of(old.pointer), leaf_of(new.pointer)
    if old.label_zh and normal_name(old.label_zh) == normal_name(new.label_zh):
        return 1.0, f"both are labelled {old.label_zh}"
    if normal_name(mine) == normal_name(theirs):
        return 1.0, f"both are named {mine}"
    was = _VOCABULARY.meaning(old.pointer, old.label_zh)
    now = _VOCABULARY.meaning(new.pointer, new.label_zh)
    if was and now:
        if was.field == now.field:
            return 1.0, f"{mine} and {theirs} both mean {was.field}"
        return -1.0, ""
    share = _shared(words_of(mine), words_of(theirs))
    if old.label_zh and new.label_zh:
        share = max(share, _shared(words_of(old.label_zh), words_of(new.label_zh)))
    return share, f"{mine} and {theirs} share words" if share >= _PLAIN_WEIGHT else ""


def _shared(left: frozenset[str], right: frozenset[str]) -> float:
    """Weighted share of common words; words that every second field has count a quarter."""

    def weight(words: frozenset[str]) -> float:
        return sum(_PLAIN_WEIGHT if word in COMMON else 1.0 for word in words)

    union = weight(left | right)
    return weight(left & right) / union if union else 0.0


def _classes(old: Mapping[str, int], new: Mapping[str, int]) -> tuple[float | None, str]:
    """How much of the values looks alike; None where one side has nothing to show."""
    was, now = _present(old), _present(new)
    if not was or not now:
        return None, ""
    total_was, total_now = sum(was.values()), sum(now.values())
    alike = sum(min(was.get(c, 0) / total_was, now.get(c, 0) / total_now) for c in {*was, *now})
    if alike == 0.0 and {_type(c) for c in was} & {_type(c) for c in now} and not _tell(was, now):
        return 0.3, ""  # both texts, of different length or kind: says little either way
    top = max(now, key=lambda c: (now[c], c))
    return alike, f"values look alike ({top})" if alike >= 0.5 else ""


def telling_class(facts: FieldFacts) -> str:
    """The class that most values have, if it is one that looks like nothing else; else ""."""
    present = _present(facts.classes)
    for name, count in sorted(present.items()):
        if count * 2 > sum(present.values()) and name.rpartition(":")[2] in TELLING:
            return name
    return ""


def _tell(*sides: Mapping[str, int]) -> bool:
    return any(name.rpartition(":")[2] in TELLING for side in sides for name in side)


def _present(classes: Mapping[str, int]) -> dict[str, int]:
    absent = ("null", "empty", "array:0")
    return {name: n for name, n in classes.items() if n > 0 and name not in absent}


def _type(name: str) -> str:
    return name.partition(":")[0]


def _values(old: frozenset[str], new: frozenset[str]) -> tuple[float | None, str]:
    if not old or not new:
        return None, ""
    share = len(old & new) / min(len(old), len(new))
    return share, f"{share:.0%} of the values are the same" if share >= 0.2 else ""
