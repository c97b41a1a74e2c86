"""A proposal published on a real store: live at once, told, audited, and refused where it would do harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.drift.kinds import Kind
from hub.errors import ConfigError
from hub.privacy.keyring import KeyRing
from hub.registry.findings import find_findings
from hub.registry.live import live_publication
from hub.steps.drift.findings import (
    add_sheet_file,
    dismiss_finding,
    settled_line,
    show_finding,
)
from hub.steps.drift.publish import PublicationRefusedError, still_waiting
from hub.steps.replay import list_held, replay_held
from tests.store.drift_hub import (
    FILES,
    DriftHub,
    a_new_star_push,
    a_star_push,
    opened_hub,
)

pytestmark = pytest.mark.postgres
REPOINT = {"douyin_id": "repoint"}


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[DriftHub]:
    yield from opened_hub(engine, keyring)


def rows(hub: DriftHub, query: str) -> list[sa.RowMapping]:
    with hub.engine.begin() as conn:
        return list(conn.execute(sa.text(query)).mappings())


def test_an_open_question_is_asked_with_its_flag(hub: DriftHub) -> None:
    hub.load([a_new_star_push(n) for n in range(3)])
    gathered = hub.gather(hub.find_founding()[0])

    with pytest.raises(ConfigError, match=r"--answer douyin_id=repoint\|extension\|ignore"):
        hub.publish(gathered)
    with pytest.raises(ConfigError, match="no answer; there are repoint"):
        hub.publish(gathered, answers={"douyin_id": "guess"})
    with pytest.raises(ConfigError, match="no question 'phone'"):
        hub.publish(gathered, answers={"phone": "repoint"})


def test_a_published_proposal_is_live_solves_its_findings_and_is_told(hub: DriftHub) -> None:
    hub.load([a_new_star_push(n) for n in range(3)])
    findings = hub.find_founding()

    done = hub.publish(hub.gather(findings[0]), answers=REPOINT)

    with hub.engine.begin() as conn:
        live = live_publication(conn, "douyin", "star_push")
        solved = find_findings(conn, states=("solved",))
    assert live is not None
    assert live.contract is not None
    assert live.name == done.mapping
    assert live.mapping["from"] == live.contract["$id"] == done.contract
    assert {f.id for f in solved} >= {f.id for f in findings}
    assert {f.solved_by for f in solved} == {done.mapping}
    [notice] = rows(hub, "SELECT merchant, title, body, written_by FROM alerts.notice")
    assert (notice["merchant"], notice["written_by"]) == ("default", "tester")
    assert "《字段变更须知》" in notice["title"]
    assert "fan_level" in notice["body"]
    [alert] = rows(
        hub, "SELECT severity, owner FROM alerts.alert WHERE dedupe_key LIKE 'change-notice:%'"
    )
    assert (alert["severity"], alert["owner"]) == ("info", "运营")
    audited = rows(hub, "SELECT who, target FROM ops.audit WHERE action = 'publish proposal'")
    assert [row["who"] for row in audited] == ["tester"]


def test_no_personal_data_stands_in_what_is_published(hub: DriftHub) -> None:
    """The proposal looked at payloads; of what stood in them only words of vocabularies may remain."""
    hub.load([a_new_star_push(n, name="张三丰", douyin_id=f"secret_{n}") for n in range(1, 30)])
    hub.publish(hub.gather(hub.find_founding()[0]), answers=REPOINT)

    written = " ".join(
        str(row["t"])
        for table in (
            "registry.mapping_publication",
            "registry.finding",
            "alerts.notice",
            "alerts.alert",
        )
        for row in rows(hub, f"SELECT t::text AS t FROM {table} t")  # noqa: S608 -- names of this test
    )

    assert "张三丰" not in written
    assert "secret_" not in written
    assert "19900000017" not in written


def test_new_leads_are_mapped_by_the_new_version(hub: DriftHub) -> None:
    hub.load([a_new_star_push(n) for n in range(3)])
    done = hub.publish(hub.gather(hub.find_founding()[0]), answers=REPOINT)

    hub.load([a_new_star_push(40)])

    [doc] = [d for d in hub.docs().values() if d.get("douyin_id") == "dy_demo_40"]
    assert doc["ext"]["interact_count"] == 40
    assert doc["platform_state"]["uid"] == "90000000000040"
    assert done.mapping == "douyin/star_push/1-0-1"


def test_what_a_strict_mapping_held_loads_after_the_answer(hub: DriftHub) -> None:
    hub.publish_strict()
    hub.load([a_new_star_push(n) for n in range(25)], source_key="agency-star")
    assert len(list_held(hub.engine)) == 25

    done = hub.publish(hub.gather(hub.find_founding("agency")[0]), answers=REPOINT)
    assert done.waiting == 25
    replay_held(hub.engine, [r["record_id"] for r in list_held(hub.engine)], by="tester")
    hub.loader.drain()

    assert list_held(hub.engine) == []
    assert still_waiting(hub.engine, done) == 0
    docs = list(hub.docs().values())
    assert sorted(d["douyin_id"] for d in docs) == sorted(f"dy_demo_{n}" for n in range(25))
    assert all(d["platform_state"]["uid"].startswith("9000") for d in docs)


def test_a_merchants_own_change_leaves_the_others_alone(hub: DriftHub) -> None:
    hub.publish_strict()
    hub.load([a_new_star_push(n) for n in range(5)], source_key="agency-star")
    with hub.engine.begin() as conn:
        before = live_publication(conn, "douyin", "star_push")

    hub.publish(hub.gather(hub.find_founding("agency")[0]), answers=REPOINT)

    with hub.engine.begin() as conn:
        assert live_publication(conn, "douyin", "star_push") == before
    assert [r["merchant"] for r in rows(hub, "SELECT merchant FROM alerts.notice")] == ["agency"]


def test_the_second_of_two_people_is_told(hub: DriftHub) -> None:
    hub.load([a_new_star_push(n) for n in range(3)])
    [finding, *_] = hub.find_founding()
    first, second = hub.gather(finding), hub.gather(finding)
    hub.publish(first, by="anna", answers=REPOINT)

    with pytest.raises(ConfigError, match=r"anna published .* meanwhile"):
        hub.publish(second, by="ben", answers={"douyin_id": "ignore"})

    assert hub.count("alerts.notice") == 1


def test_a_settled_finding_says_by_what(hub: DriftHub) -> None:
    hub.load([a_new_star_push(n) for n in range(3)])
    [finding, *_] = hub.find_founding()
    assert settled_line(hub.engine, finding.id) is None
    done = hub.publish(hub.gather(finding), answers=REPOINT)

    line = settled_line(hub.engine, finding.id)

    assert line is not None
    assert f"solved already: by {done.mapping}" in line
    assert "《字段变更须知》" in show_finding(hub.engine, finding.id)["notices"][0]["title"]


def test_held_records_are_not_stranded_unless_told(hub: DriftHub) -> None:
    """The contract's finding is covered; one of its records has no phone and would stay."""
    hub.publish_strict()
    hub.load(
        [a_new_star_push(n) for n in range(3)] + [a_new_star_push(9, phone=None)],
        source_key="agency-star",
    )
    findings = hub.find_founding("agency")
    with hub.engine.begin() as conn:
        conn.execute(sa.text("UPDATE inbox.held SET finding = :f"), {"f": findings[0].id})
    gathered = hub.gather(findings[0])

    with pytest.raises(
        PublicationRefusedError, match=r"1 held records .* missing at /phone \(1\)"
    ):
        hub.publish(gathered, answers=REPOINT)

    assert hub.publish(gathered, answers=REPOINT, allow_stranded=True).waiting == 4


