"""Keys on a real database: sealing again, retiring, and rings that do not open the data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database.engine import driver
from hub.database.metadata import metadata
from hub.errors import ConfigError
from hub.privacy.keyring import new_key, new_keys
from hub.steps.keys.check import WrongKeysError, check_keys
from hub.steps.keys.overview import key_overview
from hub.steps.keys.reseal import SEALED_TABLES, count_sealed, reseal
from hub.steps.keys.retire import retire_sealing_key
from hub.steps.keys.ring import open_keyring, rotate_keys
from tests.store.test_identity import People, clue
from tests.store.test_rotation import PHONES, content, key_file, people, rotate

__all__ = ["key_file", "people"]  # fixtures
pytestmark = pytest.mark.postgres


def test_everything_is_sealed_again_and_the_old_key_retired(
    people: People, tmp_path: Path
) -> None:
    people.come(*(clue(n, PHONES[n % 5]) for n in range(12)))
    people.come(*(clue(n, PHONES[0], name="改名") for n in range(3)))
    sealed_before = _count(people)
    assert rotate_keys() == 2
    people.hub.keyring.refresh(force=True)
    people.come(clue(40))
    before = content(people)

    with pytest.raises(ConfigError, match="hub keys reseal"):
        retire(people, 1, tmp_path)
    assert set(_count(people)) == {1, 2}
    assert reseal(people.hub.engine, open_keyring()) == {}
    assert set(_count(people)) == {2}
    assert _count(people)[2] >= sealed_before[1]
    retire(people, 1, tmp_path)

    assert sorted(open_keyring().sealing) == [2]
    people.hub.keyring.refresh(force=True)
    assert content(people) == before
    check_keys(people.hub.engine)


def retire(people: People, key_id: int, spool: Path) -> None:
    retire_sealing_key(
        people.hub.engine, open_keyring(), key_id, spool=spool / "spool", pause=lambda: None
    )


def _count(people: People) -> dict[int, int]:
    with people.hub.engine.begin() as conn:
        return count_sealed(driver(conn))


def test_sealing_again_waits_for_nobody_and_can_be_cut_off(people: People) -> None:
    people.come(*(clue(n) for n in range(6)))
    rotate_keys()
    with people.hub.engine.begin() as conn:
        conn.execute(sa.text("SELECT 1 FROM crm.lead ORDER BY id LIMIT 2 FOR UPDATE"))
        left = reseal(people.hub.engine, open_keyring())

    assert left == {1: 2}
    assert reseal(people.hub.engine, open_keyring()) == {}


def test_every_sealed_column_is_sealed_again() -> None:
    """A table that is forgotten here would be unreadable once its key is retired."""
    sealed = {table.fullname for table in metadata.tables.values() if "sealed" in table.columns}

    assert sealed == {table.name for table in SEALED_TABLES}


def test_the_overview_tells_what_each_key_is_for(people: People) -> None:
    people.come(clue(1))
    rotate_keys()
    rotate(people)
    found = key_overview(people.hub.engine, open_keyring())

    assert [(one.use, one.id, one.active) for one in found.keys] == [
        ("sealing", 1, False), ("sealing", 2, True), ("index", 1, False), ("index", 2, True), ("id", None, True),
    ]  # fmt: skip
    assert found.phase == "steady"
    assert found.keys[0].values


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), "utf-8")


WRONG: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (lambda ring: ring["sealing"].update({"1": new_key()}), "sealing key 1 is not the one"),
    (lambda ring: ring["index"].update({"1": new_key()}), "index key 1 is not the one"),
    (lambda ring: ring.update(id=new_key()), "id key is not the one"),
    (lambda ring: ring.update(sealing={"2": new_key()}, active=2), "sealing key 1 is missing"),
    (lambda ring: ring.update(index={"2": new_key()}, index_active=2), "index key 1 is missing"),
    (lambda ring: ring.update(new_keys()), "id key is not the one"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_a_ring_that_does_not_open_the_data_is_refused_in_one_line(
    people: People, key_file: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    people.come(clue(1))
    changed(key_file, change)
    with pytest.raises(WrongKeysError, match=said) as caught:
        check_keys(people.hub.engine)

    assert "restore the ring" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_of_an_older_release_is_tried_on_its_newest_record(
    people: People, key_file: Path
) -> None:
    people.come(clue(1))
    with people.hub.engine.begin() as conn:
        conn.execute(sa.text("DELETE FROM ops.key_check"))
    check_keys(people.hub.engine)
    with people.hub.engine.begin() as conn:
        conn.execute(sa.text("DELETE FROM ops.key_check"))
    changed(key_file, lambda ring: ring["sealing"].update({"1": new_key()}))
    with pytest.raises(WrongKeysError, match="altered"):
        check_keys(people.hub.engine)


def test_an_index_key_that_comes_by_rotation_is_checked_from_then_on(
    people: People, key_file: Path
) -> None:
    rotate(people)
    changed(key_file, lambda ring: ring["index"].update({"2": new_key()}))
    with pytest.raises(WrongKeysError, match="index key 2 is not the one"):
        check_keys(people.hub.engine)


def test_of_two_new_rings_on_a_new_database_one_is_refused(
    engine: sa.Engine, key_file: Path
) -> None:
    """Two hosts that were each given a ring of their own."""
    check_keys(engine)
    key_file.write_text(json.dumps(new_keys()), "utf-8")
    with pytest.raises(WrongKeysError):
        check_keys(engine)
