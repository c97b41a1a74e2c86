"""The shipped documents: contracts, mappings, and the hashes that freeze them once released."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hub.errors import ConfigError
from hub.mapping.document import MappingName, parse_name
from hub.mapping.nearest import did_you_mean
from hub.settings import HubSettings

RELEASED = "released.json"
CANONICAL_LEAD = "canonical/lead"
_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class SchemaFiles:
    """The documents under one folder. What was read is kept: released files never change."""

    root: Path

    def contract(self, name: str) -> dict[str, Any]:
        """A contract by its name: `raw/douyin/clue/1-0-0`.

        Raises:
            ConfigError: there is none, or it is no JSON.
        """
        return _read_contract(self.root, name)

    def newest_contract(self, place: str) -> dict[str, Any]:
        """The newest contract of a folder such as `canonical/lead`.

        Raises:
            ConfigError: the folder holds none.
        """
        names = sorted((self.root / place).glob("*-*-*.json"), key=lambda p: version_key(p.stem))
        if not names:
            raise ConfigError(
                f"{place}: no contract in {self.root}; see `schemas_dir` in hub.yaml"
            )
        return self.contract(f"{place}/{names[-1].stem}")

    def mapping(self, name: str) -> dict[str, Any]:
        """A mapping document by its name: `douyin/clue/1-0-0`.

        Raises:
            ConfigError: there is none, or it is no YAML.
        """
        return read_mapping(self.root / "mappings" / f"{name}.yaml")

    def mapping_names(self) -> list[MappingName]:
        """All shipped mappings, oldest version of each first."""
        found = [
            parse_name(path.relative_to(self.root / "mappings").with_suffix("").as_posix())
            for path in (self.root / "mappings").glob("*/*/*.yaml")
        ]
        return sorted(found, key=lambda n: (n.platform, n.entity, version_key(n.version)))

    def newest_mappings(self) -> list[MappingName]:
        """The newest version of each shipped mapping."""
        return list({(n.platform, n.entity): n for n in self.mapping_names()}.values())

    def documents(self) -> dict[str, str]:
        """Every contract and mapping file: path relative to the folder → sha256."""
        files = [*self.root.rglob("*-*-*.json"), *self.root.rglob("*-*-*.yaml")]
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(files)
        }

    def released(self) -> dict[str, str]:
        """What is released, as `documents` gives it; {} before the first release."""
        path = self.root / RELEASED
        return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}

    def release(self) -> list[str]:
        """Freeze every new document; the paths that were new.

        Raises:
            ConfigError: a released document was changed or is gone; nothing is written then.
        """
        known, found = self.released(), self.documents()
        wrong = sorted(path for path, digest in known.items() if found.get(path) != digest)
        if wrong:
            raise ConfigError(
                f"released and frozen, yet changed or gone: {', '.join(wrong)}; add a version"
            )
        new = sorted(found.keys() - known.keys())
        if new:
            text = json.dumps(found, indent=2, sort_keys=True) + "\n"
            (self.root / RELEASED).write_text(text, "utf-8")
        return new


def schema_files(settings: HubSettings) -> SchemaFiles:
    """The documents of this installation: `schemas_dir`, else the checkout's `schemas/`, else the wheel's.

    Raises:
        ConfigError: there is no such folder.
    """
    if settings.schemas_dir:
        places = [Path(settings.schemas_dir).absolute()]
    else:
        places = [_PACKAGE.parent / "schemas", _PACKAGE / "_schemas"]
    for place in places:
        if (place / "mappings").is_dir():
            return SchemaFiles(place)
    raise ConfigError(f"no contracts and mappings in {places[0]}; set `schemas_dir` in hub.yaml")


def pii_kinds(settings: HubSettings) -> dict[str, str]:
    """Canonical lead field → its `x-pii` kind, from the newest contract."""
    contract = schema_files(settings).newest_contract(CANONICAL_LEAD)
    return {name: str(field["x-pii"]) for name, field in contract["properties"].items()}


def version_key(version: str) -> tuple[int, ...]:
    """A version for sorting: `1-10-0` comes after `1-9-0`."""
    return tuple(int(part) for part in version.split("-"))


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping document in a file, with the types that JSON has.

    Raises:
        ConfigError: no such file, no YAML, a key twice, or no object; names file and line.
    """
    try:
        document = yaml.load(path.read_text("utf-8"), _JsonLoader)  # noqa: S506 -- a SafeLoader
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such mapping") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise ConfigError(f"{path}:{mark.line + 1 if mark else 1}: {problem}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}:1: a mapping is an object")
    # Once through JSON: what a file says and what the registry gives back are then the same.
    return dict(json.loads(json.dumps(document)))


class _JsonLoader(yaml.SafeLoader):
    """YAML with JSON's types: no dates, no yes/no; a key stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The object of a node, refusing a key that stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                problem = f"{key.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_JsonLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:timestamp"
        and (tag != "tag:yaml.org,2002:bool" or first in "tTfF")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@cache
def _read_contract(root: Path, name: str) -> dict[str, Any]:
    try:
        return dict(json.loads((root / f"{name}.json").read_text("utf-8")))
    except FileNotFoundError as error:
        known = [
            one.relative_to(root).with_suffix("").as_posix() for one in root.rglob("*-*-*.json")
        ]
        raise ConfigError(
            f"from: {name}: no such contract in the schemas folder{did_you_mean(name, known)}"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{name}: not valid JSON") from error
