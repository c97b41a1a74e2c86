"""The rules of identity as data: which keys are strong, how long a number is one person's, what stops a key.

A change of these numbers is a new version of the rules: it changes who is one person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hub.model.lead import KeyKind

VERSION = "2"
_DAY_S = 86_400
PIN = 0xF0
"""The first byte of a pin: a key that a person's decision gave a lead, and that only its side has."""
_KIND = 0x3F


def kind_of(key: bytes) -> int:
    """The kind of a blind key. While the blind index is rotated, bit 0x40 of the first byte tells one index
    key's generation from the next."""
    return key[0] & _KIND


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """`window_s`: two leads with the same mobile are one person only if a chain of leads with it links them
    that is never silent for longer, by the leads' own times: numbers are given out again. `rest_s`: after a
    silence longer than this, other names than before mean the next owner already; a carrier rests a number for
    90 days. `most`: with more
    values of a kind than this beside it, a weak key is several persons' and joins nobody. `only_judge`: kinds
    that join nobody and are only counted: one person's leads bear several names (a child's, 张先生, a nickname),
    a shop's phone bears many."""

    window_s: int = 730 * _DAY_S
    rest_s: int = 180 * _DAY_S
    windowed: frozenset[int] = frozenset({KeyKind.MOBILE})
    weak: frozenset[int] = frozenset({KeyKind.MOBILE, KeyKind.EMAIL})
    most: Mapping[int, int] = field(
        default_factory=lambda: {KeyKind.ID_NUMBER: 2, KeyKind.UNIONID: 3, KeyKind.NAME: 8}
    )
    only_judge: frozenset[int] = frozenset({KeyKind.NAME})

    def joins(self, key: bytes) -> bool:
        """Whether a key may join two leads at all."""
        return kind_of(key) not in self.only_judge

    def is_weak(self, key: bytes) -> bool:
        """Whether a key may be shared by several persons."""
        return kind_of(key) in self.weak

    def judges(self, key: bytes) -> bool:
        """Whether a key tells persons apart, so that many of them beside a weak one stop it."""
        return kind_of(key) in self.most

    def has_ends(self, key: bytes) -> bool:
        """Whether a key may pass to another person after a long silence."""
        return kind_of(key) in self.windowed

    def disagree(self, names: Iterable[bytes], others: Iterable[bytes]) -> bool:
        """Whether what stood beside a key before and after a silence names different people: both sides have
        names and none is on both. While the blind index is rotated, a name that stands under the index key before
        is not one of those that were moved, so the two can be told apart as they stand."""
        before = {key for key in names if not self.joins(key)}
        after = {key for key in others if not self.joins(key)}
        kinds = {kind_of(name) for name in before} & {kind_of(name) for name in after}
        return before.isdisjoint(after) and bool(kinds)

    def is_shared(self, beside: Iterable[bytes]) -> bool:
        """Whether the strong keys that stood beside a weak one are more than one person's."""
        counts: dict[int, int] = {}
        for key in set(beside):
            counts[kind_of(key)] = counts.get(kind_of(key), 0) + 1
        return any(count > self.most.get(kind, count) for kind, count in counts.items())


RULES = IdentityRules()
