"""What a source is known to look like, what came since, and when the one becomes the other. Pure.

A window becomes known only after the next one was judged, too: a change that begins in the middle of a window may
be too thin in it to be told, and must not be learned before the window that shows it alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hub.drift.judge import judge
from hub.drift.kinds import Sight
from hub.drift.profile import Profile

# A source is known after so many profiled records; a window has at least so many.
KNOWN_AFTER: Final = 200
WINDOW_RECORDS: Final = 200
# Old habits fade: past so many records what is known counts half.
_FADES_PAST: Final = 20_000
# Under a new version what was known counts as this many at most, so that fields it brought are soon known.
_KEPT_OF_A_VERSION: Final = 400


@dataclass(slots=True)
class Memory:
    """One source's entity. `waiting` is the window before `recent`, judged and not yet part of `baseline`."""

    baseline: Profile = field(default_factory=Profile)
    waiting: Profile = field(default_factory=Profile)
    recent: Profile = field(default_factory=Profile)

    def add(self, profile: Profile) -> None:
        """Take in what came; it is known at once as long as the source is not."""
        self.recent.merge(profile)
        if self.baseline.records < KNOWN_AFTER:
            self.baseline.merge(self.recent)
            self.recent = Profile()

    def judge(self, contract: Mapping[str, Any], containers: Collection[str]) -> list[Sight]:
        """What the recent window shows to have changed."""
        return judge(self.baseline, self.recent, contract, containers)

    def learn(self, pointers: Collection[str]) -> None:
        """A person knows of it: what these fields are now is what they are."""
        self.baseline = self.baseline.without(pointers)
        self.waiting = self.waiting.without(pointers)

    def roll(self, *, is_changed: bool, is_old: bool = False) -> bool:
        """If the window is full (or old) begin the next one; whether it did.

        While something is changed and nobody has decided, nothing is learned: the window and the one that
        waits are dropped, half of what came is judged again.
        """
        if not (is_old or self.recent.records >= WINDOW_RECORDS):
            return False
        if is_changed:
            self.waiting, self.recent = Profile(), self.recent.scaled(0.5)
            return True
        self.baseline.merge(self.waiting)
        self.waiting, self.recent = self.recent, Profile()
        if self.baseline.records > _FADES_PAST:
            self.baseline = self.baseline.scaled(0.5)
        return True

    def renew(self) -> None:
        """Another version is live: it counts what was known for less."""
        if self.baseline.records:
            share = min(1.0, _KEPT_OF_A_VERSION / self.baseline.records)
            self.baseline = self.baseline.scaled(share)
        self.waiting = Profile()
