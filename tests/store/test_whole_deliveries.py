"""A delivery that no connector could read is not lost: once one can, it is taken apart and loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.connectors.douyin import DouyinConnector
from hub.model.delivery import Envelope, RawRecord
from hub.privacy.keyring import KeyRing
from hub.settings import SourceSettings
from hub.steps.replay import replay_held
from tests.store.test_load import DOUYIN, Hub, a_page, a_pulled_clue, a_push, settings_with

pytestmark = pytest.mark.postgres


class Baffled(DouyinConnector):
    """Douyin before it learned to read what came."""

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        return [RawRecord(envelope.shape, envelope.body, unreadable="not_readable")]


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    made = Hub(engine, keyring, settings_with(douyin=DOUYIN))
    yield made
    for loader in made.loaders:
        loader.close()


def held(hub: Hub) -> list[UUID]:
    with hub.engine.begin() as conn:
        return list(conn.execute(sa.text("SELECT record_id FROM inbox.held ORDER BY 1")).scalars())


def replay(hub: Hub, **options: Any) -> dict[str, int]:
    replay_held(hub.engine, held(hub), by="a person")
    hub.loader(**options).drain()
    assert hub.verify().holds
    return hub.outcomes()


def test_a_page_that_could_not_be_read_gives_all_its_leads_once_it_can(hub: Hub) -> None:
    page = a_page(*(a_pulled_clue(str(n), telephone=f"1990000{n:04d}") for n in range(5)))
    hub.store("douyin", [page])
    hub.loader(found={"douyin": Baffled()}).drain()
    assert hub.outcomes() == {"held": 1}

    assert replay(hub) == {"loaded": 5}
    with hub.engine.begin() as conn:
        rows = conn.execute(sa.text("SELECT id, entity, sealed FROM inbox.record ORDER BY id"))
        payloads = [json.loads(hub.keyring.unseal(r.sealed, r.id.bytes)) for r in rows]
    assert [one["clue_id"] for one in payloads] == ["0", "1", "2", "3", "4"]


def test_a_second_replay_changes_nothing(hub: Hub) -> None:
    hub.store("douyin", [a_page(a_pulled_clue("1"), a_pulled_clue("2"))])
    hub.loader(found={"douyin": Baffled()}).drain()
    replay(hub)
    with hub.engine.begin() as conn:
        ids = list(conn.execute(sa.text("SELECT id FROM inbox.record")).scalars())
    hub.loader().reload(ids)

    assert hub.outcomes() == {"loaded": 2}
    assert len(hub.lead_docs()) == 2


def test_what_still_cannot_be_read_stays_held_whole(hub: Hub) -> None:
    hub.store("douyin", [a_push()])
    hub.loader(found={"douyin": Baffled()}).drain()

    assert replay(hub, found={"douyin": Baffled()}) == {"held": 1}
    assert replay(hub) == {"loaded": 1}


def test_a_connector_that_is_not_installed_holds_its_source_and_no_other(
    engine: sa.Engine, keyring: KeyRing
) -> None:
    xhs = SourceSettings(platform="xiaohongshu", push="form_push")
    hub = Hub(engine, keyring, settings_with(douyin=DOUYIN, xhs=xhs))
    hub.store("douyin", [a_push()])
    hub.store("xhs", [Envelope(shape="form_push", body=b'{"data":{}}')])
    hub.loader(found={"douyin": DouyinConnector()}).drain()

    assert hub.outcomes() == {"loaded": 1, "held": 1}
    for loader in hub.loaders:
        loader.close()


def test_a_record_that_is_read_at_last_can_be_shown_meanwhile(hub: Hub) -> None:
    hub.store("douyin", [Envelope(shape="clue_push", body=b"\xff\xfe not a push")])
    hub.loader().drain()

    assert hub.outcomes() == {"held": 1}
    assert replay(hub) == {"held": 1}
