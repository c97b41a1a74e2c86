"""Importing files into a real database: once whatever is repeated, held apart by merchant, joined with pushes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.crm.tables import lead
from hub.database.engine import driver
from hub.errors import ConfigError
from hub.files.workbook import read_workbook
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.privacy.keyring import KeyRing
from hub.registry.files import schema_files
from hub.settings import HubSettings, MerchantSettings, SourceSettings
from hub.steps.import_file import (
    ImportResult,
    import_rows,
    report_path,
    review_plan,
    write_report,
)
from hub.steps.import_plan import (
    Plan,
    Reading,
    dictionary_for,
    nearly_saved,
    plan_with_saved,
    propose_plan,
    publish_plan,
    read_table,
    saved_mappings,
    settle,
)
from hub.steps.load import Loader
from hub.steps.verify import verify

pytestmark = pytest.mark.postgres
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
HEADER = ("线索编号", "姓名", "手机号", "创建时间")
SETTINGS = HubSettings(
    merchants=(MerchantSettings(id="default"), MerchantSettings(id="other")),
    sources={
        "expo": SourceSettings(platform="file"),
        "fair": SourceSettings(platform="file", merchant="other"),
        "xhs": SourceSettings(platform="xiaohongshu", push="dm_push"),
    },
)


def rows(count: int, start: int = 0) -> list[tuple[str, ...]]:
    return [
        (f"L{n}", "张三", str(19900000000 + n), f"2026-02-17 08:{n % 60:02d}:00")
        for n in range(start, start + count)
    ]


def write_csv(path: Path, body: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    held = io.StringIO()
    csv.writer(held).writerows([header, *body])
    path.write_bytes(held.getvalue().encode("gb18030"))
    return path


@dataclass
class Importer:
    """The steps of `hub import` with everything filled in, and a loader."""

    engine: sa.Engine
    keyring: KeyRing
    settings: HubSettings = SETTINGS
    now: datetime = AT
    plans: list[Plan] = field(default_factory=list)

    def plan(self, path: Path, source_key: str = "expo", mapping: str = "", **said: Any) -> Plan:
        files = schema_files(self.settings)
        source = self.settings.sources[source_key]
        with self.engine.begin() as conn:
            self.dictionary, extensions = dictionary_for(conn, files, source.merchant)
            saved = saved_mappings(conn, source.platform, source.merchant)
        table = read_table(path, self.dictionary, self.settings, Reading())
        found = plan_with_saved(source_key, source, table, saved, mapping)
        if found is not None and not said:
            return found
        proposed = propose_plan(source_key, source, table, self.dictionary)
        options = {"said": {}, "extensions": extensions, "saved": saved} | said
        return settle(proposed, self.dictionary, files, **options)

    def run(
        self,
        path: Path,
        source_key: str = "expo",
        *,
        skip_known: bool = False,
        dry_run: bool = False,
        report: Path | None = None,
        **said: Any,
    ) -> ImportResult:
        plan = self.plan(path, source_key, **said)
        self.plans.append(plan)
        reviewed = review_plan(self.engine, self.keyring, plan, self.dictionary)
        if not dry_run:
            files = schema_files(self.settings)
            publish_plan(self.engine, files, plan, published_by="tester", reason="a test")
        self.now += timedelta(seconds=1)
        result = import_rows(
            self.engine, self.keyring, plan, reviewed,
            now=self.now, skip_known=skip_known, dry_run=dry_run,
        )  # fmt: skip
        if report is not None:
            write_report(reviewed, report)
        return result

    def load(self) -> None:
        loader = Loader(self.engine, self.keyring, self.settings, clock=lambda: self.now)
        try:
            loader.drain()
        finally:
            loader.close()

    def count(self, table: str) -> int:
        with self.engine.begin() as conn:
            return int(conn.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608 -- names of tests

    def leads(self) -> list[Any]:
        with self.engine.begin() as conn:
            return list(conn.execute(sa.select(lead).order_by(lead.c.submitted_at)).all())

    def outcomes(self) -> dict[str, int]:
        totals = verify(self.engine, self.keyring, deep=True).record_law.totals()
        return {name: count for name, count in totals.items() if count and name != "records"}


@pytest.fixture
def importer(engine: sa.Engine, keyring: KeyRing) -> Importer:
    return Importer(engine, keyring)


def test_every_row_becomes_a_lead(importer: Importer, tmp_path: Path):
    result = importer.run(write_csv(tmp_path / "a.csv", rows(950)))
    importer.load()

    assert (result.read, result.accepted, result.rejected, result.groups) == (950, 950, 0, 3)
    assert result.days == {"2026-02-17": 950}
    assert importer.count("crm.lead") == 950
    assert verify(importer.engine, importer.keyring, deep=True).holds


def test_the_same_file_twice_changes_nothing(importer: Importer, tmp_path: Path):
    path = write_csv(tmp_path / "a.csv", rows(500))
    importer.run(path)
    importer.load()

    again = importer.run(path)
    importer.load()

    assert (again.groups, again.duplicate_groups, again.rows_stored_before) == (2, 2, 500)
    assert again.duplicates_in_store == 500
    assert importer.outcomes() == {"loaded": 500}


def test_a_longer_export_adds_only_what_is_new(importer: Importer, tmp_path: Path):
    """Consoles export from the newest down: the rows come again at other places."""
    importer.run(write_csv(tmp_path / "a.csv", rows(300)))
    importer.load()

    importer.run(write_csv(tmp_path / "b.csv", [*rows(20, start=300), *rows(300)]))
    importer.load()

    assert importer.count("crm.lead") == 320
    assert importer.outcomes() == {"loaded": 320, "unchanged": 300}


def test_bad_rows_stay_out_until_they_are_corrected_and_fed_back(
    importer: Importer, tmp_path: Path
):
    good, bad = rows(10), ("L90", "李四", "199OOOO0090", "2026-02-17 09:00:00")
    report = tmp_path / "r.xlsx"
    first = importer.run(write_csv(tmp_path / "a.csv", [*good, bad]), report=report)
    importer.load()
    assert (first.accepted, first.rejected, first.errors) == (10, 1, {"mobile": 1})
    assert report.stat().st_mode & 0o777 == 0o600
    header, row, *_ = read_workbook(report.read_bytes(), "r").rows

    fixed = dict(zip(header, row, strict=True))
    fixed["手机号"] = fixed["建议值"]
    second = importer.run(
        write_csv(tmp_path / "c.csv", [[fixed[name] for name in header]], header)
    )
    importer.load()

    assert importer.plans[0].name == importer.plans[1].name
    assert (second.accepted, second.rejected) == (1, 0)
    assert importer.count("crm.lead") == 11
    assert importer.outcomes() == {"loaded": 11}


def test_a_dry_run_writes_nothing(importer: Importer, tmp_path: Path):
    result = importer.run(write_csv(tmp_path / "a.csv", rows(10)), dry_run=True)

    assert result.accepted == 10
    for table in ("inbox.delivery", "inbox.queue", "registry.mapping_publication"):
        assert importer.count(table) == 0


def test_a_push_and_a_row_with_its_id_are_one_lead(importer: Importer, tmp_path: Path):
    """The console's CSV stands in for a push that was lost, and fills what the push left out."""
    source = SETTINGS.sources["xhs"]
    push = {
        "timestamp": 1771286400,
        "id": "DM1",
        "time": "2026-02-17 08:00:00",
        "phone": "19900000001",
    }
    envelope = Envelope("dm_push", json.dumps(push).encode())
    delivery = seal_delivery(
        importer.keyring, "xhs", source, envelope, Arrival(Via.PUSH, AT, "m-1")
    )
    with importer.engine.begin() as conn:
        store_deliveries(driver(conn), [delivery])

    header = ("线索ID", "姓名", "手机号", "创建时间")
    body = [
        ("DM1", "张三", "19900000001", "2026-02-17 08:00:00"),
        ("DM2", "李四", "19900000002", ""),
    ]
    importer.run(write_csv(tmp_path / "a.csv", body, header), "xhs")
    importer.load()

    assert importer.count("crm.lead") == 2
    assert importer.outcomes() == {"loaded": 2, "revised": 1}


