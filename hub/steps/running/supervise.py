"""Child processes that are kept alive, and ended in good order.

Nothing is left behind: each child leads a process group that is ended with it, and is told to end when
we are killed. Everything here belongs to one thread, the main one: Linux tells children of the death
of the *thread* that started them.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from hub.steps.running.process_log import LogPump, RotatingLog
from hub.steps.running.restarts import Life, after_death, after_start, settled

POLL_S = 0.1
_PR_SET_PDEATHSIG = 1
_PUMP_WITHIN_S = 2.0

log = logging.getLogger("hub.supervise")
What = Literal["started", "died", "back", "crashing"]


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to keep alive.

    `group` is ended at once, in the order in which groups are asked to stop. `environment` is added
    to ours. `is_ready` tells whether it does its work; without one it does as soon as it runs.
    `after` names a process that has to be ready before this one is started for the first time.
    """

    name: str
    argv: tuple[str, ...]
    group: str = ""
    address: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    is_ready: Callable[[], bool] | None = None
    after: str = ""
    stop_within_s: float = 15.0


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """What became of a child. `seconds`: the pause before the next start, or how long it was away."""

    name: str
    what: What
    pid: int
    status: int | None = None
    seconds: float = 0.0


class Child:
    """One process by name, started as often as need be."""

    def __init__(self, spec: ProcessSpec, folder: Path | None) -> None:
        self.spec = spec
        self.life = Life(time.monotonic())
        self.is_ready = False
        self.died_at: float | None = None
        self.start_at: float | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.log = RotatingLog(folder / f"{spec.name}.log") if folder else None
        self._pump: LogPump | None = None

    @property
    def pid(self) -> int:
        """Of the running process, or of the last one; 0 before the first."""
        return self.process.pid if self.process else 0

    def start(self) -> None:
        """Start it; that it could not be started is found out like a death."""
        self.start_at = None
        self.is_ready = False
        self.life = after_start(self.life, time.monotonic())
        try:
            self._spawn()
        except OSError as error:
            log.warning("%s cannot be started: %s", self.spec.name, error.strerror)
            self.process = None

    def status(self) -> int | None:
        """`None` while it runs, else how it ended; 127 if it could not be started."""
        return self.process.poll() if self.process else 127

    def ask_to_stop(self) -> None:
        """Tell it to end in good order."""
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def end_group(self) -> None:
        """Kill whatever is left of its process group."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            log.debug("nothing is left of %s", self.spec.name)
        self.process.wait()

    def finish_log(self) -> None:
        """Wait a moment until what it said last is written."""
        if self._pump is not None:
            self._pump.join(_PUMP_WITHIN_S)

    def _spawn(self) -> None:
        die_with_us = _death_signal()
        output = subprocess.PIPE if self.log else None
        self.process = subprocess.Popen(  # noqa: S603 -- our own command line
            self.spec.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if self.log else None,
            start_new_session=True,
            env={**os.environ, **self.spec.environment},
            preexec_fn=die_with_us,
        )
        if self.log and self.process.stdout:
            self._pump = LogPump(os.dup(self.process.stdout.fileno()), self.log)
            self.process.stdout.close()
            self._pump.start()


class Supervisor:
    """Children by name. `tick` it often: it starts them, and again what died, for ever, ever more slowly.

    Args:
        specs: What to keep alive.
        logs: The folder of their output; `None`: they write where we write.
        tell: Gets one event for each death, each return, and when deaths are too many.
    """

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        logs: Path | None,
        tell: Callable[[ProcessEvent], None],
    ) -> None:
        self.children: list[Child] = []
        self._logs = logs
        self._tell = tell
        self._stopped: set[str] = set()
        self.add(specs)

    def add(self, specs: Sequence[ProcessSpec]) -> None:
        """Keep these alive, too; `tick` starts them."""
        made = [Child(spec, self._logs) for spec in specs]
        for child in made:
            child.start_at = time.monotonic()
        self.children = [*self.children, *made]

    @property
    def is_ready(self) -> bool:
        """Whether all of them do their work."""
        return all(child.is_ready for child in self.children)

    def lives(self) -> dict[str, Life]:
        """How each has fared until now; may be asked by any thread."""
        return {child.spec.name: child.life for child in self.children}

    def tick(self) -> None:
        """Look at each once: start again what died and has waited long enough."""
        for child in self.children:
            if child.spec.group in self._stopped:
                continue
            if child.start_at is not None:
                self._start_if_due(child, child.start_at)
            elif (status := child.status()) is not None:
                self._died(child, status)
            elif not child.is_ready:
                self._look_whether_ready(child)
            child.life = settled(child.life, time.monotonic())

    def stop(self, group: str, is_hurried: Callable[[], bool] = lambda: False) -> None:
        """End the children of a group in good order; who is late, or all once hurried, are killed."""
        self._stopped.add(group)
        ending = [child for child in self.children if child.spec.group == group]
        for child in ending:
            child.ask_to_stop()
        began = time.monotonic()
        for child in ending:
            deadline = began + child.spec.stop_within_s
            while child.status() is None and time.monotonic() < deadline and not is_hurried():
                time.sleep(POLL_S)
            if child.status() is None:
                log.warning("%s did not end in time and is killed", child.spec.name)
            child.end_group()
            child.finish_log()

    def kill(self) -> None:
        """End everything at once."""
        for group in {child.spec.group for child in self.children}:
            self.stop(group, lambda: True)

    def _start_if_due(self, child: Child, start_at: float) -> None:
        is_first = child.process is None
        if time.monotonic() < start_at or (is_first and not self._is_ready(child.spec.after)):
            return
        child.start()
        if is_first:
            self._tell(ProcessEvent(child.spec.name, "started", child.pid))

    def _is_ready(self, name: str) -> bool:
        return all(child.is_ready for child in self.children if child.spec.name == name)

    def _died(self, child: Child, status: int) -> None:
        pid, now = child.pid, time.monotonic()
        child.end_group()
        was_crashing = child.life.crashing
        child.life, pause_s = after_death(child.life, now)
        child.died_at = child.died_at or now
        child.start_at = now + pause_s
        self._tell(ProcessEvent(child.spec.name, "died", pid, status, pause_s))
        if child.life.crashing and not was_crashing:
            self._tell(ProcessEvent(child.spec.name, "crashing", pid, status))
        if not pause_s:
            child.start()

    def _look_whether_ready(self, child: Child) -> None:
        if child.spec.is_ready is not None and not child.spec.is_ready():
            return
        child.is_ready = True
        if child.died_at is not None:
            away_s = time.monotonic() - child.died_at
            child.died_at = None
            self._tell(ProcessEvent(child.spec.name, "back", child.pid, seconds=away_s))


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """A list that fills with the signals that ask us to stop.

    Started with `&` from a script we inherit an ignored SIGINT, and so would the children, who then
    ignore SIGTERM, too (Dagster hands it to the same handler): a handler of ours undoes both.
    """
    received: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        received.append(number)

    old: dict[signal.Signals, Any] = {
        number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@cache
def _death_signal() -> Callable[[], None] | None:
    """What runs in a new child: even a killed parent takes it along (Linux only).

    The library is loaded here, in the parent: between fork and exec no lock may be waited for.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def die_with_us() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return die_with_us
