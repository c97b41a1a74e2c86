"""Field quality on a real database: what a source's leads fill in, what means nothing, who stands twice."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from hub.crm.quality import Scope, doubled_contacts
from hub.database.engine import driver
from hub.definitions.location import build_definitions
from hub.errors import ConfigError
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.mapping.extensions import ExtensionField
from hub.model.delivery import Envelope, Via
from hub.model.ids import uuid7
from hub.privacy.keyring import KeyRing
from hub.registry.extensions import put_extension
from hub.settings import (
    FormSettings,
    HubSettings,
    MerchantSettings,
    QualitySettings,
    SourceSettings,
)
from hub.steps.check_results import CheckResult
from hub.steps.checks import evaluate
from hub.steps.load import Loader
from hub.steps.mappings import prepare_registry
from hub.steps.quality.days import count_due
from hub.steps.quality.dictionary import contract_dictionary, dictionary_csv, read_dictionary
from hub.steps.quality.measure import SourceQuality, field_lines, measure, month_scope
from hub.steps.quality.report import QualityReport, as_markdown, rendered

pytestmark = pytest.mark.postgres
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
ALL = Scope(AT - timedelta(days=100), AT + timedelta(days=100))
SETTINGS = HubSettings(
    merchants=(MerchantSettings(id="default"), MerchantSettings(id="other")),
    sources={"douyin": SourceSettings(platform="douyin", pulls=("clue",))},
    forms={
        "site": FormSettings(require_token=False),
        "theirs": FormSettings(merchant="other", require_token=False),
    },
    quality=QualitySettings(min_leads=2),
)


@dataclass
class Hub:
    """A store and a loader; forms and clues come at a time that the test says."""

    engine: sa.Engine
    keyring: KeyRing
    settings: HubSettings = SETTINGS
    loaders: list[Loader] = field(default_factory=list)
    came: int = 0

    def form(self, mobile: str, *, at: datetime = AT, to: str = "site", **fields: Any) -> None:
        self.came += 1
        body = {
            "submission_id": f"s-{self.came}",
            "fields": {"name": "张三", "mobile": mobile, **fields},
        }
        envelope = Envelope(
            shape="form",
            body=json.dumps(body).encode(),
            context={"form": to},
        )
        self._store(f"form-{to}", envelope, Via.FORM, at)

    def clue(self, mobile: str, *, at: datetime = AT, **changes: Any) -> None:
        self.came += 1
        clue = {
            "clue_id": str(self.came),
            "name": "张三",
            "telephone": mobile,
            "create_time_detail": f"{at + timedelta(hours=8):%Y-%m-%d %H:%M:%S}",
            **changes,
        }
        page = {"code": 0, "data": {"page_info": {"page": 1}, "list": [clue]}}
        self._store("douyin", Envelope(shape="clue", body=json.dumps(page).encode()), Via.PULL, at)

    def _store(self, source_key: str, envelope: Envelope, via: Via, at: datetime) -> None:
        source = self.settings.all_sources()[source_key]
        identity = uuid7(lambda: int(at.timestamp() * 1000))
        arrival = Arrival(via, at, f"{self.came}", identity)
        delivery = seal_delivery(self.keyring, source_key, source, envelope, arrival)
        with self.engine.begin() as conn:
            store_deliveries(driver(conn), [delivery])

    def load(self) -> None:
        made = Loader(self.engine, self.keyring, self.settings, clock=lambda: AT)
        self.loaders.append(made)
        made.drain()

    def measured(self, scope: Scope = ALL) -> dict[str, SourceQuality]:
        found = measure(self.engine, self.keyring, self.settings, scope)
        return {one.source_key: one for one in found}

    def check(self, name: str, now: datetime = AT) -> dict[str, CheckResult]:
        results = evaluate(self.engine, self.settings, now)
        return {"/".join(one.asset): one for one in results if one.name == name}


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    with engine.begin() as conn:
        prepare_registry(conn, SETTINGS)
    made = Hub(engine, keyring)
    yield made
    for loader in made.loaders:
        loader.close()


def test_an_empty_store_has_nothing_to_say(hub: Hub) -> None:
    assert hub.measured() == {}


def test_fill_rates_are_those_of_each_source_alone(hub: Hub) -> None:
    hub.form("19900001001", 城市="深圳")
    hub.form("19900001002")
    hub.clue("19900001003")
    hub.load()
    found = hub.measured()

    assert {key: one.leads for key, one in found.items()} == {"form-site": 2, "douyin": 1}
    assert found["form-site"].fields["city_code"].filled == 1
    assert found["form-site"].fields["mobile_e164"].filled == 2
    assert "city_code" in found["form-site"].fed


def test_a_budget_that_is_no_amount_is_found_where_the_mapping_left_it(hub: Hub) -> None:
    """随便 never reaches the field: the lineage leads to where it is kept, sealed."""
    for number, budget in enumerate(["随便", "看心情", "3-5万", "无"]):
        hub.form(f"1990000100{number}", 预算=budget)
    hub.load()
    found = hub.measured()["form-site"].fields["budget_min_fen"]

    assert (found.filled, found.anomalous, found.invalid) == (4, 3, 3)
    assert found.words == {"随便": 1, "看心情": 1, "无": 1}


def test_a_budget_in_a_forms_own_words_counts_too(hub: Hub) -> None:
    answers = [{"label": "您的预算", "value": "随便"}]
    hub.clue(
        "19900001001", remark_dict=json.dumps({one["label"]: one["value"] for one in answers})
    )
    hub.load()
    fields = hub.measured()["douyin"].fields

    assert fields["ext.budget_text"].words == {"随便": 1}
    assert (fields["budget_min_fen"].filled, fields["budget_min_fen"].anomalous) == (1, 1)


def test_a_second_lead_of_a_person_on_one_day_in_china_came_again(hub: Hub) -> None:
    """23:30 and 00:30 in Shanghai are two days, though one in UTC."""
    evening = datetime(2026, 2, 17, 15, 30, tzinfo=UTC)
    for at in (AT, AT + timedelta(hours=1), evening, evening + timedelta(hours=1)):
        hub.form("19900001001", at=at)
    hub.form("19900001002")
    hub.load()

    assert (hub.measured()["form-site"].leads, hub.measured()["form-site"].duplicates) == (5, 2)


def test_people_who_became_one_later_are_one(hub: Hub) -> None:
    hub.clue("19900001001")
    hub.clue("19900001002")
    hub.load()
    hub.clue("19900001001/19900001002", at=AT + timedelta(minutes=1))
    hub.load()
    found = hub.measured()["douyin"]

    assert (found.leads, found.duplicates) == (3, 2)


def test_a_contact_whose_leads_contradict_it_is_a_conflict_of_that_source(hub: Hub) -> None:
    for name in ("李四", "李四", "李先生"):
        hub.clue("19900001001", name=name)
    hub.form("19900001001", name="李四")
    hub.clue("19900001009", name="王五")
    hub.load()
    found = hub.measured()

    assert found["douyin"].fields["name"].conflicts == 1
    assert found["form-site"].fields["name"].conflicts == 0


def test_a_conflict_counts_where_the_lead_is_though_the_winner_is_from_elsewhen(hub: Hub) -> None:
    old = AT - timedelta(days=30)
    hub.clue("19900001001", at=old, name="李先生")
    hub.clue("19900001001", name="李四光")
    hub.load()

    assert hub.measured(month_scope("2026-01"))["douyin"].fields["name"].conflicts == 1
    assert hub.measured(month_scope("2026-02"))["douyin"].fields["name"].conflicts == 0


def test_a_month_is_that_in_which_leads_were_submitted(hub: Hub) -> None:
    """A list of January that is imported in February is January's; days of the checks go by arrival."""
    hub.clue("19900001001", create_time_detail="2026-01-31 23:59:59")
    hub.clue("19900001002", create_time_detail="2026-02-01 00:00:00")
    hub.load()

    assert hub.measured(month_scope("2026-01"))["douyin"].leads == 1
    assert hub.measured(month_scope("2026-02"))["douyin"].leads == 1
    assert hub.measured(Scope(AT, AT + timedelta(seconds=1)))["douyin"].leads == 2


