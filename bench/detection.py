"""What detection costs: CPU seconds of loading with it and without it, batch by batch in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from bench import pages
from bench.figures import Bar, Spread, median_interval
from bench.report import Check, Section, Table
from bench.stage import Stage, count
from hub.database.engine import make_engine
from hub.model.delivery import Delivery, Via
from hub.steps.drift.watch import Watch
from hub.steps.load import Loader

_ABOUT = (
    "{count:,} queued leads a run, once as webhooks of one lead and once as pages of {page} (50 fields a lead). "
    "Each pair empties two copies of the same queue in one process, a batch of one and a batch of the other in "
    "turns, so that both meet the machine at the same speed: one loader with `detect_drift`, one without, each with "
    "its evaluator. CPU seconds are those of the process (`time.process_time`); PostgreSQL's are not in them, it "
    "gets one row a source and five seconds. The interval is that of the median ({confidence:.0%} by order statistics)."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many pairs, how many leads."""

    pairs: int
    count: int


@dataclass(slots=True)
class _Side:
    """One loader of a pair."""

    loader: Loader
    watch: Watch
    spent_s: float = 0.0
    is_done: bool = False

    def step(self) -> None:
        """One batch, and what the loader's evaluator does after it."""
        before = time.process_time()
        self.is_done = self.loader.run_once() is None
        self.watch.tick()
        self.spent_s += time.process_time() - before


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `detection`."""
    confidence = median_interval([0.0] * plan.pairs)[2]
    section = Section(
        "detection",
        "Cost of detection",
        _ABOUT.format(count=plan.count, page=pages.PAGE, confidence=confidence),
    )
    rows: list[list[str]] = []
    for number, (title, deliveries) in enumerate(_queues(stage, plan)):
        template = f"bench_detection_{number}"
        stage.template(template, partial(_fill, deliveries))
        _pair(
            stage, plan, template, 0, []
        )  # the first one pays for what is loaded and compiled once
        pairs = [_pair(stage, plan, template, turn, section.checks) for turn in range(plan.pairs)]
        shares = [with_s / without_s - 1 for with_s, without_s in pairs]
        low, high, _ = median_interval(shares)
        middle = Spread.of(shares).median
        rows.append(
            [title, _micros([w for _, w in pairs], plan), _micros([w for w, _ in pairs], plan),
             f"{middle:+.1%} ({low:+.1%} … {high:+.1%})"]
        )  # fmt: skip
        section.bars.append(
            Bar(f"{title}: detection's share of loading CPU, %", 5, 100 * middle, at_least=False)
        )
        section.raw[title] = pairs
        say(f"detection, {title}: {middle:+.1%} ({low:+.1%} … {high:+.1%})")
    section.tables.append(
        Table(["CPU µs a lead, medians", "without", "with", "more (interval)"], rows)
    )
    return section


def _fill(deliveries: Callable[[], Iterator[Delivery]], url: str) -> None:
    pages.fill(url, deliveries())


def _queues(stage: Stage, plan: Plan) -> list[tuple[str, Callable[[], Iterator[Delivery]]]]:
    return [
        ("webhooks", lambda: iter(pages.pushes(stage, plan.count))),
        (f"pages of {pages.PAGE}", lambda: iter(pages.pages(stage, plan.count, Via.PULL))),
    ]


def _micros(seconds: list[float], plan: Plan) -> str:
    return f"{1e6 * Spread.of(seconds).median / plan.count:.1f}"


def _pair(
    stage: Stage, plan: Plan, template: str, turn: int, checks: list[Check]
) -> tuple[float, float]:
    """CPU seconds with detection and without; in turns which of the two goes first."""
    with ExitStack() as stack:
        urls = [stack.enter_context(stage.database(template)) for _ in range(2)]
        sides = [
            _side(stage, url, stack, detects=detects)
            for url, detects in zip(urls, (True, False), strict=True)
        ]
        while not all(side.is_done for side in sides):
            for side in sides if turn % 2 else reversed(sides):
                side.step()
        for url in urls:
            leads = count(url, "SELECT count(*) FROM crm.lead")
            checks.append(Check(f"pair {turn + 1}, leads", plan.count, leads))
    return sides[0].spent_s, sides[1].spent_s


def _side(stage: Stage, url: str, stack: ExitStack, *, detects: bool) -> _Side:
    engine = make_engine(url)
    stack.callback(engine.dispose)
    settings = stage.settings.model_copy(update={"detect_drift": detects})
    loader = Loader(engine, stage.keyring, settings)
    stack.callback(loader.close)
    return _Side(loader, Watch(engine, settings, loader.observer))
