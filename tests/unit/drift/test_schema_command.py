"""`hub schema`: files in, contracts and verdicts out, and what bad input is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli.output import CheckFailedError
from hub.cli.schema import app
from hub.errors import ConfigError
from hub.registry.files import schema_files
from hub.settings import HubSettings
from hub.steps.schemas import load_contract, read_payloads

RUNNER = CliRunner()
LINES = '{"clue_id": "7300000000001", "name": "张三"}\n\n{"clue_id": "7300000000002"}\n'


def write(path: Path, content: Any) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return str(path)


def run(*words: str) -> Any:
    return json.loads(RUNNER.invoke(app, list(words), catch_exceptions=False).stdout)


def an_open(*required: str) -> dict[str, Any]:
    names = {name: {"type": "string"} for name in required}
    return {"type": "object", "required": list(required), "properties": names}


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (LINES, 2),
        ([{"a": 1}, {"a": 2}, {"a": 3}], 3),
        ({"code": 0, "data": {"list": [{"a": 1}, {"a": 2}], "page_info": {}}}, 2),
        ({"a": 1}, 1),
        ('\ufeff{"a": 1}\n{"data": {"list": [{"a": 2}, {"a": 3}]}}', 3),
    ],
)
def test_every_kind_of_file_gives_its_payloads(tmp_path: Path, content: Any, count: int):
    assert len(read_payloads(Path(write(tmp_path / "f", content)))) == count


def test_infer_prints_a_contract_of_all_files(tmp_path: Path):
    one, two = write(tmp_path / "1", LINES), write(tmp_path / "2", [{"clue_id": 5}])

    contract = run("infer", one, two, "--entity", "raw/douyin/clue/1-0-1")

    assert contract["$id"] == "raw/douyin/clue/1-0-1"
    assert contract["properties"]["clue_id"]["type"] == ["integer", "string"]
    assert "张三" not in json.dumps(contract, ensure_ascii=False)


def test_infer_writes_a_new_file_and_never_over_an_old_one(tmp_path: Path):
    out = tmp_path / "contract.json"
    words = ["infer", write(tmp_path / "1", LINES), "--out", str(out)]

    assert RUNNER.invoke(app, words).exit_code == 0
    assert json.loads(out.read_text("utf-8"))["type"] == "object"
    assert RUNNER.invoke(app, words).exit_code == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"a": 1}\n{"a": \n', r"f:2: not valid JSON"),
        ('{"a": 1}\n{"a": NaN}', r"f:2: not valid JSON"),
        ('[\n{"a": 1},\n{]', r"f:3: not valid JSON"),
        ("\n\n{oops", r"f:3: not valid JSON"),
        ('{"a": 1}\n7\n', r"f:2: /: expected an object"),
        ([{"a": 1}, "x"], r"f:1: /1: expected an object"),
        ({"data": {"list": [1]}}, r"f:1: /data/list/0: expected an object"),
        ("", r"f: no payload"),
        ([], r"f: no payload"),
    ],
)
def test_a_bad_file_is_told_its_line(tmp_path: Path, content: Any, told: str):
    with pytest.raises(ConfigError, match=told):
        RUNNER.invoke(app, ["infer", write(tmp_path / "f", content)], catch_exceptions=False)


def test_a_message_never_shows_a_payload(tmp_path: Path):
    bad = write(tmp_path / "f", '{"name": "张三"}\n{"name": "张三"')

    with pytest.raises(ConfigError) as told:
        read_payloads(Path(bad))

    assert "张三" not in str(told.value)


def test_equal_contracts_by_name_are_compatible():
    name = "raw/douyin/clue/1-0-0"

    found = run("diff", name, name, "--json")

    assert (found["step"], found["reads_new"]["state"]) == ("NONE", "compatible")


def test_a_break_is_shown_with_its_witness_and_fails_the_command(tmp_path: Path):
    old, new = write(tmp_path / "o", an_open("uid")), write(tmp_path / "n", an_open("uid", "t"))

    result = RUNNER.invoke(app, ["diff", old, new])

    assert isinstance(result.exception, CheckFailedError)
    assert "the old contract reads new payloads: compatible" in result.stdout
    assert 'witness: {"uid": "a"}' in result.stdout
    assert "step: MODEL" in result.stdout


def test_a_new_optional_field_passes_on_wish(tmp_path: Path):
    after = an_open("uid")
    after["properties"]["fan_level"] = {"type": "string"}
    words = ["diff", write(tmp_path / "o", an_open("uid")), write(tmp_path / "n", after)]

    assert isinstance(RUNNER.invoke(app, words).exception, CheckFailedError)
    assert RUNNER.invoke(app, [*words, "--ignore-unlisted"]).exit_code == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{\n "type": "object",\n "properties": {\n  "a": {"type": "strng"}}}',
         r"f:4: /properties/a/type: .*did you mean string\?"),
        ('{\n "type": "object",\n "propertys": {}}', r"f:3: /propertys: .*did you mean properties\?"),
        ('{"properties": {"a": {\n"requird": []}}}', r"f:2: /properties/a/requird: .*did you mean required\?"),
        ("{\n\n", r"f:3: not valid JSON"),
        ("[]", r"f:1: expected an object"),
    ],
)  # fmt: skip
def test_a_contract_with_an_error_is_told_line_place_and_nearest_name(
    tmp_path: Path, content: str, told: str
):
    with pytest.raises(ConfigError, match=told):
        load_contract(schema_files(HubSettings()), write(tmp_path / "f", content))


def test_an_unknown_contract_is_told_the_nearest_name():
    with pytest.raises(ConfigError, match=r"did you mean raw/douyin/clue_push/1-0-0\?"):
        load_contract(schema_files(HubSettings()), "raw/douyin/clue_pus/1-0-0")
