"""What detection costs: CPU seconds of loading with it and without it, in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from bench import pages
from bench.figures import Bar, Spread, median_interval
from bench.load import Gate
from bench.report import Check, Section, Table
from bench.stage import Stage, count
from hub.model.delivery import Delivery, Via

_ABOUT = (
    "{count:,} queued leads, one loader, once as webhooks of one lead and once as pages of {page} (50 fields a lead). "
    "Each pair empties two copies of the same queue, with `detect_drift` on and off, in turns which comes first. "
    "CPU seconds of the loader and of PostgreSQL from the opened gate to the empty queue; the loader's evaluator "
    "is in them. The share is what the pair with detection took more, over the pair without; the interval "
    "is that of the median ({confidence:.0%} by order statistics)."
)
_OFF = "detect_drift: false\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """How many pairs, how many leads."""

    pairs: int
    count: int


@dataclass(frozen=True, slots=True)
class _Spent:
    """CPU seconds of one run."""

    loader: float
    all: float


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `detection`."""
    checks: list[Check] = []
    table: list[list[str]] = []
    bars: list[Bar] = []
    raw: dict[str, object] = {}
    _, _, confidence = median_interval([0.0] * plan.pairs)
    for title, deliveries in _queues(stage, plan):
        template = f"bench_detection_{len(raw)}"
        stage.template(template, partial(_fill, deliveries))
        pairs = [_pair(stage, plan, template, number, checks) for number in range(plan.pairs)]
        for name, share_of in (("loader", "loader"), ("loader and PostgreSQL", "all")):
            shares = [getattr(on, share_of) / getattr(off, share_of) - 1 for on, off in pairs]
            middle = Spread.of(shares).median
            low, high, _ = median_interval(shares)
            table.append(
                [f"{title}, {name}", f"{_median(pairs, 1, share_of):.2f}",
                 f"{_median(pairs, 0, share_of):.2f}", f"{middle:+.1%} ({low:+.1%} … {high:+.1%})"]
            )  # fmt: skip
            if share_of == "loader":
                bars.append(
                    Bar(f"{title}: share of the loader's CPU, %", 5, 100 * middle, at_least=False)
                )
            say(f"detection, {title}, {name}: {middle:+.1%} ({low:+.1%} … {high:+.1%})")
        raw[title] = [(on.loader, off.loader, on.all, off.all) for on, off in pairs]
    section = Section(
        "detection",
        "Cost of detection",
        _ABOUT.format(count=plan.count, page=pages.PAGE, confidence=confidence),
        checks=checks,
        bars=bars,
        raw=raw,
    )
    section.tables.append(Table(["CPU s, medians", "without", "with", "more (interval)"], table))
    return section


def _fill(deliveries: Callable[[], Iterator[Delivery]], url: str) -> None:
    pages.fill(url, deliveries())


def _queues(stage: Stage, plan: Plan) -> list[tuple[str, Callable[[], Iterator[Delivery]]]]:
    return [
        ("webhooks", lambda: iter(pages.pushes(stage, plan.count))),
        (f"pages of {pages.PAGE}", lambda: iter(pages.pages(stage, plan.count, Via.PULL))),
    ]


def _median(pairs: list[tuple[_Spent, _Spent]], side: int, name: str) -> float:
    return Spread.of([getattr(pair[side], name) for pair in pairs]).median


def _pair(
    stage: Stage, plan: Plan, template: str, number: int, checks: list[Check]
) -> tuple[_Spent, _Spent]:
    """With and without, in turns which comes first."""
    spent: dict[bool, _Spent] = {}
    for detects in (True, False) if number % 2 else (False, True):
        with _configured(stage, detects=detects), stage.database(template) as url:
            with Gate(url) as gate, stage.loaders(url, 1) as pids:
                gate.wait_for(1)
                roles = {"loader": pids}
                before = stage.usage(roles)
                gate.time_to_empty()
                used = stage.usage(roles).since(before)
            spent[detects] = _Spent(used["loader"], used["loader"] + used["postgresql"])
            leads = count(url, "SELECT count(*) FROM crm.lead")
            checks.append(Check(f"pair {number + 1}, leads", plan.count, leads))
    return spent[True], spent[False]


@contextmanager
def _configured(stage: Stage, *, detects: bool) -> Iterator[None]:
    text = stage.config.read_text("utf-8")
    try:
        if not detects:
            stage.config.write_text(text + _OFF, "utf-8")
        yield
    finally:
        stage.config.write_text(text, "utf-8")
