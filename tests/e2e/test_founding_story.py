"""The hub's reason to exist: 用户抖音号 appears overnight, and nothing is lost, once tolerant and once strict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.errors import RecordError
from hub.mapping.examples import example_context, example_id
from hub.registry.files import SchemaFiles
from hub.steps.mappings import compile_document
from tests.e2e.founding_story import ROOT, TAGS, Length, Story, strict_documents

pytestmark = [pytest.mark.postgres]

SHORT = Length(change_at=200, publish_at=450, leads=600)
LONG = Length(change_at=2500, publish_at=4200, leads=5000)
LENGTHS = [
    pytest.param(SHORT, id="short"),
    pytest.param(LONG, id="5000", marks=pytest.mark.chaos),
]
ADDED = sorted(f"/{name}" for name in ("douyin_id", *TAGS))
Tell = Callable[..., Story]


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Tell]:
    """A story that was begun, ended with the test."""
    told: list[Story] = []

    def begin(length: Length, *, strict: bool) -> Story:
        story = Story(tmp_path, length, strict)
        told.append(story)
        story.begin()
        return story

    yield begin
    for story in told:
        story.close()


def play(story: Story) -> None:
    """Up to the end: leads, the change, the alert, the question, the publication, the replay, rest."""
    length = story.length
    story.wait_for_leads(length.change_at + 1)
    story.wait_for_alert()
    story.wait_for_leads(length.publish_at)
    found = story.findings()
    assert [row["pointer"] for row in found] == ADDED
    asked = next(row["id"] for row in found if row["pointer"] == "/douyin_id")
    refused = story.run("drift", "publish", asked, "--reason", "x", "--no-wait", check=False)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "--answer douyin_id=" in refused.stdout + refused.stderr
    story.publish(asked, "douyin_id=repoint")
    story.wait_for_replay()
    story.wait_for_leads(length.leads)


def check(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost, nothing stays held, every changed lead has what came with the change."""
    verified = story.end()
    documents = story.documents()
    expected = {each.id for each in story.sent.leads}
    changed = story.changed()
    gained = [each for each in changed if has_gained(documents.get(each.id, {}))]
    story.figures |= {"gained": len(gained), "lost": len(expected - documents.keys())}
    figures = {name: round(value, 3) for name, value in sorted(story.figures.items())}
    with capsys.disabled():  # the figures are what the story is told for
        print(f"\n{'strict' if story.strict else 'tolerant'}: {json.dumps(figures)}")  # noqa: T201 -- see above

    assert story.sent.given_up == []
    assert documents.keys() == expected
    assert len(gained) == len(changed)
    assert len(story.affected()) >= 0.3 * len(expected) > 0
    assert story.held() == 0
    assert verified.holds
    assert verified.delivery_law.differences() == verified.record_law.differences() == {}
    if story.length is LONG:
        assert story.figures["alert_after_s"] < 2
        assert story.figures["replayed_after_s"] < 10
        assert story.figures["p99_during_ms"] <= 2 * story.figures["p99_before_ms"]


def has_gained(document: Mapping[str, Any]) -> bool:
    """Whether a lead has 用户抖音号 and all eight tags."""
    is_there = str(document.get("douyin_id", "")).startswith("dy_demo_")
    return is_there and len(document.get("ext", {}).keys() & set(TAGS)) == len(TAGS)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_tolerant_hub_holds_nothing_and_gives_leads_what_came_later(
    tell: Tell, length: Length, capsys: pytest.CaptureFixture[str]
) -> None:
    story = tell(length, strict=False)
    play(story)

    assert story.held_before == 0
    check(story, capsys)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_strict_hub_holds_leads_until_the_question_is_answered(
    tell: Tell, length: Length, capsys: pytest.CaptureFixture[str]
) -> None:
    story = tell(length, strict=True)
    play(story)

    assert story.held_before >= 0.3 * (length.publish_at - length.change_at) > 0
    check(story, capsys)


def test_the_agencys_own_rules_refuse_what_they_do_not_know() -> None:
    """The strict form is strict: otherwise the story above would prove nothing."""
    document, contract = strict_documents()
    mapping = compile_document(document, SchemaFiles(ROOT / "schemas"), contract=contract)
    payload = document["tests"][0]["payload"]
    context = example_context(mapping)

    known = mapping.map(payload, context, example_id)
    assert known.leads[0].doc["douyin_id"] == payload["uid"]
    with pytest.raises(RecordError, match="contract"):
        mapping.map({**payload, "douyin_id": "dy_demo_1"}, context, example_id)
