"""Messages say what happened, since when, how often, whose, what to run, and why one is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.escalation.model import SEVERITIES, Event, Language
from hub.escalation.wording import MOST_BYTES, Words, clip, digest_words, words
from tests.unit.escalation.builders import NIGHT, after, an_alert

TITLE = "字段变更"
LANGUAGES: tuple[Language, ...] = get_args(Language)
STORY = an_alert(
    first_at=NIGHT,
    last_at=after(47, NIGHT),
    count=12_408,
    merchant="clinic",
    owner="growth",
)


def size(told: Words) -> int:
    return sum(len(line.encode()) + 1 for line in (told.title, *told.lines))


def test_the_alert_of_the_story_in_chinese() -> None:
    told = words(STORY, Event.CLIMBED, title=TITLE, language="zh", step=1)

    assert told.title == "【升级】【严重】字段变更"
    assert told.lines == (
        "发生：source douyin-main: a new required field",
        "开始：2026-02-17 21:14（北京时间）",
        "次数：12,408，最近一次 2026-02-17 22:01",
        "商家：clinic，负责人：growth",
        "处理：hub drift list",
        "升级：第 2 级。此前无人确认，请处理并确认。",
    )


def test_the_same_in_english() -> None:
    told = words(STORY, Event.CLIMBED, title="Fields changed", language="en", step=1)

    assert told.title == "[escalated] [critical] Fields changed"
    assert told.lines == (
        "What: source douyin-main: a new required field",
        "Since: 2026-02-17 21:14 (Shanghai time)",
        "Times: 12,408, last at 2026-02-17 22:01",
        "merchant clinic, owner growth",
        "Run: hub drift list",
        "Step 2: nobody has acknowledged it so far. Please see to it and acknowledge it.",
    )


def test_what_is_not_there_takes_no_line() -> None:
    bare = replace(STORY, count=1, merchant=None, owner=None, action="")

    assert len(words(bare, Event.OPENED, title=TITLE, language="zh").lines) == 3


@pytest.mark.parametrize(("language", "mark"), [("zh", "【重发】"), ("en", "[repeated] ")])
def test_what_may_have_come_before_is_marked(language: Language, mark: str) -> None:
    once = words(STORY, Event.OPENED, title=TITLE, language=language)
    again = words(STORY, Event.OPENED, title=TITLE, language=language, is_repeat=True)

    assert again.title == mark + once.title
    assert again.lines == once.lines


def test_a_reminder_says_which_it_is() -> None:
    told = words(STORY, Event.REPEATED, title=TITLE, language="zh", step=3)

    assert told.title.startswith("【仍未确认】")
    assert told.lines[-1].startswith("第 3 次提醒")


def test_who_took_it_is_said() -> None:
    taken = replace(STORY, acknowledged_at=after(60, NIGHT), acknowledged_by="zhang_san")
    nameless = replace(taken, acknowledged_by=None)

    said = words(taken, Event.ACKNOWLEDGED, title=TITLE, language="zh")
    assert said.lines[-1] == "zhang_san 已于 2026-02-17 22:14 确认，不再升级。"
    said = words(nameless, Event.ACKNOWLEDGED, title=TITLE, language="en")
    assert said.lines[-1] == "Somebody acknowledged it at 2026-02-17 22:14; it climbs no more."


def test_the_end_is_said_with_its_hour() -> None:
    over = replace(STORY, closed_at=after(60, NIGHT))

    told = words(over, Event.CLOSED, title=TITLE, language="zh")

    assert told.title.startswith("【已结束】")
    assert "2026-02-17 22:14" in told.lines[-1]


def test_a_state_that_changed_before_the_message_went_out_still_has_words() -> None:
    for event in (Event.ACKNOWLEDGED, Event.CLOSED):
        assert words(STORY, event, title=TITLE, language="zh").lines[-1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", Event)
def test_the_longest_message_fits(language: Language, event: Event) -> None:
    long = "字段😀" * 2_000
    alert = replace(
        STORY,
        summary=long,
        action=long,
        merchant=long,
        owner=long,
        count=2**63,
        acknowledged_at=NIGHT,
        acknowledged_by=long,
        closed_at=NIGHT,
    )

    told = words(alert, event, title=long, language=language, is_repeat=True, step=99)

    assert size(told) <= MOST_BYTES
    assert told.lines[0].endswith("…")


@given(st.text(), st.integers(3, 40))
def test_clipping_cuts_letters_not_bytes(text: str, most: int) -> None:
    clipped = clip(text, most)

    assert len(clipped.encode()) <= most
    assert "\N{REPLACEMENT CHARACTER}" not in clipped or "\N{REPLACEMENT CHARACTER}" in text
    assert clipped.isprintable()


def test_a_summary_cannot_add_lines_or_turn_the_writing() -> None:
    sly = replace(STORY, summary="a\n\n处理：rm\r\u2028x\u202ey\x00\ud800z {0}")

    told = words(sly, Event.OPENED, title=TITLE, language="zh")

    assert told.lines[0] == "发生：a 处理：rm xyz {0}"


def test_a_digest_lists_the_open_and_worst_first_and_counts_the_rest() -> None:
    items = [
        (an_alert(id=n, severity=severity, first_at=after(-n), dedupe_key=f"{kind}:{n}"), event)
        for n, (severity, kind, event) in enumerate(
            [
                ("critical", "gate", Event.CLOSED),
                ("warning", "drift", Event.OPENED),
                ("critical", "loader", Event.OPENED),
                ("critical", "disk", Event.OPENED),
            ]
        )
    ]

    told = digest_words(items, {"disk": "磁盘将满", "loader": "加载停止"}, "zh")

    assert told.title == "【汇总】4 条告警消息，其中严重 3 条"
    heads = [line.partition("：")[0] for line in told.lines]
    assert heads == [
        "【严重】磁盘将满",
        "【严重】加载停止",
        "【警告】drift",
        "【已结束】【严重】gate",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(SEVERITIES), st.sampled_from(Event), st.text(max_size=60), st.text()
        ),
        max_size=40,
    )
)
def test_a_digest_fits_and_accounts_for_all(
    language: Language, rows: list[tuple[str, Event, str, str]]
) -> None:
    items = [
        (an_alert(id=n, severity=severity, dedupe_key=key, summary=text * 9), event)
        for n, (severity, event, key, text) in enumerate(rows)
    ]

    told = digest_words(items, {}, language)

    assert size(told) <= MOST_BYTES
    listed = [line for line in told.lines if "hub alerts list" not in line]
    if len(listed) < len(items):
        assert str(len(items) - len(listed)) in told.lines[-1]


def test_a_storm_is_one_short_message() -> None:
    items = [
        (an_alert(id=n, first_at=NIGHT + timedelta(seconds=n)), Event.OPENED) for n in range(500)
    ]

    told = digest_words(items, {}, "zh")

    assert len(told.lines) == 11
    assert told.lines[-1] == "另有 490 条未列出，查看：hub alerts list"
