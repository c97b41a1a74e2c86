"""Contracts and mappings: valid, frozen once released, labelled, and every old payload still maps."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from hub.mapping.business import BUSINESS_FIELDS, PRIVATE_FIELDS
from hub.mapping.compile import CompiledMapping
from hub.mapping.examples import example_context, example_id, run_examples
from hub.mapping.fields import LEAD_FIELDS, OPEN_GROUPS, TOUCH_FIELDS
from hub.registry.files import SchemaFiles
from hub.steps.mappings import compile_document

ROOT = Path(__file__).parent.parent
SCHEMAS = ROOT / "schemas"
PAYLOADS = ROOT / "tests" / "payloads"
FILES = SchemaFiles(SCHEMAS)
RELEASED = FILES.released()
CONTRACTS = sorted([*SCHEMAS.glob("raw/*/*/*.json"), *SCHEMAS.glob("canonical/*/*.json")])
DOCUMENTS = sorted([*CONTRACTS, *SCHEMAS.glob("mappings/*/*/*.yaml")])
MAPPINGS = [str(name) for name in FILES.mapping_names()]
CANONICAL = FILES.newest_contract("canonical/lead")
# Fields that a mapping may name and a lead never has.
NOT_STORED: set[str] = set()
# Fields of a lead that no rule names: the engine makes them.
MADE = {"ext", "extra", "marks", "touchpoints", "consent", *OPEN_GROUPS}


def name_of(path: Path) -> str:
    return path.relative_to(SCHEMAS).as_posix()


def compiled(name: str) -> CompiledMapping:
    return compile_document(FILES.mapping(name), FILES)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_a_released_document_is_frozen(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    assert RELEASED.get(name_of(path)) == digest, f"{name_of(path)} is frozen; add a version"


def test_no_released_document_is_gone():
    assert sorted(RELEASED) == sorted(map(name_of, DOCUMENTS))


@pytest.mark.parametrize("path", CONTRACTS, ids=name_of)
def test_a_contract_is_valid_and_named_by_its_place(path):
    contract = json.loads(path.read_text("utf-8"))
    Draft202012Validator.check_schema(contract)

    assert contract["$id"] == name_of(path).removesuffix(".json")


@pytest.mark.parametrize("path", CONTRACTS, ids=name_of)
def test_every_property_has_a_label_and_says_what_personal_data_it_is(path):
    contract = json.loads(path.read_text("utf-8"))

    for name, field in contract["properties"].items():
        assert field.get("x-label-zh"), name
        assert field.get("x-pii") in ("none", "name", "phone", "id", "text"), name
        if name_of(path).startswith("canonical/"):
            assert isinstance(field.get("x-identity"), bool), name


def test_the_contract_and_the_compiler_know_the_same_fields():
    named = {target.partition(".")[0] for target in LEAD_FIELDS} - NOT_STORED
    touch = CANONICAL["properties"]["touchpoints"]["items"]["properties"]

    assert named | MADE == set(CANONICAL["properties"])
    assert set(touch) == {"kind", *TOUCH_FIELDS}


@pytest.mark.parametrize("entity", sorted(BUSINESS_FIELDS))
def test_the_contract_of_a_business_document_and_the_compiler_know_the_same_fields(entity):
    contract = FILES.newest_contract(f"canonical/{entity}")
    private = {name for name, field in contract["properties"].items() if field["x-pii"] != "none"}

    assert {*BUSINESS_FIELDS[entity], "extra", "marks"} == set(contract["properties"])
    assert private == PRIVATE_FIELDS & set(contract["properties"])


def test_a_lead_without_anything_known_of_it_is_still_a_lead():
    assert Draft202012Validator(CANONICAL).is_valid({})


@pytest.mark.parametrize("name", MAPPINGS)
def test_the_tests_inside_a_mapping_pass(name):
    results = run_examples(compiled(name), FILES.mapping(name))

    assert results, "a mapping brings its own tests"
    assert [r for r in results if r.differences] == []


@pytest.mark.parametrize("name", MAPPINGS)
def test_what_a_mappings_tests_make_follows_the_canonical_contract(name):
    mapping = compiled(name)
    for example in FILES.mapping(name)["tests"]:
        if example["expect"].keys() & {"held", "not_a_lead"}:
            continue
        mapped = mapping.map(example["payload"], example_context(mapping), example_id)
        made = (mapped.leads or mapped.documents)[0]
        contract = CANONICAL if mapped.leads else FILES.contract(FILES.mapping(name)["to"])
        assert list(Draft202012Validator(contract).iter_errors(made.doc)) == []


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_mapping_names_contracts_that_exist(name):
    document = FILES.mapping(name)

    assert FILES.contract(document["from"])["$id"] == document["from"]
    assert FILES.contract(document["to"])["$id"] == document["to"]


@pytest.mark.parametrize(
    "path", sorted(PAYLOADS.glob("*/*/*.json")), ids=lambda p: p.relative_to(PAYLOADS).as_posix()
)
def test_every_stored_payload_still_fits_its_contract_and_maps(path):
    """Payloads of every raw version stay: a newer mapping of the entity must take them, too."""
    platform, entity, file = path.relative_to(PAYLOADS).parts
    payload = json.loads(path.read_text("utf-8"))
    contract = FILES.contract(f"raw/{platform}/{entity}/{file.removesuffix('.json')}")
    assert list(Draft202012Validator(contract).iter_errors(payload)) == []
    newest = {(n.platform, n.entity): str(n) for n in FILES.newest_mappings()}.get(
        (platform, entity)
    )
    if newest is None:
        return  # recorded only
    mapping = compiled(newest)

    mapped = mapping.map(payload, example_context(mapping), example_id)
    if mapped.not_a_lead is not None:
        assert mapped.interactions, "a stored payload gives something"
        return
    made = (mapped.leads or mapped.documents)[0]
    contract = CANONICAL if mapped.leads else FILES.contract(FILES.mapping(str(newest))["to"])
    assert list(Draft202012Validator(contract).iter_errors(made.doc)) == []
    lead = made
    assert not [mark for mark in lead.doc.get("marks", ()) if mark.startswith("off_contract")]
    if mapped.leads:
        assert lead.doc["mobile_e164"]


def test_a_star_lead_is_one_lead_whether_it_is_pushed_or_pulled():
    payload = json.loads((PAYLOADS / "douyin/star_push/1-0-0.json").read_text("utf-8"))
    ids = {
        compiled(f"douyin/{entity}/1-0-0")
        .map(
            payload, example_context(compiled(f"douyin/{entity}/1-0-0")), lambda *parts: str(parts)
        )
        .leads[0]
        .external_id
        for entity in ("star_clue", "star_push")
    }

    assert len(ids) == 1


def test_every_raw_contract_has_a_stored_payload():
    for path in SCHEMAS.glob("raw/*/*/*.json"):
        assert (PAYLOADS / path.relative_to(SCHEMAS / "raw")).exists(), name_of(path)


def test_a_release_refuses_a_changed_document_and_writes_nothing(tmp_path):
    root = tmp_path / "schemas"
    (root / "mappings").mkdir(parents=True)
    contract = root / "raw" / "a" / "b" / "1-0-0.json"
    contract.parent.mkdir(parents=True)
    contract.write_text("{}", "utf-8")
    files = SchemaFiles(root)
    assert files.release() == ["raw/a/b/1-0-0.json"]
    assert files.release() == []
    contract.write_text('{"type": "object"}', "utf-8")
    (contract.parent / "1-0-1.json").write_text("{}", "utf-8")

    with pytest.raises(Exception, match="add a version"):
        files.release()
    assert set(files.released()) == {"raw/a/b/1-0-0.json"}