def test_what_the_store_knows_is_mentioned_or_left_out(importer: Importer, tmp_path: Path):
    importer.run(write_csv(tmp_path / "a.csv", rows(5)))
    importer.load()
    path = write_csv(tmp_path / "b.csv", [(f"X{row[0]}", *row[1:]) for row in rows(8)])

    mentioned = importer.run(path, dry_run=True)
    left_out = importer.run(path, skip_known=True)

    assert (mentioned.accepted, mentioned.duplicates_in_store) == (8, 5)
    assert (left_out.accepted, left_out.skipped_known) == (3, 5)


def test_one_merchants_contacts_and_columns_are_unknown_to_another(
    importer: Importer, tmp_path: Path
):
    path = write_csv(tmp_path / "a.csv", rows(5))
    importer.run(path, save="leads")
    importer.load()

    other = importer.run(path, "fair", save="leads")
    importer.load()

    assert other.duplicates_in_store == 0
    with importer.engine.begin() as conn:
        assert [one.name for one in saved_mappings(conn, "file", "other")] == [
            "file/sheet_leads/1-0-0"
        ]
        scopes = conn.scalars(sa.text("SELECT merchant FROM registry.mapping_publication")).all()
    assert {"default", "other"} <= set(scopes)
    assert importer.count("crm.lead") == 10


