"""The part of the simulated platform that is 本地推 and 来客: leads, client tokens, encrypted phones.

Every method may be called from any thread.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeVar

from hub.connectors.douyin import crypto
from hub.connectors.douyin.simulator.behaviour import Behaviour, Clock, Trouble
from hub.connectors.douyin.simulator.local_people import (
    SimulatedLaikeClue,
    SimulatedLifeClue,
    a_laike_clue,
    a_life_clue,
    masked,
)
from hub.connectors.douyin.simulator.people import SHANGHAI

Clue = TypeVar("Clue", SimulatedLifeClue, SimulatedLaikeClue)
Encryption = Literal["", "online", "local"]
_MINUTE = timedelta(minutes=1)
# The platform's words are known, the codes under which it says them are not.
_BUSY_CODE, _BUSY = 2119003, "请求太频繁"
_OVER_QUOTA = "今日解密额度已用完"


class LocalWorld:
    """本地推 account, 来客 account and the application of the open platform that may read the latter."""

    def __init__(
        self,
        seed: int,
        *,
        clock: Clock,
        lock: AbstractContextManager[Any],
        behaviour: Callable[[], Behaviour],
    ) -> None:
        self.seed = seed
        self.local_account_id = "1810000000000001"
        self.laike_account_id = "7100000000000000001"
        self.client_key = f"awdemo{seed:06d}"
        self.client_secret = f"demo_client_secret_{seed:013d}"
        self.life_clues: list[SimulatedLifeClue] = []
        self.laike_clues: list[SimulatedLaikeClue] = []
        self.decrypted: Counter[date] = Counter()
        self._clock, self._lock, self._behaviour = clock, lock, behaviour
        self._phones: dict[str, str] = {}
        self._tokens: dict[str, datetime] = {}
        self._called: deque[datetime] = deque()
        self._issued = 0

    # Leads

    def add_life_clues(
        self, count: int, *, created_at: datetime | None = None, every_s: float = 0.0
    ) -> list[SimulatedLifeClue]:
        """`count` new leads of 本地推, the first created at `created_at` (default now)."""
        with self._lock:
            start, account = len(self.life_clues), self.local_account_id
            added = [
                a_life_clue(self.seed, start + place, account, at, visible_at)
                for place, (at, visible_at) in enumerate(self._times(count, created_at, every_s))
            ]
            self.life_clues.extend(added)
            return added

    def add_laike_clues(
        self,
        count: int,
        *,
        created_at: datetime | None = None,
        every_s: float = 0.0,
        encrypted: Encryption = "",
    ) -> list[SimulatedLaikeClue]:
        """`count` new leads of 来客, their phones plain, `Enc.…` or encrypted with the secret."""
        with self._lock:
            start, account = len(self.laike_clues), self.laike_account_id
            added = []
            for place, (at, visible_at) in enumerate(self._times(count, created_at, every_s)):
                clue = a_laike_clue(self.seed, start + place, account, at, visible_at)
                added.append(replace(clue, cipher=self._cipher(clue.telephone, encrypted)))
            self.laike_clues.extend(added)
            return added

    def refund(self, number: int) -> None:
        """本地推 lead `number` gives its 团购 back: its phone is masked from now on."""
        with self._lock:
            self.life_clues[number] = replace(self.life_clues[number], refunded=True)

    def list_life_clues(
        self, accounts: Sequence[str], start: datetime, end: datetime
    ) -> list[SimulatedLifeClue]:
        """What `clue/life/get` shows now, newest first."""
        with self._lock:
            self.add_life_clues(self._behaviour().clues_per_call)
            mine = [clue for clue in self.life_clues if clue.local_account_id in accounts]
        return self._shown(mine, start, end)

    def list_laike_clues(
        self, account: str, start: datetime, end: datetime
    ) -> list[SimulatedLaikeClue]:
        """What `crm/clue/query` counts now, newest first; it shows no more than `laike_cap` of them."""
        with self._lock:
            self.add_laike_clues(self._behaviour().clues_per_call)
            mine = [clue for clue in self.laike_clues if clue.account_id == account]
        return self._shown(mine, start, end)

    def _times(
        self, count: int, created_at: datetime | None, every_s: float
    ) -> list[tuple[datetime, datetime]]:
        first = created_at or self._clock()
        lag = timedelta(seconds=self._behaviour().visible_after_s)
        times = [first + timedelta(seconds=place * every_s) for place in range(count)]
        return [(at, at + lag) for at in times]

    def _shown(self, clues: list[Clue], start: datetime, end: datetime) -> list[Clue]:
        now, behaviour = self._clock(), self._behaviour()
        shown = [
            clue
            for clue in clues
            if clue.visible_at <= now and behaviour.is_between(clue.created_at, start, end)
        ]
        return sorted(shown, key=lambda clue: (clue.created_at, clue.number), reverse=True)

    # Client tokens

    def issue(self, key: object, secret: object) -> str | Trouble:
        """A client token for the application's secret."""
        with self._lock:
            if (key, secret) != (self.client_key, self.client_secret):
                return Trouble(10003)
            self._issued += 1
            token = hashlib.sha256(f"clt:{self.seed}:{self._issued}".encode()).hexdigest()[:40]
            lifetime = timedelta(seconds=self._behaviour().client_lifetime_s)
            self._tokens[token] = self._clock() + lifetime
            return token

    def expire_tokens(self) -> None:
        """Every client token is too old from now on."""
        with self._lock:
            past = self._clock() - timedelta(seconds=1)
            self._tokens = dict.fromkeys(self._tokens, past)

    def check_token(self, token: str) -> Trouble | None:
        """What is wrong with a client token."""
        with self._lock:
            if token not in self._tokens:
                return Trouble(2190002)
            return Trouble(2190008) if self._tokens[token] < self._clock() else None

    def check_pace(self) -> Trouble | None:
        """Whether the application asks too often."""
        with self._lock:
            now = self._clock()
            while self._called and self._called[0] <= now - _MINUTE:
                self._called.popleft()
            self._called.append(now)
            is_busy = len(self._called) > self._behaviour().laike_per_minute
            return Trouble(_BUSY_CODE, said=_BUSY) if is_busy else None

    # Phones

    def decrypt(self, ciphers: Sequence[str], *, mask: bool) -> list[dict[str, Any]]:
        """One result for each ciphertext; a whole number counts against the quota of the day."""
        with self._lock:
            return [self._decrypted(text, mask=mask) for text in ciphers]

    def _decrypted(self, text: str, *, mask: bool) -> dict[str, Any]:
        phone = self._phones.get(text)
        if phone is None:
            return _failed(text, "密文不合法")
        if mask:
            return _read(text, masked(phone))
        today = self._clock().astimezone(SHANGHAI).date()
        quota = self._behaviour().decrypt_quota
        if quota is not None and self.decrypted[today] >= quota:
            return _failed(text, _OVER_QUOTA)
        self.decrypted[today] += 1
        return _read(text, phone)

    def _cipher(self, phone: str, encrypted: Encryption) -> str:
        if encrypted == "":
            return ""
        if encrypted == "local":
            key = crypto.key_of(self.client_secret.encode(), self._behaviour().pad_first)
            return crypto.encrypt(phone, key)
        digest = hashlib.sha256(f"enc:{self.seed}:{phone}".encode()).hexdigest()
        text = f"{crypto.ONLINE_PREFIX}{digest[:32]}"
        self._phones[text] = phone
        return text


def _read(text: str, plain: str) -> dict[str, Any]:
    return {"cipher_text": text, "plain_text": plain, "is_success": True, "error_msg": ""}


def _failed(text: str, why: str) -> dict[str, Any]:
    return {"cipher_text": text, "plain_text": "", "is_success": False, "error_msg": why}
