"""The simulated platform's state: flows, faults, calls. No HTTP here. Every method may be called from any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.connectors.esign.simulator.drifts import DRIFTS
from hub.connectors.esign.simulator.flows import SimulatedFlow, a_flow
from hub.connectors.simulation import DriftingWorld

Clock = Callable[[], datetime]
_CALLS_KEPT = 10_000


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: path, the code it was answered with, the HTTP status."""

    path: str
    code: int
    status: int


class World(DriftingWorld):
    """One application: fill it with `add_clues`, break it with `fail_next`, make it forget with `forget`."""

    drifts = DRIFTS

    def __init__(self, seed: int = 1, *, clock: Clock = utc_now) -> None:
        super().__init__()
        self.seed = seed
        self.clock = clock
        self.app_id = "7438000001"
        self.app_secret = f"demo_app_secret_{seed:04d}"
        self.clues: list[SimulatedFlow] = []
        self.calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        self.lock = threading.RLock()
        self._forgotten: set[str] = set()
        self._faults: deque[tuple[int, int]] = deque()

    def add_clues(self, count: int, *, every_s: float = 0.0) -> list[SimulatedFlow]:
        """`count` new flows, the first begun now, the others `every_s` apart."""
        with self.lock:
            first, start = self.clock(), len(self.clues)
            added = [
                a_flow(self.seed, start + n, first + timedelta(seconds=n * every_s))
                for n in range(count)
            ]
            self.clues.extend(added)
            return added

    def known(self) -> list[SimulatedFlow]:
        """Every flow that the platform still has, oldest first."""
        with self.lock:
            return [flow for flow in self.clues if flow.flow_id not in self._forgotten]

    def forget(self, flow_id: str) -> None:
        """The platform does not know this flow any more."""
        with self.lock:
            self._forgotten.add(flow_id)

    def shown(self, payload: dict[str, Any], number: int) -> dict[str, Any]:
        """A part of an answer or callback as it is shown now, drift included."""
        return self.drifted(payload, number)

    def fail_next(self, *, code: int = 0, status: int = 200, times: int = 1) -> None:
        """Answer the next calls with this code and HTTP status."""
        with self.lock:
            self._faults.extend([(code, status)] * times)

    def planned_fault(self) -> tuple[int, int] | None:
        """The fault that was planned for this call."""
        with self.lock:
            return self._faults.popleft() if self._faults else None

    def note_call(self, path: str, code: int, status: int) -> None:
        """Remember an answered call."""
        with self.lock:
            self.calls.append(Call(path, code, status))
