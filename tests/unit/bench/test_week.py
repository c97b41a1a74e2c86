"""The simulated week: its sources are sound, and its sums are right."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bench.week import Memory, _slope
from bench.week_history import _copy
from bench.week_traffic import Week
from hub.settings import HubSettings


def test_the_week_has_fifteen_sources_that_hub_yaml_takes() -> None:
    week = Week(drift_after=10)
    settings = HubSettings.model_validate(week.config())

    assert len(settings.all_sources()) == len(week.senders) == 15
    assert all(source.push for source in settings.all_sources().values())


def test_a_source_guarded_by_its_path_posts_there() -> None:
    urls = {sender.key: sender.url(8700) for sender in Week(drift_after=10).senders}

    assert urls["douyin-00"] == "http://127.0.0.1:8700/hooks/douyin-00/secret-of-the-bench"
    assert urls["xhs-form"] == "http://127.0.0.1:8700/hooks/xhs-form"
    assert urls["site"] == "http://127.0.0.1:8700/forms/site"


def test_the_slope_is_that_of_the_line() -> None:
    assert _slope([0, 1, 2, 3], [10, 12, 14, 16]) == pytest.approx(2.0)
    assert _slope([0], [10]) == 0


def test_memory_is_told_of_processes_that_lived_all_the_time() -> None:
    memory = Memory(
        at=[0, 1800, 3600],
        samples=[
            {(1, "work"): 100.0},
            {(1, "work"): 101.0, (2, "run"): 9.0},
            {(1, "work"): 103.0},
        ],
    )

    assert memory.rows() == [["work", "100", "101", "103", "4"]]


def test_rows_are_copied_in_their_order() -> None:
    engine = sa.create_engine("sqlite://")
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("v", sa.Text)
    )
    with engine.begin() as conn:
        table.create(conn)
        conn.execute(sa.insert(table), [{"v": "old"}, {"v": "a"}, {"v": "b"}])
        _copy(conn, table, table.c.id > 1, 2)
        _copy(conn, table, table.c.id > 1, 0)

        assert conn.execute(sa.select(table.c.v)).scalars().all() == [
            *("old", "a", "b"),
            *("a", "b", "a", "b"),
        ]
