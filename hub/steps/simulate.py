"""Run a simulated platform: leads that appear, and are pushed if somebody listens."""

from __future__ import annotations

import asyncio
import importlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connectors.base import connectors
from hub.connectors.simulation import described
from hub.errors import ConfigError

_TICK_S = 0.2
_BATCH = 500


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What a simulation does: `rate` leads a second until `count` (None: no end).

    `drift` comes with lead number `drift_after`. `star` pushes the platform's second kind of lead instead
    of its first (Douyin: creator marketing; Xiaohongshu: direct messages). `habits` are the fields of the
    platform's `Habits`; `constants` are added to every push.
    """

    rate: float = 1.0
    count: int | None = None
    seed: int = 1
    port: int = 0
    push_to: str | None = None
    star_share: float = 0.1
    drift: str | None = None
    drift_after: int = 0
    star: bool = False
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

    Raises:
        ConfigError: the platform has no lists, and nothing says where to push.
    """
    module = simulator_of(platform)
    simulator = module.Simulator(plan.seed, port=plan.port)
    if not hasattr(simulator.world, "add_star_clues"):
        if plan.star:
            raise ConfigError(f"--star: {platform} has no leads of creators")
        plan = replace(plan, star_share=0.0)
    simulator.world.use_drift(plan.drift, after=plan.drift_after)
    sender = _sender(module, simulator, plan)
    if sender is not None and plan.drift:
        _check_that_it_shows(module, plan)
    with simulator:
        if not simulator.url:
            plan = _without_lists(platform, plan)
        on_start(simulator)
        sent = asyncio.run(_play(sender, simulator.world, plan, stop))
        if plan.push_to is None:
            stop.wait()
        return SimulationReport(
            leads=len(simulator.clues),
            star_leads=len(getattr(simulator, "star_clues", ())),
            attempts=sent.attempts,
            acknowledged=sent.acknowledged,
            given_up=sent.given_up,
            calls=len(simulator.calls),
        )


def _without_lists(platform: str, plan: SimulationPlan) -> SimulationPlan:
    """The plan for a platform that only pushes: no lead is made for lists that there are not."""
    if plan.push_to is None:
        raise ConfigError(f"{platform} has no lists, it only pushes: say where with --push-to")
    return replace(plan, star_share=0.0)


def drifts_of(platform: str) -> str:
    """Every drift that a platform's simulator knows, one a line."""
    return described(simulator_of(platform).World.drifts)


def _check_that_it_shows(module: Any, plan: SimulationPlan) -> None:  # noqa: ANN401 -- a platform's own
    """Play the drift on a world of its own and look at one push.

    Raises:
        ConfigError: what is pushed is the same with and without the drift.
    """
    bodies = []
    for after in (1, 0):
        simulator = module.Simulator(plan.seed)
        simulator.world.use_drift(plan.drift, after=after)
        (lead,) = _add(simulator.world, 1, star=plan.star)
        bodies.append(_sender(module, simulator, plan).body(lead))
    if bodies[0] == bodies[1] and simulator.world.drift.rate == 1:
        other = "without --star" if plan.star else "with --star"
        raise ConfigError(f"{plan.drift} changes nothing in what is pushed; try {other}")


def _add(world: Any, count: int, *, star: bool) -> list[Any]:  # noqa: ANN401 -- a platform's World
    return list(world.add_star_clues(count, every_s=0.0) if star else world.add_clues(count))


@dataclass(frozen=True, slots=True)
class _Pace:
    """How many leads there should be after so many seconds; the drift changes how fast they come."""

    rate: float
    factor: float
    after: int

    def due(self, elapsed_s: float) -> int:
        """Leads that should have come by now, the first at once."""
        steady = int(elapsed_s * self.rate) + 1
        if steady <= self.after:
            return steady
        since_s = elapsed_s - self.after / self.rate
        return self.after + int(since_s * self.rate * self.factor + (self.factor > 0))

    def rate_at(self, made: int) -> float:
        """Leads a second once so many were made."""
        return self.rate * (self.factor if made >= self.after else 1.0) or self.rate

    def is_over(self, elapsed_s: float, count: int | None) -> bool:
        """Whether leads that stay away would all have come by now."""
        return count is not None and self.factor == 0 and elapsed_s * self.rate >= count


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
    factor = world.drift.rate if world.drift else 1.0
    pace = _Pace(plan.rate, factor, plan.drift_after if factor != 1.0 else 0)
    started = time.monotonic()
    made, star_due = 0, 0.0
    sending: set[asyncio.Task[Any]] = set()
    while not stop.is_set() and (plan.count is None or made < plan.count):
        elapsed_s = time.monotonic() - started
        if pace.is_over(elapsed_s, plan.count):
            break
        left = _BATCH if plan.count is None else min(_BATCH, plan.count - made)
        rate = pace.rate_at(made)
        leads = _add(world, max(0, min(pace.due(elapsed_s) - made, left)), star=plan.star)
        made += len(leads)
        star_due += 0 if plan.star else len(leads) * plan.star_share
        if star_due >= 1:
            world.add_star_clues(int(star_due))
            star_due -= int(star_due)
        if sender is not None and leads:
            task = asyncio.create_task(sender.send(leads, rate=rate))
            sending.add(task)
            task.add_done_callback(totals.add)
            task.add_done_callback(sending.discard)
        await asyncio.sleep(_TICK_S)
    await asyncio.gather(*sending)
    return totals
