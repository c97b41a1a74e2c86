"""Publish a mapping, go back to the one before, write what is live to a file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from hub.errors import ConfigError
from hub.mapping.document import parse_name
from hub.mapping.examples import ExampleResult, run_examples
from hub.registry import live
from hub.registry.files import SchemaFiles, read_mapping, version_key
from hub.steps.mappings import compile_document
from hub.steps.schemas import line_at

# `douyin/clue/1-0-0: spread.phone.with: what is wrong`, and the key that is wrong by itself.
_PLACE = re.compile(r"(?:^|: )([a-z_]+(?:[.\[][\w.\[\]-]*)?): ")
_STEP = re.compile(r"[.\[\]]+")
_UNKNOWN_KEY = re.compile(r": '([^']+)' is none of ")
_SECTIONS = (
    *(
        "mapping",
        "from",
        "to",
        "title",
        "description",
        "mode",
        "stream",
        "account",
        "key",
        "order",
        "off_contract",
    ),
    *("answers", "each", "not_a_lead", "fields", "spread", "extensions", "touchpoints"),
    *("interactions", "ignore", "tests"),
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A document that compiles, with the results of its own tests."""

    name: str
    document: Mapping[str, Any]
    examples: Sequence[ExampleResult]
    contract: Mapping[str, Any] | None = None

    @property
    def passes(self) -> bool:
        """Whether every test inside the document passes."""
        return not any(example.differences for example in self.examples)


def find_document(files: SchemaFiles, what: str) -> dict[str, Any]:
    """The document that `what` names: a file, platform/entity/version, or platform/entity (its newest).

    Raises:
        ConfigError: there is none.
    """
    if what.endswith((".yaml", ".yml")):
        return read_mapping(Path(what))
    if what.count("/") == 2:
        return files.mapping(str(parse_name(what)))
    newest = {f"{n.platform}/{n.entity}": str(n) for n in files.newest_mappings()}
    if what not in newest:
        raise ConfigError(f"no mapping {what!r}; there are {', '.join(newest)}")
    return files.mapping(newest[what])


def check_document(
    files: SchemaFiles,
    document: Mapping[str, Any],
    contract: Mapping[str, Any] | None = None,
) -> Checked:
    """Compile a document and run the tests inside it; `contract` if it brings the raw one it names.

    Raises:
        ConfigError: it cannot be compiled, or a contract that it names is not there.
    """
    if contract is not None and contract.get("$id") != document.get("from"):
        raise ConfigError(
            f"{document.get('mapping')}: from: {document.get('from')}, yet the contract that came"
            f" with it is {contract.get('$id')!r}"
        )
    compiled = compile_document(document, files, contract=contract)
    files.contract(str(document["to"]))
    return Checked(compiled.name, document, run_examples(compiled, document), contract)


def check_named(
    files: SchemaFiles, what: str, contract: Mapping[str, Any] | None = None
) -> Checked:
    """`check_document` of what `find_document` finds.

    Raises:
        ConfigError: as those do; an error inside a document names file, line and place.
    """
    document = find_document(files, what)
    try:
        return check_document(files, document, contract)
    except ConfigError as error:
        path = Path(what) if what.endswith((".yaml", ".yml")) else None
        raise _located(
            path or files.root / "mappings" / f"{document['mapping']}.yaml", error
        ) from error


def _located(path: Path, error: ConfigError) -> ConfigError:
    """The error with the file and the line of the place that it names (`name: spread.phone.with: …`)."""
    if not path.is_file():
        return error
    text = str(error)
    place = _PLACE.search(text)
    steps = [step for step in _STEP.split(place.group(1)) if step] if place else []
    unknown = _UNKNOWN_KEY.search(text)
    if unknown:
        steps.append(unknown.group(1))
    return ConfigError(f"{path}:{line_at(path.read_text('utf-8'), steps)}: {text}")


def publish_checked(
    engine: sa.Engine, checked: Checked, *, merchant: str, published_by: str, reason: str
) -> int:
    """Make a checked mapping live from the next batch on; the publication's id.

    Raises:
        ConfigError: a test inside it fails, or its version is live already with other content.
    """
    with engine.begin() as conn:
        return publish_on(
            conn, checked, merchant=merchant, published_by=published_by, reason=reason
        )