def test_one_phone_at_two_merchants_conflicts_with_nobody(hub: Hub) -> None:
    hub.form("19900001001", name="李四")
    hub.form("19900001001", to="theirs", name="王五")
    hub.load()
    found = measure(hub.engine, hub.keyring, SETTINGS, ALL)

    assert [(one.merchant, one.leads, one.duplicates) for one in found] == [
        ("default", 1, 0),
        ("other", 1, 0),
    ]
    assert sum(one.fields["name"].conflicts for one in found) == 0
    only = Scope(ALL.since, ALL.until, merchant="other")
    assert list(hub.measured(only)) == ["form-theirs"]


def lines_of(hub: Hub, settings: HubSettings = SETTINGS) -> dict[str, tuple[str, ...]]:
    dictionary = read_dictionary(hub.engine, settings)
    found = field_lines(hub.measured().values(), dictionary, settings)
    return {line.field: line.flags for line in found}


def test_core_fields_that_too_few_fill_are_flagged(hub: Hub) -> None:
    for number in range(5):
        answers: dict[str, Any] = {"城市": "深圳"} if number < 3 else {}
        hub.form(f"1990000100{number}", 预算="随便" if number < 4 else "3万", **answers)
    hub.load()
    flags = lines_of(hub)

    assert flags["city_code"] == ()  # three of five are 60 %
    assert flags["intent"] == ("low",)
    assert flags["store"] == ("unmapped",)
    assert flags["budget_min_fen"] == ("anomalous",)


