"""The registry: merchants and accounts, publications of mappings, extension fields, live compiled mappings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import ConfigError
from hub.mapping.examples import example_context, example_id
from hub.mapping.extensions import ExtensionField
from hub.registry.extensions import extensions_by_merchant, put_extension
from hub.registry.files import SchemaFiles, pii_kinds, schema_files
from hub.registry.live import (
    documents_of,
    ensure_shipped,
    history,
    live_document,
    live_versions,
    publish,
    published_version,
    rollback,
)
from hub.registry.merchants import (
    account_owners,
    add_account,
    add_merchant,
    list_merchants,
    list_sources,
    sync_registry,
)
from hub.settings import HubSettings
from hub.steps.mappings import LiveMappings, prepare_registry

pytestmark = pytest.mark.postgres


@pytest.fixture
def conn(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.begin() as connection:
        yield connection


def settings_with(**source: Any) -> HubSettings:
    return HubSettings.model_validate(
        {
            "merchants": [{"id": "default"}, {"id": "m2", "name": "二店"}],
            "sources": {"dy-a": {"platform": "douyin", "account": "170", **source}},
            "forms": {"contact": {}},
        }
    )


def a_version(version: str, files: SchemaFiles) -> dict[str, Any]:
    return {**files.mapping("douyin/clue/1-0-0"), "mapping": f"douyin/clue/{version}"}


FILES = schema_files(HubSettings())
NEWEST_CLUE = next(str(n) for n in FILES.newest_mappings() if n.entity == "clue")


def test_sources_and_forms_of_the_settings_are_registered_once(conn):
    sync_registry(conn, settings_with())
    sync_registry(conn, settings_with(name="抖音一号"))

    rows = {row["source_key"]: row for row in list_sources(conn)}
    assert set(rows) == {"dy-a", "form-contact"}
    assert rows["dy-a"]["name"] == "抖音一号"
    assert account_owners(conn) == {("douyin", "170"): ("default", "dy-a")}
    assert {row["id"]: row["sources"] for row in list_merchants(conn)} == {"default": 2, "m2": 0}


@pytest.mark.parametrize("change", [{"account": "171"}, {"account": None}, {"merchant": "m2"}])
def test_what_a_source_key_stands_for_never_changes(conn, change):
    sync_registry(conn, settings_with())

    with pytest.raises(ConfigError, match="source dy-a"):
        sync_registry(conn, settings_with(**change))


def test_an_account_may_be_added_to_a_source_that_had_none(conn):
    sync_registry(conn, settings_with(account=None))
    sync_registry(conn, settings_with())

    assert account_owners(conn) == {("douyin", "170"): ("default", "dy-a")}


def test_an_account_belongs_to_one_source(conn):
    sync_registry(conn, settings_with())

    with pytest.raises(ConfigError, match="dy-a already"):
        add_account(conn, "dy-b", merchant="m2", platform="douyin", account="170")


def test_an_account_needs_a_registered_merchant(conn):
    with pytest.raises(ConfigError, match="hub merchant add nobody"):
        add_account(conn, "dy-b", merchant="nobody", platform="douyin", account="1")


def test_a_merchant_keeps_its_name_when_added_without_one(conn):
    add_merchant(conn, "m9", "九店")
    add_merchant(conn, "m9")

    assert [row["name"] for row in list_merchants(conn)] == ["九店"]


def test_shipped_mappings_are_published_once_and_never_over_a_persons_choice(conn):
    publish(conn, a_version("9-0-0", FILES), published_by="tester", reason="test")

    shipped = ensure_shipped(conn, FILES)

    newest = {str(name) for name in FILES.newest_mappings()}
    assert "webform/form/1-0-3" in newest
    assert set(shipped) == {name for name in newest if not name.startswith("douyin/clue/")}
    assert ensure_shipped(conn, FILES) == []
    assert history(conn, "douyin", "clue")[0].version == "9-0-0"


def test_the_newest_publication_is_live_and_history_keeps_the_others(conn):
    first = publish(conn, a_version("1-0-0", FILES), published_by="a", reason="one")
    second = publish(conn, a_version("1-0-1", FILES), published_by="b", reason="two")

    assert live_versions(conn).ids == {("", "douyin", "clue"): second}
    assert [(p.id, p.version, p.reason) for p in history(conn, "douyin", "clue")] == [
        (second, "1-0-1", "two"),
        (first, "1-0-0", "one"),
    ]
    assert documents_of(conn, [first])[first].name == "douyin/clue/1-0-0"


def test_a_document_comes_back_as_it_was_published(conn):
    document = FILES.mapping("webform/form/1-0-0")
    publish(conn, document, published_by="a", reason="r")

    assert live_document(conn, "webform", "form") == document
    assert published_version(conn, "webform", "form", "1-0-0") == document
    assert published_version(conn, "webform", "form", "7-7-7") is None


def test_rollback_publishes_what_was_live_before(conn):
    publish(conn, a_version("1-0-0", FILES), published_by="a", reason="one")
    publish(conn, a_version("1-0-1", FILES), published_by="a", reason="two")

    assert rollback(conn, "douyin", "clue", published_by="b", reason="oops") == "douyin/clue/1-0-0"
    assert len(history(conn, "douyin", "clue")) == 3


def test_rollback_without_an_earlier_version_is_refused(conn):
    publish(conn, a_version("1-0-0", FILES), published_by="a", reason="one")

    with pytest.raises(ConfigError, match="nothing to go back to"):
        rollback(conn, "douyin", "clue", published_by="b", reason="oops")


def test_live_mappings_ship_themselves_and_prefer_the_merchants_own(conn):
    live = LiveMappings(HubSettings())
    live.refresh(conn)
    before = live.get("m2", "douyin", "clue")
    publish(conn, a_version("1-0-7", FILES), merchant="m2", published_by="a", reason="own")
    live.refresh(conn)

    own, common = live.get("m2", "douyin", "clue"), live.get("default", "douyin", "clue")
    assert before is not None
    assert own is not None
    assert common is before, "what did not change is not compiled again"
    assert (own.name, common.name) == ("douyin/clue/1-0-7", NEWEST_CLUE)
    assert live.get("default", "douyin", "no_such_entity") is None
    assert live.versions()["m2", "douyin", "clue"] == "douyin/clue/1-0-7"


def test_refreshing_without_a_publication_is_one_query(engine):
    live = LiveMappings(HubSettings())
    with engine.begin() as conn:
        live.refresh(conn)
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    with engine.begin() as conn:
        live.refresh(conn)

    assert len(statements) == 1


def test_a_live_mapping_that_cannot_be_compiled_holds_only_its_own_records(conn, caplog):
    broken = {**a_version("2-0-0", FILES), "fields": {"no_such_field": "x"}}
    publish(conn, broken, published_by="a", reason="r")
    live = LiveMappings(HubSettings())
    live.refresh(conn)

    assert live.get("default", "douyin", "clue") is None
    assert live.get("default", "webform", "form") is not None
    assert "fields.no_such_field" in caplog.text


def test_a_merchants_extension_field_is_read_from_the_answer_of_its_label(conn):
    put_extension(conn, "default", ExtensionField("child_grade", "text", "孩子年级", "none"))
    live = LiveMappings(HubSettings())
    live.refresh(conn)
    payload = {"clue_id": "1", "remark_dict": {"孩子 年级：": "三年级"}}
    mine, other = live.get("default", "douyin", "clue"), live.get("m2", "douyin", "clue")
    assert mine is not None
    assert other is not None

    doc = mine.map(payload, example_context(mine), example_id).leads[0].doc
    assert doc["ext"] == {"child_grade": "三年级"}
    assert "extra" not in doc
    assert "ext" not in other.map(payload, example_context(other), example_id).leads[0].doc


def test_a_changed_extension_field_is_compiled_anew(conn):
    live = LiveMappings(HubSettings())
    live.refresh(conn)
    put_extension(
        conn, "default", ExtensionField("area", "number", "建筑面积", "none", indexed=True)
    )
    live.refresh(conn)
    put_extension(conn, "default", ExtensionField("area", "int", "建筑面积", "none"))
    live.refresh(conn)
    mapping = live.get("default", "douyin", "clue")
    assert mapping is not None

    lead = mapping.map({"clue_id": "1", "area": "89"}, example_context(mapping), example_id).leads[
        0
    ]
    assert lead.doc["ext"] == {"area": 89}
    assert extensions_by_merchant(conn)["default"][0].type == "int"


def test_prepare_registry_makes_a_fresh_hub_ready(conn):
    assert len(prepare_registry(conn, settings_with())) == len(FILES.newest_mappings()) > 4
    assert prepare_registry(conn, settings_with()) == []


def test_a_folder_without_schemas_is_a_clear_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="schemas_dir"):
        schema_files(HubSettings(schemas_dir=str(tmp_path)))


def test_pii_kinds_come_from_the_canonical_contract():
    kinds = pii_kinds(HubSettings())

    assert (kinds["name"], kinds["mobile_e164"], kinds["utm_source"]) == ("name", "phone", "none")
