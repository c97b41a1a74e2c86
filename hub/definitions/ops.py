"""Where to look first: all sources on one page, and a heartbeat of each kind of process."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from hub.definitions import names
from hub.steps.report import LOADER, NOTIFIER, RECEIVER

# Groups are shown by name: this one comes first.
FIRST_GROUP = "0_start_here"
_SOURCES = """\
Start here: every source on one page, those that are unwell first: what is wrong, since when, what is held \
and why, what to run.

- The table `sources` is under Metadata below; a sensor writes it anew every few minutes and whenever a check turns; \
its times are those of Shanghai.
- The check `everything_is_well` (tab Checks) lists every check of the hub that fails, with its command.
- From there: `canonical/<source>`, tab Checks, for one source; `raw/<source>` for what it sent.

Commands are typed in a shell, not here: this page knows no users. `hub source list` says the same."""
_HEARTBEATS = {
    LOADER: (
        "Red means that no loader is running: leads are stored, but do not reach the CRM.",
        "hub work",
    ),
    RECEIVER: (
        "Red means that no receiver is running: platforms get no answer, and some do not send twice.",
        "hub receive",
    ),
    NOTIFIER: (
        "Red means that nobody is told of alerts: they stand as rows only (`hub alerts list`, `hub alerts ack`).",
        "hub notify",
    ),
}


def build_ops() -> list[dg.AssetSpec]:
    """`0_start_here/sources` and `ops/<process>_heartbeat`; the sensor reports all of them."""
    sources = dg.AssetSpec(
        key=names.SOURCES,
        group_name=FIRST_GROUP,
        description=_SOURCES,
        owners=[names.HUB_TEAM],
        kinds={"postgres", "table"},
        freshness_policy=_within(minutes=15),
    )
    return [sources, *map(_heartbeat, _HEARTBEATS)]


def _heartbeat(process: str) -> dg.AssetSpec:
    meaning, command = _HEARTBEATS[process]
    return dg.AssetSpec(
        key=names.HEARTBEATS[process],
        group_name="ops",
        description=(
            f"A sign of life of the {process}, about once a minute. {meaning} Start one: `{command}`,"
            " or all of the hub: `hub up`. `hub doctor` says what else is wrong."
        ),
        owners=[names.HUB_TEAM],
        kinds={"python"},
        freshness_policy=_within(minutes=4),
    )


def _within(minutes: int) -> dg.FreshnessPolicy:
    window = timedelta(minutes=minutes)
    return dg.FreshnessPolicy.time_window(fail_window=window, warn_window=window / 2)