def test_of_few_leads_nothing_is_said(hub: Hub) -> None:
    hub.form("19900001001")
    hub.load()

    assert lines_of(hub)["intent"] == ("few",)


def test_a_source_may_say_what_it_is_expected_to_fill(hub: Hub) -> None:
    hub.form("19900001001")
    hub.form("19900001002")
    hub.load()
    form = FormSettings(require_token=False, core=("name", "city_code"))
    flags = lines_of(hub, SETTINGS.model_copy(update={"forms": {"site": form}}))

    assert flags["city_code"] == ("low",)
    assert flags["intent"] == ("unasked",)


def a_report(hub: Hub) -> QualityReport:
    found = list(hub.measured().values())
    lines = field_lines(found, read_dictionary(hub.engine, SETTINGS), SETTINGS)
    return QualityReport("2026-02 月提交的线索", AT, found, lines, SETTINGS.quality)


def test_no_form_of_the_report_shows_a_value(hub: Hub) -> None:
    for number in range(3):
        hub.form(f"1990000100{number}", name="欧阳不显", 预算="六十六文", 留言="请打给我老婆")
    hub.load()
    report = a_report(hub)
    with zipfile.ZipFile(io.BytesIO(rendered(report, "xlsx"))) as book:
        cells = "".join(book.read(name).decode() for name in book.namelist())
    written = [rendered(report, form).decode("utf-8-sig") for form in ("csv", "html")]

    for text in (*written, cells, as_markdown(report)):
        assert "form-site" in text
        for value in ("欧阳", "六十六文", "老婆", "19900001"):
            assert value not in text


def test_a_report_says_when_it_was_made_and_what_its_figures_mean(hub: Hub) -> None:
    hub.form("19900001001")
    hub.load()
    text = rendered(a_report(hub), "csv").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))

    assert rows[0] == ["# 范围", "2026-02 月提交的线索"]
    assert rows[1] == ["# 生成时间", "2026-02-17 12:00:00 北京时间"]
    assert "填充率" in rows[next(n for n, row in enumerate(rows) if row[0] == "商家")]


def test_a_report_has_no_other_form(hub: Hub) -> None:
    with pytest.raises(ConfigError, match="csv, xlsx, html"):
        rendered(a_report(hub), "pdf")


def test_days_are_counted_once_and_young_ones_again(hub: Hub) -> None:
    hub.form("19900001001")
    hub.load()
    first = count_due(hub.engine, hub.keyring, SETTINGS, AT)
    assert len(first) == SETTINGS.quality.days
    assert max(first) == date(2026, 2, 17)

    assert count_due(hub.engine, hub.keyring, SETTINGS, AT + timedelta(minutes=5)) == []
    hour_on = count_due(hub.engine, hub.keyring, SETTINGS, AT + timedelta(hours=1))
    assert sorted(hour_on) == [date(2026, 2, 16), date(2026, 2, 17)]
    next_day = count_due(hub.engine, hub.keyring, SETTINGS, AT + timedelta(days=1))
    assert len(next_day) == SETTINGS.quality.days


