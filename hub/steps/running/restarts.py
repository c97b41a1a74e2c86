"""When a process that died is started again, and when its deaths are worth telling. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
STEADY_AFTER_S = 60.0
CRASHING_DEATHS, CRASHING_WITHIN_S = 5, 600.0


@dataclass(frozen=True, slots=True)
class Life:
    """One process by name, over all its starts. Instants are monotonic seconds.

    `quick` counts deaths since it last lived for `STEADY_AFTER_S`; `recent` holds the instants of
    deaths within `CRASHING_WITHIN_S` before the last; `crashing` stays until it lived that long.
    """

    started_at: float
    quick: int = 0
    total: int = 0
    recent: tuple[float, ...] = ()
    crashing: bool = False


def after_death(life: Life, now: float) -> tuple[Life, float]:
    """The life with one death more, and how many seconds to wait before the next start.

    None the first time, then a pause that doubles; a minute of life makes it the first time again.
    """
    quick = 0 if now - life.started_at >= STEADY_AFTER_S else life.quick
    doubled = min(quick - 1, 10)  # far beyond the longest pause
    pause_s = min(FIRST_PAUSE_S * 2**doubled, LONGEST_PAUSE_S) if quick else 0.0
    recent = tuple(died for died in (*life.recent, now) if now - died <= CRASHING_WITHIN_S)
    crashing = life.crashing or len(recent) >= CRASHING_DEATHS
    return Life(life.started_at, quick + 1, life.total + 1, recent, crashing), pause_s


def after_start(life: Life, now: float) -> Life:
    """The life of a process that was started once more."""
    return replace(life, started_at=now)


def is_steady(life: Life, now: float) -> bool:
    """Whether it has lived so long that its earlier deaths are over."""
    return now - life.started_at >= CRASHING_WITHIN_S


def settled(life: Life, now: float) -> Life:
    """The life as it is now: what is steady is crashing no more."""
    return replace(life, crashing=False) if life.crashing and is_steady(life, now) else life
