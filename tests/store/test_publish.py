"""Publishing mappings: only what passes its own tests, and back to a file as it was."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import ConfigError
from hub.registry.files import read_mapping, schema_files
from hub.registry.live import ensure_shipped, live_document
from hub.settings import HubSettings
from hub.steps.publish import (
    check_document,
    export_live,
    find_document,
    newer_shipped,
    publications,
    publish_checked,
    roll_back,
    unexported,
)

pytestmark = pytest.mark.postgres
FILES = schema_files(HubSettings())
WHO: dict[str, Any] = {"merchant": "", "published_by": "tester", "reason": "a test"}


def a_revision(version: str = "1-0-9", **changed: Any) -> dict[str, Any]:
    document = find_document(FILES, "webform/form/1-0-0")
    return document | {"mapping": f"webform/form/{version}"} | changed


def test_a_mapping_whose_own_tests_fail_is_not_published(engine: sa.Engine):
    wrong = [{"name": "n", "payload": {"submission_id": "1"}, "expect": {"doc": {"name": "张三"}}}]
    checked = check_document(FILES, a_revision(tests=wrong))

    with pytest.raises(ConfigError, match="tests fail"):
        publish_checked(engine, checked, **WHO)
    assert publications(engine, "webform/form") == []


def test_a_version_means_one_content_for_ever(engine: sa.Engine):
    publish_checked(engine, check_document(FILES, a_revision()), **WHO)

    publish_checked(engine, check_document(FILES, a_revision()), **WHO)
    with pytest.raises(ConfigError, match="new version"):
        publish_checked(engine, check_document(FILES, a_revision(title="x")), **WHO)


def test_what_is_live_comes_back_as_a_file(engine: sa.Engine, tmp_path):
    publish_checked(engine, check_document(FILES, a_revision()), **WHO)
    to = tmp_path / "new" / "1-0-9.yaml"

    assert export_live(engine, FILES, "webform/form", merchant="", to=to) == to
    assert read_mapping(to) == a_revision()
    assert check_document(FILES, read_mapping(to)).passes
    assert export_live(engine, FILES, "webform/form", merchant="", to=to) == to
    to.write_text("mapping: other", "utf-8")
    with pytest.raises(ConfigError, match="another document"):
        export_live(engine, FILES, "webform/form", merchant="", to=to)


def test_where_files_and_table_differ_is_told(engine: sa.Engine):
    with engine.begin() as conn:
        ensure_shipped(conn, FILES)
        assert (unexported(conn, FILES), newer_shipped(conn, FILES)) == ([], [])
    publish_checked(engine, check_document(FILES, a_revision()), **WHO)
    publish_checked(
        engine, check_document(FILES, a_revision("0-9-0")), **(WHO | {"merchant": "m2"})
    )

    with engine.begin() as conn:
        assert unexported(conn, FILES) == [
            ("", "webform/form/1-0-9"),
            ("m2", "webform/form/0-9-0"),
        ]
    publish_checked(engine, check_document(FILES, a_revision("0-9-1")), **WHO)
    with engine.begin() as conn:
        assert newer_shipped(conn, FILES) == ["webform/form/1-0-3"]


def test_rolling_back_makes_the_version_before_live(engine: sa.Engine):
    publish_checked(engine, check_document(FILES, a_revision("1-0-0")), **WHO)
    publish_checked(engine, check_document(FILES, a_revision()), **WHO)

    assert roll_back(engine, "webform/form", **WHO) == "webform/form/1-0-0"
    with engine.begin() as conn:
        assert live_document(conn, "webform", "form") == a_revision("1-0-0")


@pytest.mark.parametrize("what", ["nonsense", "a/b/c/d", "douyin/none"])
def test_a_mapping_that_is_not_there_is_named(what):
    with pytest.raises(ConfigError, match=what):
        find_document(FILES, what)