def publish_on(
    conn: sa.Connection,
    checked: Checked,
    *,
    merchant: str,
    published_by: str,
    reason: str,
    after: int | None = None,
) -> int:
    """`publish_checked` inside a transaction of the caller; `after` as `hub.registry.live.publish` has it."""
    if not checked.passes:
        raise ConfigError(f"{checked.name}: its own tests fail: hub mapping test")
    name = parse_name(checked.name)
    before = live.published_version(conn, name.platform, name.entity, name.version, merchant)
    if before is not None and before != checked.document:
        raise ConfigError(
            f"{checked.name} was published with other content; give it a new version"
        )
    return live.publish(
        conn,
        checked.document,
        contract=checked.contract,
        merchant=merchant,
        published_by=published_by,
        reason=reason,
        after=after,
    )


def roll_back(
    engine: sa.Engine, what: str, *, merchant: str, published_by: str, reason: str
) -> str:
    """Make the version before the live one of platform/entity live again; its name.

    Raises:
        ConfigError: there is none.
    """
    platform, entity = split_entity(what)
    with engine.begin() as conn:
        return live.rollback(
            conn, platform, entity, merchant=merchant, published_by=published_by, reason=reason
        )


def publications(engine: sa.Engine, what: str) -> list[live.Publication]:
    """Every publication of platform/entity, newest first."""
    platform, entity = split_entity(what)
    with engine.begin() as conn:
        return live.history(conn, platform, entity)


def export_live(
    engine: sa.Engine, files: SchemaFiles, what: str, *, merchant: str, to: Path | None
) -> Path:
    """Write the live document of platform/entity to a file (default: its place in the schemas folder).

    Raises:
        ConfigError: nothing is live, or the file holds something else.
    """
    platform, entity = split_entity(what)
    with engine.begin() as conn:
        found = live.live_publication(conn, platform, entity, merchant)
    if found is None:
        raise ConfigError(f"{what}: nothing was published; hub mapping publish {what}")
    document = dict(found.mapping)
    path = to or files.root / "mappings" / f"{document['mapping']}.yaml"
    _write(path, as_yaml(document), is_same=path.exists() and read_mapping(path) == document)
    if found.contract is not None:
        beside = files.root if to is None else to.parent
        contract = beside / f"{document['from']}.json"
        text = json.dumps(found.contract, ensure_ascii=False, indent=2) + "\n"
        same = contract.exists() and json.loads(contract.read_text("utf-8")) == found.contract
        _write(contract, text, is_same=same)
    return path


def _write(path: Path, text: str, *, is_same: bool) -> None:
    if path.exists():
        if not is_same:
            raise ConfigError(f"{path} holds another document; name a new file with --to")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def unexported(conn: sa.Connection, files: SchemaFiles) -> list[tuple[str, str]]:
    """(merchant or "", name) of live mappings that no shipped file holds as they are: export and commit them."""
    ids = live.live_versions(conn).ids
    documents = live.documents_of(conn, sorted(ids.values()))
    return sorted(
        (key[0], documents[number].name)
        for key, number in ids.items()
        if not _is_shipped(documents[number], files)
    )


def _is_shipped(document: live.Document, files: SchemaFiles) -> bool:
    try:
        return files.mapping(document.name) == document.mapping and (
            document.contract is None
            or files.contract(str(document.mapping["from"])) == document.contract
        )
    except ConfigError:
        return False


def newer_shipped(conn: sa.Connection, files: SchemaFiles) -> list[str]:
    """Names of shipped mappings that are newer than what is live for all: publish them."""
    found = []
    for name in files.newest_mappings():
        document = live.live_document(conn, name.platform, name.entity)
        if document and version_key(parse_name(document["mapping"]).version) < version_key(
            name.version
        ):
            found.append(str(name))
    return found


def as_yaml(document: Mapping[str, Any]) -> str:
    """A document as YAML, its sections in the order that people read them."""
    ordered = {name: document[name] for name in _SECTIONS if name in document}
    return yaml.safe_dump(ordered, allow_unicode=True, sort_keys=False, width=110)


def split_entity(what: str) -> tuple[str, str]:
    """Platform and entity of `platform/entity`.

    Raises:
        ConfigError: it is not written so.
    """
    platform, slash, entity = what.partition("/")
    if not slash or not platform or not entity or "/" in entity:
        raise ConfigError(f"{what!r}: name platform and entity, for example douyin/clue")
    return platform, entity
