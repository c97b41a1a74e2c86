"""What the network must add to a record before it can be mapped: asks, answers, and who can answer.

A WeCom event carries no name; a phone of 来客 may be readable by an online call only. Such a record waits,
a resolver asks the platform, and what it says is kept in the record under `resolved`, beside the payload
as it came: so a replay needs no network, and the archive says what was known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from hub.settings import SourceSettings

RESOLVED = "resolved"
"""The key of a payload under which a resolver's answer stands."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One record that waits: its entity, its payload (a JSON object), and the word for what it needs."""

    entity: str
    payload: Mapping[str, Any]
    needs: str


@dataclass(frozen=True, slots=True)
class Found:
    """What the platform said: goes into the payload under `resolved`.

    With `again_s` the record is loaded as it is now and asked about once more after that many seconds: a
    masked phone is better than no lead until the quota of the next day.
    """

    resolved: Mapping[str, Any]
    again_s: float | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: the record waits on. `after_s` None leaves the pause to the resolver; `counts` is false for
    what is nobody's failure (a quota that is used up)."""

    reason: str
    after_s: float | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Never:
    """The platform will not say it; the record is held as `unresolved` with this reason."""

    reason: str


Answer = Found | Later | Never


class Quota(Protocol):
    """A platform's daily allowance, shared by all processes and kept over restarts."""

    async def take(self, name: str, wanted: int, *, limit: int, day: date) -> int:
        """How many of `wanted` may be used; they count as used from now on. `day` is the platform's day."""
        ...


class ResolveConnector(Protocol):
    """A connector some of whose records need the network."""

    ask_size: int
    """How many records `resolve` takes at most at once."""

    def needs(self, entity: str, payload: Mapping[str, Any], source: SourceSettings) -> str | None:
        """The word for what this payload lacks (`contact`, `phone`), None if it can be mapped as it is.

        Pure and fast: it is asked about every record. A payload with `resolved` in it may still need
        nothing more, or another thing.
        """
        ...

    def answer_key(self, ask: Ask, source: SourceSettings) -> str | None:
        """What two asks share whose answer is the same (the ciphertext of a phone), None if each stands alone.

        The resolver keeps only a keyed digest of it, so that a lead that is pulled again costs no quota.
        """
        ...

    async def resolve(
        self,
        session: Any,  # noqa: ANN401 -- each connector defines its own session
        asks: Sequence[Ask],
        source: SourceSettings,
    ) -> Sequence[Answer]:
        """One answer for each ask, in order.

        Raises:
            TransientError, PlatformRejectedError, AuthorizationLostError: for all of them; they wait on.
        """
        ...
