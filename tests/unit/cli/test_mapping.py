"""`hub mapping`: what needs no database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli.mapping import app
from hub.cli.output import CheckFailedError
from hub.errors import ConfigError
from hub.registry.files import SchemaFiles
from hub.steps.publish import check_named

RUNNER = CliRunner()
FILES = SchemaFiles(Path(__file__).parents[3] / "schemas")
SHIPPED = Path(__file__).parents[3] / "schemas" / "mappings" / "webform" / "form" / "1-0-3.yaml"


def run(*words: str) -> str:
    return RUNNER.invoke(app, list(words), catch_exceptions=False).output


def test_the_shipped_mappings_are_in_order():
    found = json.loads(run("lint", "--json"))

    assert {each["result"] for each in found} == {"ok"}


def test_the_tests_inside_a_mapping_are_run_by_name():
    found = json.loads(run("test", "webform/form", "--json"))

    assert {(each["mapping"], each["result"]) for each in found} == {("webform/form/1-0-3", "ok")}


def test_a_wrong_mapping_fails_the_lint_and_says_where(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(SHIPPED.read_text("utf-8").replace("  company:", "  compnay:", 1), "utf-8")

    result = RUNNER.invoke(app, ["lint", str(wrong), "--json"])
    assert isinstance(result.exception, CheckFailedError)
    assert "fields.compnay" in result.output


def test_a_failing_test_fails_the_command(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    text = SHIPPED.read_text("utf-8")
    before, after = ("        name: 张三\n        mobile", "        name: 李四\n        mobile")
    wrong.write_text(text.replace(before, after), "utf-8")

    result = RUNNER.invoke(app, ["test", str(wrong), "--json"])
    assert isinstance(result.exception, CheckFailedError)
    assert "doc.name: expected '李四'" in result.output


def test_a_difference_is_told_by_its_place(tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text(SHIPPED.read_text("utf-8").replace("with: email", "with: lower"), "utf-8")

    assert json.loads(run("diff", "webform/form", str(changed), "--json")) == [
        {"place": "fields.email.with", "before": "email", "after": "lower"}
    ]


def test_every_transform_is_listed_with_its_options():
    found = {each["name"]: each for each in json.loads(run("transforms", "--json"))}

    assert found["datetime"]["options"] == "zone='Asia/Shanghai', unit='unix'"
    assert found["phone_cn"]["fields (under spread)"] == "mobile_e164, phones"


@pytest.mark.parametrize("text", ["a: [", "mapping: a\nmapping: b", "- 1"])
def test_a_file_that_is_no_mapping_is_one_clear_line(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text, "utf-8")
    result = RUNNER.invoke(app, ["lint", str(path), "--json"])

    assert isinstance(result.exception, CheckFailedError)
    assert str(path) in json.loads(result.output)[0]["problem"]


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("with: phone_cn", "with: phone_ch", "spread.phone.with: no transform 'phone_ch'; did you mean phone_cn?"),
        ("\n  address: address", "\n  adress: address", "fields.adress: no canonical field; did you mean address?"),
        ("\ntouchpoints:", "\ntouchpoint:", "'touchpoint' is none of"),
        ("star_clue/1-0-0\nto:", "star_cule/1-0-0\nto:", "did you mean raw/douyin/star_clue/1-0-0?"),
    ],
)  # fmt: skip
def test_an_error_in_a_mapping_names_file_line_place_and_the_nearest_valid_name(
    tmp_path: Path, right: str, wrong: str, told: str
):
    text = (FILES.root / "mappings" / "douyin/star_clue/1-0-0.yaml").read_text("utf-8")
    assert text.count(right) == 1
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(right, wrong), "utf-8")
    line = 1 + text[: text.index(right)].count("\n") + right.startswith("\n")
    with pytest.raises(ConfigError) as caught:
        check_named(FILES, str(path))

    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert told in str(caught.value)
