"""What holds for every installed connector, and that each has its cases."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
import yaml

from hub.connectors.base import connectors
from hub.connectors.sessions import OAuthConnector, TokenSet
from hub.errors import RecordError
from hub.mapping.compile import CompiledMapping
from hub.mapping.examples import example_context, example_id
from hub.privacy.keyring import KeyRing
from hub.registry.files import SchemaFiles
from hub.settings import SourceSettings
from hub.steps.mappings import compile_document
from hub.steps.sources.authorize import current_tokens, finish_authorization
from hub.steps.sources.grant import Grant
from tests.conftest import FakeClock
from tests.connectors.cases import CONNECTORS, PAYLOADS, ROOT, covered
from tests.connectors.checks import Check, shows

FILES = SchemaFiles(ROOT / "schemas")
FIXTURES = sorted(PAYLOADS.glob("*/*/*.json"))
# Its messages are not documented: the mapping that is shipped is an example, and no release.
EXAMPLES = {"meituan/message_push": ROOT / "hub/connectors/meituan/example.yaml"}
# Recorded, and mapped by nobody yet.
UNMAPPED = {"douyin/open_event", "yonbip/event"}
CANARY = "金丝雀19900009999canary"
PULLERS = 6


def name_of(path: Path) -> str:
    return path.relative_to(PAYLOADS).as_posix().removesuffix(".json")


def platform_of(path: Path) -> str:
    return path.relative_to(PAYLOADS).parts[0]


FIXTURE = pytest.mark.parametrize(
    ("platform", "path"),
    [(platform_of(path), path) for path in FIXTURES],
    ids=[name_of(path) for path in FIXTURES],
)
TOKENS = pytest.mark.parametrize(
    ("platform", "source"),
    [
        pytest.param(platform, source, id=f"{platform}-{way}")
        for platform, cases in CONNECTORS.items()
        for way, source in cases.tokens.items()
    ],
)


def mappings_for(path: Path) -> list[CompiledMapping]:
    """The mappings that must take a stored payload: those of its contract, and the newest."""
    platform, entity, version = name_of(path).split("/")
    what = f"{platform}/{entity}"
    if what in EXAMPLES:
        return [compile_document(yaml.safe_load(EXAMPLES[what].read_text("utf-8")), FILES)]
    names = [name for name in FILES.mapping_names() if f"{name.platform}/{name.entity}" == what]
    newest = {str(name) for name in FILES.newest_mappings()}
    documents = {str(name): FILES.mapping(str(name)) for name in names}
    return [
        compile_document(document, FILES)
        for name, document in documents.items()
        if document["from"].endswith(f"/{version}") or name in newest
    ]


# ---- the registry


def test_every_connector_has_its_cases() -> None:
    assert set(CONNECTORS) == set(connectors())


@pytest.mark.parametrize("platform", sorted(connectors()))
def test_a_connector_is_put_to_every_check_or_says_why_not(platform: str) -> None:
    assert set(Check) - covered(platform) == set()


@pytest.mark.parametrize("platform", sorted(connectors()))
def test_every_shape_and_stream_has_its_suite(platform: str) -> None:
    connector, cases = connectors()[platform], CONNECTORS[platform]

    assert set(cases.pushes) == set(connector.pushes)
    assert set(cases.pulls) == set(getattr(connector, "streams", ()))
    assert bool(cases.tokens) == (hasattr(connector, "refresh") or hasattr(connector, "issue"))


@pytest.mark.parametrize("platform", sorted(connectors()))
def test_what_shows_a_check_elsewhere_is_there(platform: str) -> None:
    for nodes in CONNECTORS[platform].elsewhere.values():
        for node in nodes:
            file, _, name = node.partition("::")
            assert f"def {name}(" in (ROOT / file).read_text("utf-8"), node


# ---- every version of every contract


@FIXTURE
@shows(Check.VERSIONS)
def test_a_stored_payload_of_any_version_maps_by_its_own_mapping_and_the_newest(
    platform: str, path: Path
) -> None:
    payload = json.loads(path.read_text("utf-8"))
    mappings = mappings_for(path)
    assert bool(mappings) == (name_of(path).rpartition("/")[0] not in UNMAPPED)

    for mapping in mappings:
        mapped = mapping.map(payload, example_context(mapping), example_id)
        assert mapped.leads or mapped.interactions or mapped.documents, mapping.name


# ---- nothing of a person


def spoiled(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The payload with one value after the other put in the place of something that cannot be read."""
    for name in payload:
        for wrong in (CANARY, {"x": CANARY}, [[CANARY]], {CANARY: 1}):
            yield {**payload, name: wrong}
    yield {**payload, CANARY: CANARY}


@FIXTURE
@shows(Check.PRIVATE)
def test_whatever_is_wrong_with_a_payload_no_error_tells_of_the_person(
    platform: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    payload = json.loads(path.read_text("utf-8"))
    said: list[str] = []
    with caplog.at_level(logging.DEBUG):
        for mapping in mappings_for(path):
            for wrong in spoiled(payload):
                try:
                    mapped = mapping.map(wrong, example_context(mapping), example_id)
                except RecordError as error:
                    said.append(f"{error!r} {error} {error.path} {error.detail}")
                else:
                    said.append(str(mapped.not_a_lead))

    assert CANARY not in caplog.text
    assert not [text for text in said if CANARY in text]


# ---- the token


class CountedTokens:
    """A connector whose platform gives a new token at each asking and kills the one before."""

    def __init__(self, real: object) -> None:
        self._real = real
        self.given = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def exchange(self, *_: Any, now: datetime, **__: Any) -> TokenSet:
        return self._next(now)

    def refresh(self, *_: Any, now: datetime) -> TokenSet:
        return self._next(now)

    def issue(self, *_: Any, now: datetime) -> TokenSet:
        return self._next(now)

    def _next(self, now: datetime) -> TokenSet:
        self.given += 1
        later = now + timedelta(days=1)
        return TokenSet(f"at-{self.given}", later, f"rt-{self.given}", later + timedelta(days=30))


@pytest.mark.postgres
@TOKENS
@shows(Check.TOKENS)
def test_pullers_at_once_renew_a_dead_token_once(
    platform: str, source: SourceSettings, engine: sa.Engine, keyring: KeyRing, clock: FakeClock
) -> None:
    counted = CountedTokens(connectors()[platform])
    grant = Grant(engine, keyring, "case", source, cast(OAuthConnector, counted))
    if not grant.is_self_issued:
        finish_authorization(grant, code="demo", now=clock())
    stale = current_tokens(grant, now=clock()).access_token
    together = threading.Barrier(PULLERS)

    def ask(_: int) -> str:
        together.wait(10)
        return current_tokens(grant, now=clock(), stale=stale).access_token

    with ThreadPoolExecutor(PULLERS) as pool:
        got = set(pool.map(ask, range(PULLERS)))

    assert (stale, got, counted.given) == ("at-1", {"at-2"}, 2)
