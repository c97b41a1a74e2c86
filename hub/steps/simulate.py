"""Run a simulated platform: leads that appear, and are pushed if somebody listens."""

from __future__ import annotations

import asyncio
import importlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.connectors.base import connectors
from hub.errors import ConfigError

_TICK_S = 0.2
_BATCH = 500


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What a simulation does: `rate` leads a second until `count` (None: no end).

    `habits` are the fields of the platform's `Habits`; `constants` are added to every push.
    """

    rate: float = 1.0
    count: int | None = None
    seed: int = 1
    port: int = 0
    push_to: str | None = None
    star_share: float = 0.1
    drift: str | None = None
    habits: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """What was made, and what the sender's own list says was acknowledged."""

    leads: int
    star_leads: int
    attempts: int
    acknowledged: int
    given_up: int
    calls: int


def simulator_of(platform: str) -> Any:  # noqa: ANN401 -- a module
    """The simulator module of a platform.

    Raises:
        ConfigError: the platform is not installed, or has none.
    """
    name = f"hub.connectors.{platform}.simulator"
    try:
        if platform in connectors():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    raise ConfigError(f"there is no simulator for {platform!r}; try `hub simulate douyin`")


def simulate(
    platform: str,
    plan: SimulationPlan,
    *,
    stop: threading.Event,
    on_start: Callable[[Any], None] = lambda _: None,
) -> SimulationReport:
    """Run until `count` leads are made and sent, or until `stop` is set; then the server ends.

    Without `push_to` leads only appear in the lists; then it goes on answering until `stop`.
    """
    module = simulator_of(platform)
    simulator = module.Simulator(plan.seed, port=plan.port)
    simulator.world.use_drift(plan.drift)
    with simulator:
        on_start(simulator)
        sender = _sender(module, simulator, plan)
        sent = asyncio.run(_play(sender, simulator.world, plan, stop))
        if plan.push_to is None:
            stop.wait()
        return SimulationReport(
            leads=len(simulator.clues),
            star_leads=len(simulator.star_clues),
            attempts=sent.attempts,
            acknowledged=sent.acknowledged,
            given_up=sent.given_up,
            calls=len(simulator.calls),
        )


@dataclass(slots=True)
class _Totals:
    """Sums over what the sender has reported so far."""

    attempts: int = 0
    acknowledged: int = 0
    given_up: int = 0

    def add(self, task: asyncio.Task[Any]) -> None:
        """Take in a finished batch; one that was cancelled or broke shows when it is awaited."""
        if task.cancelled() or task.exception() is not None:
            return
        report = task.result()
        self.attempts += report.attempts
        self.acknowledged += report.acknowledged
        self.given_up += len(report.given_up)


def _sender(module: Any, simulator: Any, plan: SimulationPlan) -> Any:  # noqa: ANN401 -- a platform's own
    if plan.push_to is None:
        return None
    habits = module.Habits(**plan.habits)
    return module.PushSender(
        simulator.world, plan.push_to, constants=plan.constants, habits=habits
    )


async def _play(
    sender: Any,  # noqa: ANN401 -- a platform's PushSender, or None
    world: Any,  # noqa: ANN401 -- and its World
    plan: SimulationPlan,
    stop: threading.Event,
) -> _Totals:
    """Make leads at the plan's rate, a few times a second, each batch pushed while the next is made."""
    totals = _Totals()
    started = time.monotonic()
    made, star_due = 0, 0.0
    sending: set[asyncio.Task[Any]] = set()
    while not stop.is_set() and (plan.count is None or made < plan.count):
        due = int((time.monotonic() - started) * plan.rate) + 1 - made
        left = _BATCH if plan.count is None else min(_BATCH, plan.count - made)
        clues = world.add_clues(max(0, min(due, left)))
        made += len(clues)
        star_due += len(clues) * plan.star_share
        world.add_star_clues(int(star_due))
        star_due -= int(star_due)
        if sender is not None and clues:
            task = asyncio.create_task(sender.send(clues, rate=plan.rate))
            sending.add(task)
            task.add_done_callback(totals.add)
            task.add_done_callback(sending.discard)
        await asyncio.sleep(_TICK_S)
    await asyncio.gather(*sending)
    return totals
