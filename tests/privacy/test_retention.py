"""Raw payloads go after the time that their source keeps them; leads, laws and look-ups stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.database.engine import driver
from hub.inbox.marks import requeue_loaded
from hub.model.delivery import Lane
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.erasure.retention import run_retention
from tests.privacy.erasing import SETTINGS, ErasingHub

pytestmark = pytest.mark.postgres
PHONE = "19900007351"
LATER = datetime.now(UTC) + timedelta(days=31)


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing, hub_home: Path) -> ErasingHub:
    hub_home.mkdir()
    made = ErasingHub(engine, keyring)
    made.take(made.clue(1, PHONE), made.clue(2, PHONE), made.clue(3, PHONE, clue_source=4))
    made.take(made.clue(4, "下次再说"))
    made.take(made.clue(1, PHONE, remark="second"), made.clue(5, PHONE, remark="r"), source="ads")
    made.take(made.clue(6, PHONE), source="other")
    made.load()
    return made


def keeping(days: int) -> HubSettings:
    ads = SETTINGS.sources["ads"].model_copy(update={"keep_raw_days": days})
    return SETTINGS.model_copy(update={"sources": {**SETTINGS.sources, "ads": ads}})


def test_old_payloads_of_that_source_go_and_nothing_else(hub: ErasingHub) -> None:
    before = hub.verify().content_hash
    told = run_retention(hub.engine, keeping(30), LATER, dry_run=True)
    assert run_retention(hub.engine, keeping(32), LATER) == {"ads": 0}
    assert run_retention(hub.engine, keeping(30), LATER) == told == {"ads": 5}
    assert run_retention(hub.engine, keeping(30), LATER) == {"ads": 0}

    bodies = hub.rows("SELECT source_key FROM inbox.record WHERE sealed IS NOT NULL ORDER BY 1")
    assert [row[0] for row in bodies] == ["ads", "other"]  # what is held waits for somebody
    found = hub.verify()
    assert found.holds
    assert found.content_hash == before
    assert found.rebuilt is not None
    assert found.rebuilt.pruned == 5


def test_without_the_setting_everything_is_kept(hub: ErasingHub) -> None:
    assert run_retention(hub.engine, SETTINGS, LATER) == {}


def test_a_pruned_record_that_is_to_be_mapped_anew_stays_as_it_is(hub: ErasingHub) -> None:
    run_retention(hub.engine, keeping(30), LATER)
    ids = [row[0] for row in hub.rows("SELECT id FROM inbox.record WHERE sealed IS NULL")]
    with hub.engine.begin() as conn:
        requeue_loaded(driver(conn), ids, Lane.REPLAY)

    assert hub.load() == {}
    assert hub.verify().holds


def test_a_lead_of_pruned_records_can_be_revised_and_erased(hub: ErasingHub) -> None:
    run_retention(hub.engine, keeping(30), LATER)
    hub.take(hub.clue(1, PHONE, remark="third"))
    assert hub.load() == {"revised": 1}
    assert hub.verify().holds
    hub.erase(phone=PHONE, at=LATER)

    assert hub.count("crm.lead") == 0
    assert hub.verify().holds