def test_a_loss_is_refused_unless_told(hub: DriftHub) -> None:
    hub.publish_strict()
    hub.load([a_star_push(n) for n in range(2)], source_key="agency-star")
    finding = hub.find(Kind.FIELD_MOVED, "/name", scope="agency", to="/order_id")
    gathered = hub.gather(finding)

    with pytest.raises(PublicationRefusedError, match=r"2 leads would lose a value: name \(2\)"):
        hub.publish(gathered)

    assert hub.publish(gathered, allow_loss=True).publication > gathered.live.id


def test_statistical_findings_mark_what_came_since(hub: DriftHub) -> None:
    """A changed format is seen by figures alone: no record carries its mark."""
    hub.load([a_star_push(n) for n in range(4)])
    hub.find(Kind.FIELD_ADDED, "/fan_level")
    finding = hub.find(Kind.MEANING_SHIFTED, "/car_series")
    hub.load([a_new_star_push(n, douyin_id=None) for n in range(4, 6)])

    done = hub.publish(hub.gather(finding))

    assert done.marked == 6
    assert done.waiting == 6
    marked = rows(hub, "SELECT findings FROM inbox.marked")
    assert all(finding.id in row["findings"] for row in marked)


def test_a_sheet_gives_labels_and_is_cited(hub: DriftHub, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_bytes(
        "字段名,中文名,类型,是否必填\ndouyin_id,用户抖音号,string,是\nfan_level,粉丝等级,int,否\n".encode(
            "gbk"
        )
    )
    count, differences = add_sheet_file(
        hub.engine,
        FILES,
        sheet,
        "douyin/star_push",
        title="《星图线索字段说明V2.3.1》",
        by="tester",
    )
    hub.load([a_new_star_push(n) for n in range(3)])
    proposal = hub.gather(hub.find_founding()[0]).proposal(REPOINT)

    assert count == 2
    assert ("fan_level", "in the sheet, not in the contract") in differences
    assert proposal.contract is not None
    assert proposal.contract["x-vendor-spec"] == "《星图线索字段说明V2.3.1》"
    assert proposal.contract["properties"]["douyin_id"]["x-required-upstream"] is True
    assert "douyin_id" not in proposal.contract["required"]
    assert proposal.mapping["extensions"]["fan_level"]["label"] == "粉丝等级"


def test_a_dismissed_finding_is_settled_with_its_reason(hub: DriftHub) -> None:
    finding = hub.find(Kind.FIELD_ADDED, "/fan_level")

    _, done = dismiss_finding(hub.engine, finding.id, by="tester", reason="known", now=hub.now)

    assert done == [finding.id]
    assert "dismissed" in str(settled_line(hub.engine, finding.id))
    assert [r["who"] for r in rows(hub, "SELECT who FROM ops.audit")] == ["tester"]