def test_the_check_reads_what_was_counted(hub: Hub) -> None:
    assert hub.check("field_health")["canonical/form-site"].note.startswith("Not counted yet")

    for number in range(3):
        hub.form(f"1990000100{number}", 预算="随便")
    hub.load()
    count_due(hub.engine, hub.keyring, SETTINGS, AT)
    result = hub.check("field_health")["canonical/form-site"]

    assert not result.passed
    assert result.command == "hub quality fields --source form-site"
    assert result.numbers["leads"] == 3
    assert result.numbers["fill_mobile_e164"] == 1.0
    assert result.table is not None
    assert any("随便 3" in str(row) for row in result.table.rows)
    assert hub.check("field_health")["canonical/douyin"].passed


def test_days_that_are_too_long_ago_are_not_judged(hub: Hub) -> None:
    for number in range(3):
        hub.form(f"1990000100{number}")
    hub.load()
    count_due(hub.engine, hub.keyring, SETTINGS, AT)
    later = AT + timedelta(days=8)

    assert not hub.check("field_health")["canonical/form-site"].passed
    assert hub.check("field_health", later)["canonical/form-site"].passed


def test_customers_who_stand_twice_are_counted_by_merchant(hub: Hub) -> None:
    hub.clue("19900001001")
    hub.clue("19900001002")
    hub.form("19900001001", to="theirs")
    hub.load()
    count_due(hub.engine, hub.keyring, SETTINGS, AT)
    assert hub.check("duplicate_rate")["crm/contact"].passed

    with hub.engine.begin() as conn:
        keys = conn.execute(
            sa.text(
                "SELECT DISTINCT ON (contact_id) contact_id FROM crm.contact_key WHERE merchant = 'default'"
            )
        ).scalars()
        one, other = keys
        conn.execute(  # as if two loaders had re-pointed a key
            sa.text("UPDATE crm.contact_key SET contact_id = :to WHERE contact_id = :of"),
            {"to": one, "of": other},
        )
        assert doubled_contacts(conn) == {"default": (2, 1), "other": (1, 0)}
    count_due(hub.engine, hub.keyring, SETTINGS, AT, anew=True)
    result = hub.check("duplicate_rate")["crm/contact"]

    assert not result.passed
    assert (result.numbers["contacts"], result.numbers["contacts_doubled"]) == (3, 1)
    assert result.table is not None
    assert result.table.rows == (("default", 2, 1, 50.0), ("other", 1, 0, 0.0))


def test_the_dictionary_has_merchants_own_fields(hub: Hub) -> None:
    with hub.engine.begin() as conn:
        put_extension(conn, "other", ExtensionField("grade", "text", "孩子年级"))
    dictionary = read_dictionary(hub.engine, SETTINGS)
    [grade] = dictionary.find("孩子年级")
    text = dictionary_csv(dictionary.fields).decode("utf-8-sig")

    assert (grade.name, grade.merchant) == ("ext.grade", "other")
    assert dictionary.find("ext.budget_text")[0].label_zh == "预算"
    assert "ext.grade,孩子年级" in text
    assert len(dictionary.core()) == 12
    with pytest.raises(ConfigError, match="name"):
        dictionary.find("nmae")


def test_core_fields_can_be_chosen() -> None:
    chosen = QualitySettings(core=("name", "wechat_id"))
    dictionary = contract_dictionary(HubSettings(quality=chosen))
    assert [one.name for one in dictionary.core()] == ["name", "wechat_id"]

    with pytest.raises(ConfigError, match=r"quality\.core: 'nmae'.*name"):
        contract_dictionary(HubSettings(quality=QualitySettings(core=("nmae",))))


def test_dagster_counts_and_reports_a_month(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    hub.clue("19900001001", budget="x")
    hub.load()
    config = tmp_path / "hub.yaml"
    config.write_text("sources: {douyin: {platform: douyin, pulls: [clue]}}\n", "utf-8")
    monkeypatch.setenv("HUB_CONFIG", str(config))
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setattr("hub.definitions.store.open_keyring", lambda: hub.keyring)
    defs = build_definitions(HubSettings(sources=SETTINGS.sources))
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("report_field_quality").execute_in_process(
            instance=instance, partition_key="2026-02-01"
        )
        counted = defs.resolve_job_def("count_quality").execute_in_process(instance=instance)
        [event] = done.get_asset_materialization_events()

    metadata = event.materialization.metadata
    assert (metadata["leads"].value, metadata["sources"].value) == (1, 1)
    assert "| default | douyin | 1 | 0 |" in str(metadata["report"].value)
    assert counted.success
