"""What changed between what a source's payloads are known to look like and what they look like now.

Every finding needs a minimum of records, an effect size, and a bound at alpha 10⁻⁹ (`statistics.py`):
a thin hour, another campaign or a new form must not look like a platform that changed its fields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hub.drift.classes import described_class, digits_of_class, kind_of_class
from hub.drift.keywords import pointer_to
from hub.drift.kinds import Kind, Sight
from hub.drift.profile import REST, Profile, Tally
from hub.drift.statistics import is_above, is_below, mean_and_error, means_differ, wilson

BASELINE_RECORDS: Final = 200
RECENT_RECORDS: Final = 30
REQUIRED_RECORDS: Final = 20
REQUIRED_SHARE: Final = 0.99
# Share that was filled from → records wanted, and what is left of the share at most. Less is not judged by
# its share: a field that is filled now and then may well stay empty for a night.
_COLLAPSES: Final = ((0.9, 30, 0.5), (0.6, 150, 0.02))
# Labels are typed by people: a new form beside the old one takes a part of the answers away, never all.
_LABEL_COLLAPSES: Final = ((0.9, 100, 0.02),)
# A name that always stood there and does not any more, although values of it were due.
_NAMED_SHARE: Final = 0.9
_VALUES_DUE: Final = 10
_FILLED_BEFORE: Final = 100
_FILLED_NOW: Final = 30
_KIND_GAIN: Final = 0.3
_FORM_GAIN: Final = 0.5
_MEANING_BEFORE: Final = 200
_MEANING_NOW: Final = 100
_DIGITS_SHIFT: Final = 1.5
_DIGITS_FILLED: Final = 100
_EVEN: Final = 0.05  # standard deviation of digits below which all values are of one length
_MOSTLY: Final = 0.8
_TOP: Final = 6

_WORDS: Final = "words"
_FORMS: Final = {"cjk": _WORDS, "mixed": _WORDS, "latin": _WORDS, "number": "digits"}
# What always tells of the platform, whatever stood there before: masking, and values packed into text.
_TREATED: Final = frozenset({"masked", "json-object", "json-array"})


@dataclass(frozen=True, slots=True)
class _Field:
    """One field on both sides; `of_*` are the payloads (or objects around it) that could have filled it."""

    pointer: str
    before: Tally
    now: Tally
    of_before: int
    of_now: int
    is_label: bool
    schema: Mapping[str, Any]
    required: bool


def judge(
    baseline: Profile,
    recent: Profile,
    contract: Mapping[str, Any],
    containers: Collection[str] = (),
) -> list[Sight]:
    """What the recent payloads say, by pointer; at most one finding a field, none inside one that has one.

    Nothing is said of a baseline under 200 payloads, nor of fewer than 30 recent ones. `contract` says what is
    required, and with `x-fills-later: true` which fields the platform fills some time after it shows a lead:
    how often they are filled depends on when we ask. `containers` is where answers stand by label.
    """
    if baseline.records < BASELINE_RECORDS or recent.records < RECENT_RECORDS:
        return []
    found: dict[str, Sight] = {}
    labelled = tuple(f"{pointer_to('', name)}/" for name in containers)
    for pointer in sorted(baseline.fields, key=lambda p: (p.count("/"), p)):
        if pointer == REST or any(above in found for above in _above(pointer)):
            continue
        if pointer not in recent.fields and REST in recent.fields:
            continue  # it may be among those that were counted together
        field = _field(pointer, baseline, recent, contract, labelled)
        sight = _judged(field)
        if sight is not None:
            found[pointer] = sight
    return list(found.values())


def required_now(filled: int, records: int) -> bool:
    """Whether an added field is on nearly every one of the `records` since it was first seen, 20 at least."""
    return records >= REQUIRED_RECORDS and filled >= REQUIRED_SHARE * records


def _field(
    pointer: str,
    baseline: Profile,
    recent: Profile,
    contract: Mapping[str, Any],
    labelled: tuple[str, ...],
) -> _Field:
    parent = next(_above(pointer), "")
    schema, required = _described(contract, pointer)
    return _Field(
        pointer,
        baseline.fields[pointer],
        recent.fields.get(pointer, Tally()),
        _objects(baseline, parent),
        _objects(recent, parent),
        pointer.startswith(labelled) if labelled else False,
        schema,
        required,
    )


def _described(contract: Mapping[str, Any], pointer: str) -> tuple[Mapping[str, Any], bool]:
    """What the contract says of a place, and whether it must be there."""
    schema: Any = contract
    required = False
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        required = name in schema.get("required", ())
        schema = schema.get("properties", {}).get(name)
        if not isinstance(schema, Mapping):
            return {}, required
    return schema, required


def _above(pointer: str) -> Iterator[str]:
    """The pointers around a place, nearest first; an array is one with its items."""
    parent = pointer.rpartition("/")[0]
    while parent:
        if not parent.endswith("/0"):
            yield parent
        parent = parent.rpartition("/")[0]


def _objects(profile: Profile, parent: str) -> int:
    """How many payloads, or objects at `parent`, there were."""
    if not parent:
        return profile.records
    tally = profile.fields.get(parent)
    return tally.filled if tally else 0


def _judged(field: _Field) -> Sight | None:
    return _missing(field) or _type_changed(field) or _form_changed(field) or _rescaled(field)


def _missing(field: _Field) -> Sight | None:
    """A field that was filled and is not any more, or hardly; or whose very name is gone."""
    if field.of_before < BASELINE_RECORDS or field.of_now < RECENT_RECORDS:
        return None
    fills_later = field.schema.get("x-fills-later") is True
    if not (_is_unnamed(field) or (not fills_later and _has_collapsed(field))):
        return None
    before, now = field.before.filled / field.of_before, field.now.filled / field.of_now
    detail = {
        "expected": f"filled in {before:.0%}",
        "found": f"filled in {now:.1%}" if field.now.named else "absent",
        "required": field.required,
        "distributions": {
            "before": {"filled": round(before, 4)},
            "after": {"filled": round(now, 4)},
        },
        "n_before": field.of_before,
        "n_after": field.of_now,
    }
    return Sight(Kind.FIELD_MISSING, field.pointer, detail=detail)


def _has_collapsed(field: _Field) -> bool:
    """Whether the share of payloads that fill a field is a fraction of what it was."""
    share, now = field.before.filled / field.of_before, field.now.filled
    table = _LABEL_COLLAPSES if field.is_label else _COLLAPSES
    rule = next(((n, left) for least, n, left in table if share >= least), None)
    if rule is None or field.of_now < rule[0] or now > rule[1] * share * field.of_now:
        return False
    return is_below(now, field.of_now, wilson(field.before.filled, field.of_before)[0])


def _is_unnamed(field: _Field) -> bool:
    """Whether a name is gone that nearly all payloads had; one that never had a value is not missed."""
    if field.is_label or field.now.named or field.before.named < _NAMED_SHARE * field.of_before:
        return False
    due = field.before.filled / field.of_before * field.of_now
    return due >= _VALUES_DUE and is_below(
        0, field.of_now, wilson(field.before.named, field.of_before)[0]
    )


def _type_changed(field: _Field) -> Sight | None:
    """Another JSON kind than before, which the contract may allow."""
    if field.before.filled < _FILLED_BEFORE or field.now.filled < _FILLED_NOW:
        return None
    kind = _arrived(field, _kind, _KIND_GAIN)
    if kind is None:
        return None
    before, now = _grouped(field.before, _kind), _grouped(field.now, _kind)
    return _sight(Kind.TYPE_CHANGED, field, max(before, key=lambda k: before[k]), kind, now)


def _form_changed(field: _Field) -> Sight | None:
    """Another form than before: of a value that platforms write, or of words that people write."""
    if field.before.filled < _FILLED_BEFORE or field.now.filled < _FILLED_NOW:
        return None
    form = _arrived(field, _form, _FORM_GAIN)
    if form is None:
        return None
    before, now = _grouped(field.before, _form), _grouped(field.now, _form)
    was = max(before, key=lambda f: before[f])
    if _is_format(was, form, field.now):
        return _sight(Kind.FORMAT_CHANGED, field, was, form, now)
    if field.before.filled < _MEANING_BEFORE or field.now.filled < _MEANING_NOW:
        return None
    return _sight(Kind.MEANING_SHIFTED, field, was, form, now)


def _is_format(was: str, form: str, now: Tally) -> bool:
    """Whether the same thing is written in another way; words for a number are another thing."""
    if form in _TREATED:
        return True
    if was == _WORDS:
        return False
    if form != _WORDS:
        return True
    latin = sum(n for name, n in now.classes.items() if name.startswith("string:latin:"))
    return (
        latin >= _MOSTLY * now.filled
    )  # a code in place of a number, such as a cipher or a handle


def _rescaled(field: _Field) -> Sight | None:
    """Numbers that gained or lost digits: 元 → 分, seconds → milliseconds."""
    before, now = _digits(field.before), _digits(field.now)
    if sum(before.values()) < _FILLED_BEFORE or sum(now.values()) < _FILLED_NOW:
        return None
    mine, theirs = mean_and_error(before), mean_and_error(now)
    shift = theirs[0] - mine[0]
    even = all(mean[1] ** 2 * n.total() < _EVEN**2 for mean, n in ((mine, before), (theirs, now)))
    if abs(shift) < _DIGITS_SHIFT or (now.total() < _DIGITS_FILLED and not even):
        return None
    if not means_differ(mine, theirs):
        return None
    sight = _sight(
        Kind.FORMAT_CHANGED,
        field,
        f"{mine[0]:.1f} digits",
        f"{theirs[0]:.1f} digits",
        _grouped(field.now, _form),
    )
    return Sight(sight.kind, sight.pointer, detail={**sight.detail, "scale": 10.0 ** round(shift)})


def _digits(tally: Tally) -> Counter[int]:
    """Digits → how often, of a field that holds mostly numbers; nought says nothing of the scale."""
    counts: Counter[int] = Counter()
    others = 0
    for name, count in tally.classes.items():
        digits = digits_of_class(name)
        if digits is None:
            others += count
        elif digits:
            counts[digits] += count
    return counts if counts.total() >= _MOSTLY * (counts.total() + others) else Counter()


def _arrived(field: _Field, group: Callable[[str], str], gain: float) -> str | None:
    """The group of classes that holds so much more of the values than before, None if there is none."""
    before, now = _grouped(field.before, group), _grouped(field.now, group)
    of_before, of_now = before.total(), now.total()
    if of_before < _FILLED_BEFORE or of_now < _FILLED_NOW:
        return None
    name, count = max(
        now.items(), key=lambda one: (one[1] / of_now - before[one[0]] / of_before, one)
    )
    if count / of_now - before[name] / of_before < gain:
        return None
    return name if is_above(count, of_now, wilson(before[name], of_before)[1]) else None


def _grouped(tally: Tally, group: Callable[[str], str]) -> Counter[str]:
    """Counts of groups; nought is left out: platforms write it where there is nothing."""
    counts: Counter[str] = Counter()
    for name, count in tally.classes.items():
        if digits_of_class(name) != 0:
            counts[group(name)] += count
    return counts


def _kind(name: str) -> str:
    """The JSON kind of a class; integers are numbers."""
    kind = kind_of_class(name)
    return "number" if kind == "integer" else kind


def _form(name: str) -> str:
    """What a class is written like, without lengths; words are one, whatever the script."""
    kind, _, form = name.partition(":")
    head = form.partition(":")[0]
    return _FORMS.get(head, head) if kind == "string" else _kind(name)


def _sight(kind: Kind, field: _Field, was: str, found: str, now: Counter[str]) -> Sight:
    """A sight with both distributions: of members where they may be shown, else of classes."""
    top = max(field.now.classes, key=lambda name: (field.now.classes[name], name))
    detail = {
        "expected": was,
        "found": found,
        "share": round(now[found] / max(1, now.total()), 4) if found in now else 1.0,
        "witness": described_class(top),
        "distributions": {"before": _top(field.before), "after": _top(field.now)},
        "n_before": field.before.filled,
        "n_after": field.now.filled,
    }
    return Sight(kind, field.pointer, detail=detail)


def _top(tally: Tally) -> dict[str, float]:
    counts = tally.members if sum(tally.members.values()) >= tally.filled else tally.classes
    total = max(1, sum(counts.values()))
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return {name: round(count / total, 4) for name, count in ranked[:_TOP]}
