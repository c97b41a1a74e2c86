from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from dagster._utils.schedules import is_valid_cron_string, schedule_execution_time_iterator

from hub.definitions.schedules import cron_of


def gaps_s(cron: str) -> set[float]:
    """Seconds between firings over a day and a half."""
    start = datetime(2026, 2, 17, tzinfo=UTC).timestamp()
    ticks = schedule_execution_time_iterator(start, cron, "Asia/Shanghai", ascending=True)
    found = [next(ticks)]
    while (found[-1] - found[0]) < timedelta(days=1.5):
        found.append(next(ticks))
    return {(b - a).total_seconds() for a, b in pairwise(found)}


@pytest.mark.parametrize(
    ("every_s", "expected_s"),
    [
        (60, 60),
        (90, 60),
        (300, 300),
        (420, 360),
        (1800, 1800),
        (3540, 1800),
        (3600, 3600),
        (18_000, 14_400),
        (86_400, 86_400),
        (10 * 86_400, 86_400),
    ],
)
@pytest.mark.parametrize("source_key", ["douyin-main", "官网", "x"])
def test_a_pull_fires_as_often_as_asked_or_somewhat_more(every_s, expected_s, source_key):
    cron = cron_of(every_s, source_key)

    assert is_valid_cron_string(cron)
    assert gaps_s(cron) == {expected_s}


def test_sources_do_not_all_start_in_one_minute():
    assert len({cron_of(3600, f"source-{n}") for n in range(30)}) > 15
