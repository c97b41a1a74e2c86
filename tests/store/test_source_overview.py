"""Every source on one page: what is live, when it last gave a lead, what waits, what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from hub.privacy.keyring import KeyRing
from hub.settings import SourceSettings
from hub.steps.sources.overview import SourceLine, as_table, overview
from hub.steps.sources.platform_count import Statement, count_by_statement
from tests.store.test_load import AT, DOUYIN, Hub, a_push, settings_with

pytestmark = pytest.mark.postgres


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    xhs = SourceSettings(platform="xiaohongshu", push="form_push")
    made = Hub(engine, keyring, settings_with(douyin=DOUYIN, xhs=xhs))
    yield made
    for loader in made.loaders:
        loader.close()


def lines(hub: Hub, at: datetime | None = None) -> dict[str, SourceLine]:
    found = overview(hub.engine, hub.settings, at or datetime.now(UTC))
    return {one.source_key: one for one in found}


def test_a_source_that_never_sent_is_listed_too(hub: Hub) -> None:
    hub.loader().drain()
    found = lines(hub)

    assert sorted(found) == ["douyin", "xhs"]
    assert found["xhs"].last_lead_at is None
    assert [name.rpartition("/")[0] for name in found["xhs"].mappings] == ["xiaohongshu/form_push"]
    assert found["douyin"].arrives_by == "push and pull"


def test_what_no_loader_took_yet_is_the_lag(hub: Hub) -> None:
    hub.store("douyin", [a_push()])

    assert lines(hub, AT + timedelta(seconds=90))["douyin"].lag_s == pytest.approx(90, abs=1)
    hub.loader().drain()
    assert lines(hub, AT + timedelta(seconds=90))["douyin"].lag_s == 0


def test_trouble_stands_at_the_source_that_has_it(hub: Hub) -> None:
    hub.store("douyin", [a_push(), a_push("2", mobile={"no": "number"})])
    hub.loader().drain()
    day = datetime.now(UTC).date()
    count_by_statement(
        hub.engine, hub.settings, Statement("xhs", day, 4, "person"), now=datetime.now(UTC)
    )
    found = lines(hub)

    assert found["douyin"].trouble[0].startswith("1 held: ")
    assert found["douyin"].held == 1
    assert found["douyin"].since == hub.now
    assert str(found["douyin"].command).startswith("hub drift show d")
    assert found["xhs"].trouble == (f"4 missing on {day}", "nothing ever came")
    assert found["xhs"].command == f"hub source count xhs --day {day}"
    assert found["douyin"].last_lead_at is not None


def test_who_waits_for_a_loader_is_told_to_start_one(hub: Hub) -> None:
    hub.store("douyin", [a_push()])
    found = lines(hub, AT + timedelta(seconds=90))["douyin"]

    assert "waits for a loader" in found.trouble
    assert found.since == AT
    assert found.command == "hub work"


def test_a_source_that_went_quiet_is_in_trouble_since_its_last_lead(hub: Hub) -> None:
    hub.store("douyin", [a_push()])
    hub.loader().drain()
    well = lines(hub, AT + timedelta(hours=1))["douyin"]
    quiet = lines(hub, AT + timedelta(days=2))["douyin"]

    assert well.troubles == ()
    assert quiet.trouble == ("nothing comes",)
    assert quiet.since == quiet.last_lead_at
    assert quiet.command == "hub source check douyin"


def test_what_is_wrong_stands_first_in_the_table(hub: Hub) -> None:
    hub.store("xhs", [])
    hub.store("douyin", [a_push()])
    hub.loader().drain()
    table = as_table(list(lines(hub, AT + timedelta(minutes=1)).values()))

    assert [row[0] for row in table.rows] == ["xhs", "douyin"]
    assert table.rows[1][1] == "well"


def test_the_page_is_a_table_of_text_and_numbers(hub: Hub) -> None:
    table = as_table(list(lines(hub).values()))

    assert [row[0] for row in table.rows] == ["douyin", "xhs"]
    assert all(len(row) == len(table.columns) for row in table.rows)
