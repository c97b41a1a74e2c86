"""The simulated corp's state: relations, tokens, faults. No HTTP here.

Every method may be called from any thread: the server answers in its own, tests look in from theirs.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.connectors.simulation import DriftingWorld
from hub.connectors.wecom.crypto import aes_key
from hub.connectors.wecom.simulator.drifts import DRIFTS
from hub.connectors.wecom.simulator.people import MEMBERS, SimulatedRelation, a_relation

Clock = Callable[[], datetime]

TOKEN_LIFETIME_S = 7200
_CALLS_KEPT = 10_000


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the corp's API: path and the code it was answered with."""

    path: str
    code: int


class World(DriftingWorld):
    """One corp: fill it with `add_clues`, break it with `fail_next`, `expire_token` and `leave`.

    `app_secret` is both the Secret of the application and the Token of its callback; `aes_key_text` the
    EncodingAESKey.
    """

    drifts = DRIFTS

    def __init__(
        self, seed: int = 1, *, clock: Clock = utc_now, corp_id: str = "ww0123456789abcdef"
    ) -> None:
        super().__init__()
        self.seed = seed
        self.clock = clock
        self.corp_id = corp_id
        self.members: Sequence[str] = MEMBERS
        self.app_secret = f"demoWecomSecret{seed}"
        digest = hashlib.sha256(f"aes:{seed}".encode()).digest()
        self.aes_key_text = base64.b64encode(digest).decode().rstrip("=")
        self.clues: list[SimulatedRelation] = []
        self.calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        self.lock = threading.RLock()
        self._gone: set[str] = set()
        self._faults: defaultdict[str, deque[int]] = defaultdict(deque)
        self._token = ("", clock())
        self._issued = 0

    @property
    def aes_key(self) -> bytes:
        """The key of callbacks."""
        return aes_key(self.aes_key_text)

    def add_clues(self, count: int, *, every_s: float = 0.0) -> list[SimulatedRelation]:
        """`count` new relations, the first now, the others `every_s` apart."""
        with self.lock:
            first, start = self.clock(), len(self.clues)
            added = [
                a_relation(
                    self.seed, start + n, self.corp_id, first + timedelta(seconds=n * every_s)
                )
                for n in range(count)
            ]
            self.clues.extend(added)
            return added

    def followers(self, external_userid: str) -> list[SimulatedRelation]:
        """The relations of one customer; none if he left."""
        with self.lock:
            if external_userid in self._gone:
                return []
            return [one for one in self.clues if one.external_userid == external_userid]

    def customers_of(self, members: Sequence[str]) -> list[SimulatedRelation]:
        """The relations of some members, oldest first."""
        with self.lock:
            present = [one for one in self.clues if one.external_userid not in self._gone]
            return [one for one in present if one.userid in members]

    def leave(self, external_userid: str) -> None:
        """A customer deletes every member."""
        with self.lock:
            self._gone.add(external_userid)

    def shown(self, payload: dict[str, Any], number: int) -> dict[str, Any]:
        """A part of an answer as it is shown now, drift included."""
        return self.drifted(payload, number)

    def issue_token(self, secret: str) -> str | None:
        """The token for the Secret, the same one while it lives; None for another secret."""
        with self.lock:
            if secret != self.app_secret:
                return None
            token, until = self._token
            if until <= self.clock():
                self._issued += 1
                token = hashlib.sha256(f"{self.seed}:{self._issued}".encode()).hexdigest()
                self._token = (token, self.clock() + timedelta(seconds=TOKEN_LIFETIME_S))
            return token

    def expire_token(self) -> None:
        """The token dies now, before its time."""
        with self.lock:
            self._token = (self._token[0], self.clock() - timedelta(seconds=1))

    def token_trouble(self, token: str) -> int:
        """The code that a call with this token is answered with, 0 if it is good."""
        with self.lock:
            known, until = self._token
            if not token:
                return 41001
            if token != known:
                return 40014
            return 42001 if until <= self.clock() else 0

    def fail_next(self, path: str, code: int, *, times: int = 1) -> None:
        """Answer the next calls to `path` with `code`: -1 busy, 45009 too often …"""
        with self.lock:
            self._faults[path].extend([code] * times)

    def planned_fault(self, path: str) -> int:
        """The next planned code of a path, 0 for none."""
        with self.lock:
            return self._faults[path].popleft() if self._faults[path] else 0

    def note_call(self, path: str, code: int) -> None:
        """Remember an answered call."""
        with self.lock:
            self.calls.append(Call(path, code))
