"""Every alert can be said in Chinese and English, by the same facts; nothing English is left in the Chinese."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Any

import pytest

from hub.alerts.kinds import KINDS, Sentence
from hub.alerts.saying import Said, in_language, say, say_or_keep
from hub.alerts.sentences import SENTENCES
from hub.alerts.words import WORDS_EN, WORDS_ZH
from hub.connectors.base import Notice
from hub.connectors.esign.connector import NOTICES as ESIGN
from hub.connectors.wecom.notices import NOTICES as WECOM
from hub.drift.kinds import Kind
from hub.escalation.model import Language
from hub.model.outcome import HeldReason
from hub.reconciliation.gate import Unknown
from hub.reconciliation.kinds import BreakKind
from hub.settings import HubSettings, SourceSettings
from hub.steps.checks import declared_checks
from tests.some_alert import some_facts
from tests.unit.escalation.builders import an_alert

CASES = [(kind, case) for kind, cases in SENTENCES.items() for case in cases]
LANGUAGES: tuple[Language, Language] = ("zh", "en")
# Names of things that have no other: processes, products, settings, files, units.
NAMES = {
    "Dagster", "HUB_HOME", "MB", "ms", "alerts.channels", "alerts.recipients", "dagster-daemon",
    "docs/deployment.md", "hub.yaml", "max_connections", "options.app_id", "runs", "spool/damaged",
    "timedatectl status", "work.weixin.qq.com", "SELECT pg_terminate_backend(pid)",
}  # fmt: skip
COMMAND = re.compile(r"hub [a-z]+(?: [a-z]+)*|--[a-z]+")


def fields(text: str) -> Iterator[str]:
    return (name for _, name, _, _ in string.Formatter().parse(text) if name)


def latin(text: str) -> list[str]:
    """Latin words that are neither facts, names nor commands."""
    literal = "".join(before for before, *_ in string.Formatter().parse(text))
    literal = COMMAND.sub("", literal)
    for name in sorted(NAMES, key=len, reverse=True):
        literal = literal.replace(name, "")
    return re.findall(r"[A-Za-z]{2,}", literal)


def test_every_kind_has_a_sentence() -> None:
    assert set(SENTENCES) == set(KINDS)


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_both_languages_say_every_case(kind: str, case: str) -> None:
    facts = some_facts(kind, case)
    zh, en = (say(kind, facts, language) for language in LANGUAGES)

    assert zh.summary
    assert zh.action
    assert en.summary
    assert en.action


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_the_chinese_names_what_the_english_names(kind: str, case: str) -> None:
    one: Sentence = SENTENCES[kind][case]
    # English errors of others are told in Chinese by their code, a check by its name.
    english_only = {"error", "note", "text", "mend"}
    missed = {*fields(one.en), *fields(one.run)} - {
        *fields(one.zh),
        *fields(one.run_zh or one.run),
    }

    assert missed <= english_only


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_nothing_english_is_left_in_the_chinese(kind: str, case: str) -> None:
    one = SENTENCES[kind][case]

    assert latin(one.zh) == []
    assert latin(one.run_zh or one.run) == []
    assert re.search(r"[\u4e00-\u9fff]", one.zh) or kind in {
        "change-notice"
    }  # its title is Chinese


@pytest.mark.parametrize("notice", [*WECOM.values(), *ESIGN.values()], ids=lambda one: one.text)
def test_what_platforms_say_is_said_in_chinese(notice: Notice) -> None:
    assert latin(notice.text_zh) == latin(notice.action_zh) == []


def test_every_word_of_a_closed_set_has_its_chinese() -> None:
    settings = HubSettings(
        sources={"douyin-main": SourceSettings(platform="douyin", push="clue_push")}
    )
    closed: dict[str, set[str]] = {
        "change": set(Kind),
        "break": set(BreakKind),
        "unknown": set(Unknown),
        "reason": set(HeldReason),
        "check": {one.name for one in declared_checks(settings)},
    }

    assert {table: words - set(WORDS_ZH[table]) for table, words in closed.items()} == {
        table: set() for table in closed
    }
    assert set(WORDS_ZH["count"]) == set(WORDS_EN["count"])


def test_facts_are_written_as_people_write_them() -> None:
    held = {"source": "ads", "records": 10, "reasons": [["no_mapping", 7], ["elsewhere", 3]]}
    lost = {"source": "ads", "case": "early", "until": "2026-02-17T18:00:00+00:00", "command": "x"}

    assert say("held", held, "zh").summary == (
        "来源 ads 有 10 条记录被扣留，未入库：没有映射 7、elsewhere 3"
    )
    assert say("held", held, "en").summary == (
        "source ads: 10 records are held: no_mapping 7, elsewhere 3"
    )
    assert "2026-02-18 02:00（北京时间）才结束" in say("grant-lost", lost, "zh").summary
    assert "2026-02-18 02:00 Shanghai time" in say("grant-lost", lost, "en").summary


def test_of_many_words_the_first_are_said() -> None:
    changes = [["field_added", f"/f{number}"] for number in range(9)]
    facts = {
        "where": "x/y",
        "changes": changes,
        "since": "2026-02-17T03:00:00Z",
        "held": 0,
        "command": "c",
    }

    assert "新增字段 /f5等 9 项；" in say("drift", facts, "zh").summary
    assert "field_added /f5 and 3 more since" in say("drift", facts, "en").summary


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [(5, "5 秒", "5 s"), (119, "119 秒", "119 s"), (120, "2 分钟", "2 min"),
     (7199, "120 分钟", "120 min"), (7200, "2 小时", "2 h")],
)  # fmt: skip
def test_spans_are_said_in_words(seconds: int, zh: str, en: str) -> None:
    facts = {"age": seconds}

    assert f"已等待 {zh}" in say("queue-age", facts, "zh").summary
    assert say("queue-age", facts, "en").summary.endswith(f"for {en}")


def test_braces_in_a_fact_are_only_text() -> None:
    facts = {"source": "{0.__class__}", "records": 1, "reasons": [["{}", "{x}"]]}

    assert say("held", facts, "en").summary == "source {0.__class__}: 1 records are held: {} {x}"


@pytest.mark.parametrize(
    ("facts", "match"),
    [({"case": "nobody"}, "no sentence for the case 'nobody'"), ({}, "lacks the fact 'source'")],
)
def test_what_cannot_be_said_is_refused_when_it_is_raised(
    facts: dict[str, Any], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        say("held", facts, "zh")


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("held", {}),
        ("held", {"source": "ads", "records": 1}),
        ("queue-age", {"age": "soon"}),
        ("grant-expires", {"source": "ads", "ends": None}),
        ("platform-count", {"source": "a", "day": "b", "figures": [["stated"]], "command": "c"}),
        ("gone", {}),
        ("held", {"case": ["x"]}),
    ],
)
def test_who_reads_always_gets_words(kind: str, facts: dict[str, Any]) -> None:
    """Alerts of another release have other facts, or none: the stored words are there."""
    stored = Said("as it was", "hub doctor")

    assert say_or_keep(kind, facts, "zh", stored) == stored


def test_an_alert_is_put_into_a_language() -> None:
    one = an_alert(dedupe_key="queue-age", facts={"age": 600.0})

    assert in_language(one, "zh").summary == "队列中最早的线索已等待 10 分钟"
    assert in_language(one, "en") == one
