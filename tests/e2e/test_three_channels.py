"""Meituan, Douyin, Xiaohongshu, 460 leads in a morning, one channel's push lost for an hour: found and closed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.privacy.keyring import KeyRing
from tests.e2e.three_channels import LEADS, Morning

pytestmark = pytest.mark.postgres
ALL = sum(LEADS.values())


def keys_of(keyring: KeyRing) -> str:
    def text(key: bytes) -> str:
        return base64.b64encode(key).decode()

    sealing = {str(number): text(key) for number, key in keyring.sealing.items()}
    return json.dumps(
        {
            "active": keyring.active,
            "sealing": sealing,
            "index": text(keyring.index_key),
            "id": text(keyring.id_key),
        }
    )


@pytest.fixture
def morning(
    tmp_path: Path, database_url: str, engine: sa.Engine, keyring: KeyRing
) -> Iterator[Morning]:
    made = Morning(tmp_path, database_url, keys_of(keyring), engine)
    try:
        made.begin()
        yield made
    finally:
        made.close()


def check_the_end(morning: Morning) -> None:
    """Every lead of the three platforms is there, none twice, and both laws hold."""
    stored = morning.stored()
    assert len(stored) == len(set(stored)) == ALL
    assert set(stored) == morning.expected()
    found = morning.verify()
    assert found["holds"]
    assert found["leads"] == ALL


def test_what_douyins_push_lost_the_count_of_the_day_finds_and_the_pull_brings(
    morning: Morning,
) -> None:
    lost = len(morning.lost_hour("douyin"))
    morning.push(losing="douyin")
    assert len(morning.stored()) == ALL - lost

    found = morning.count("douyin")

    assert (found["stated"], found["arrived"]) == (LEADS["douyin"], LEADS["douyin"])
    assert (found["not_pushed"], found["missing"]) == (lost, 0)
    assert morning.alerts() == {f"platform-count-push:douyin:{morning.day}": "warning"}
    assert morning.check_passes("douyin")
    check_the_end(morning)
    print(  # noqa: T201 -- the figures of the morning, seen with -s
        f"\n{ALL} leads; 抖音's push lost {lost} of {LEADS['douyin']} between 9:30 and 10:30:"
        f" the count of the day found and the pull loaded {found['not_pushed']}; {ALL} leads, none twice"
    )


def test_what_xiaohongshus_push_lost_the_console_says_and_its_export_brings(
    morning: Morning,
) -> None:
    """No list of leads is known there: the figure finds the gap, the file fills it."""
    lost, stated = len(morning.lost_hour("xiaohongshu")), LEADS["xiaohongshu"]
    morning.push(losing="xiaohongshu")
    key = f"xiaohongshu:{morning.day}"

    short = morning.count("xiaohongshu", "--stated", str(stated), expect=1)

    assert short["missing"] == lost
    assert morning.alerts() == {f"platform-count:{key}": "critical"}
    assert not morning.check_passes("xiaohongshu")

    path = morning.export("xiaohongshu")
    words = ("import", str(path), "--source", "xiaohongshu", "--whole-days", "--yes", "--json")
    result = json.loads(morning.run(*words))
    morning.settle()

    assert (result["read"], result["accepted"], result["rejected"]) == (stated, stated, 0)
    (counted,) = result["counts"]
    assert (counted["stated"], counted["arrived"], counted["not_pushed"]) == (stated, stated, lost)
    assert morning.alerts() == {f"platform-count-push:{key}": "warning"}
    assert morning.check_passes("xiaohongshu")
    check_the_end(morning)
    print(  # noqa: T201 -- the figures of the morning, seen with -s
        f"\n{ALL} leads; 小红书's push lost {lost} of {stated} between 9:30 and 10:30: the console's figure"
        f" found {short['missing']} missing, its export (GBK) brought them; {ALL} leads, none twice"
    )