def test_a_saved_mapping_names_what_a_file_lacks_with_the_nearest(
    importer: Importer, tmp_path: Path
):
    importer.run(write_csv(tmp_path / "a.csv", rows(5)), save="leads")
    renamed = ("线索编号", "姓名", "手机号码", "创建时间")

    with pytest.raises(ConfigError, match=r"没有列“手机号”; did you mean 手机号码\?"):
        importer.plan(write_csv(tmp_path / "b.csv", rows(5), renamed), mapping="leads")
    with pytest.raises(ConfigError, match=r"did you mean leads\?"):
        importer.plan(write_csv(tmp_path / "b.csv", rows(5)), mapping="lead")


def test_a_file_that_nearly_fits_says_what_is_renamed(importer: Importer, tmp_path: Path):
    importer.run(write_csv(tmp_path / "a.csv", rows(5)), save="leads")
    renamed = ("线索编号", "姓名", "手机号码", "创建时间")
    plan = importer.plan(write_csv(tmp_path / "b.csv", rows(5), renamed))
    with importer.engine.begin() as conn:
        saved = saved_mappings(conn, "file", "default")

    told = nearly_saved(plan.table, saved)

    assert told == "nearly fits file/sheet_leads/1-0-0: 没有列“手机号”; did you mean 手机号码?"


def test_a_column_that_the_saved_mapping_does_not_know_is_kept(importer: Importer, tmp_path: Path):
    importer.run(write_csv(tmp_path / "a.csv", rows(1)), save="leads")
    wider = write_csv(tmp_path / "b.csv", [(*rows(1, 7)[0], "水电")], (*HEADER, "装修阶段"))

    plan = importer.plan(wider, mapping="leads")
    assert plan.unknown_columns == ("装修阶段",)
    importer.run(wider, mapping="leads")
    importer.load()

    found = importer.leads()[-1]
    doc = json.loads(importer.keyring.unseal(found.sealed, found.id.bytes))
    assert doc["extra"] == {"unmapped": {"装修阶段": "水电"}}


def test_other_columns_under_a_saved_name_are_a_new_version(importer: Importer, tmp_path: Path):
    importer.run(write_csv(tmp_path / "a.csv", rows(1)), save="leads")

    header = (*HEADER, "邮箱")
    path = write_csv(tmp_path / "b.csv", [(*rows(1, 3)[0], "a@example.com")], header)
    importer.run(path, save="leads")

    assert importer.plans[-1].name == "file/sheet_leads/1-1-0"


def test_an_import_that_was_cut_off_is_run_again(importer: Importer, tmp_path: Path):
    path = write_csv(tmp_path / "a.csv", rows(10_500))
    plan = importer.plan(path)
    reviewed = review_plan(importer.engine, importer.keyring, plan, importer.dictionary)

    class CutError(Exception):
        pass

    def cut(what: str, done: int, of: int) -> None:
        if what == "store":
            raise CutError

    with pytest.raises(CutError):
        import_rows(importer.engine, importer.keyring, plan, reviewed, now=AT, on_progress=cut)
    result = importer.run(path)

    assert (result.groups, result.duplicate_groups) == (27, 25)
    assert importer.count("inbox.queue") == 27


def test_a_report_never_overwrites(importer: Importer, tmp_path: Path):
    path = write_csv(tmp_path / "a.csv", [("L1", "张三", "x", "")])
    importer.run(path, report=report_path(path))

    assert report_path(path).name == "a-report-2.xlsx"
    with pytest.raises(ConfigError, match="exists already"):
        importer.run(path, report=tmp_path / "a-report.xlsx")


def test_a_file_over_the_limit_is_not_read(importer: Importer, tmp_path: Path):
    importer.settings = SETTINGS.model_copy(update={"import_max_bytes": 1024})

    with pytest.raises(ConfigError, match="import_max_bytes"):
        importer.plan(write_csv(tmp_path / "a.csv", rows(100)))


def test_nothing_of_a_person_lies_in_plain_text(importer: Importer, tmp_path: Path):
    importer.run(write_csv(tmp_path / "a.csv", rows(3)))

    with importer.engine.begin() as conn:
        stored = conn.execute(sa.text("SELECT q::text FROM inbox.queue q")).scalars().all()
        documents = conn.execute(
            sa.text("SELECT document::text || contract::text FROM registry.mapping_publication")
        )
        everything = "".join([*stored, *documents.scalars().all()])
    assert "199000" not in everything
    assert "张三" not in everything
