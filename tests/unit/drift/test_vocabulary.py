"""The vocabulary knows whole names, not parts: an author's name is no customer's name."""

from __future__ import annotations

import pytest

from hub.drift.places import path_of, pointer_of, schema_at, value_at, with_value, without
from hub.drift.vocabulary import SYNONYMS, Vocabulary, leaf_of, normal_name, words_of
from tests.unit.drift.situations import CANONICAL, CONTRACT


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("createTime", "create_time"),
        ("Create-Time", "create_time"),
        ("userID", "user_id"),
        ("ＰＨＯＮＥ", "phone"),
        ("用户抖音号", "用户抖音号"),
        ("HTTPServer2", "http_server2"),
    ],
)
def test_names_are_compared_in_one_spelling(text: str, normal: str) -> None:
    assert normal_name(text) == normal


def test_every_meaning_is_a_canonical_field() -> None:
    assert SYNONYMS.keys() <= CANONICAL["properties"].keys()


def test_no_word_means_two_fields() -> None:
    words = [normal_name(word) for listed in SYNONYMS.values() for word in listed]

    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("pointer", "label", "field"),
    [
        ("/telephone", "", "mobile_e164"),
        ("/contact/phone", "", "mobile_e164"),
        ("/x", "用户抖音号", "douyin_id"),
        ("/x", "抖音号", "douyin_id"),
        ("/dyId", "", "douyin_id"),
        ("/weixin", "", "wechat_id"),
    ],
)
def test_a_name_or_a_label_says_what_a_field_means(pointer: str, label: str, field: str) -> None:
    meaning = Vocabulary(CANONICAL).meaning(pointer, label)

    assert meaning is not None
    assert meaning.field == field


@pytest.mark.parametrize(
    "name", ["author_name", "phone_md5", "start_time", "store_city", "fan_level", "uid"]
)
def test_a_word_that_says_more_means_nothing_yet(name: str) -> None:
    assert Vocabulary(CANONICAL).meaning(f"/{name}") is None


def test_another_id_of_the_same_person_is_a_sibling() -> None:
    vocabulary = Vocabulary(CANONICAL)

    assert vocabulary.is_sibling("douyin_id", "/uid")
    assert vocabulary.is_sibling("douyin_id", "/x", "用户UID")
    assert not vocabulary.is_sibling("douyin_id", "/author_uid")


def test_words_of_chinese_names_are_pairs() -> None:
    assert words_of("联系电话") == {"联系", "系电", "电话"}
    assert words_of("storeName") == {"store", "name"}
    assert leaf_of("/contacts/0/phone") == "phone"
    assert leaf_of("/a/0") == "a"


@pytest.mark.parametrize(
    ("pointer", "path"),
    [
        ("/a", "a"),
        ("/contacts/0/phone", "contacts[0].phone"),
        ("/a.b/c", '"a.b".c'),
        ("/备注/内容", "备注.内容"),
    ],
)
def test_pointers_and_paths_name_the_same_place(pointer: str, path: str) -> None:
    assert path_of(pointer) == path
    assert pointer_of(path) == pointer


def test_values_are_found_and_set_where_a_pointer_says() -> None:
    payload = {"contacts": [{"phone": "1"}], "text": '{"a": {"b": 2}}'}

    assert value_at(payload, "/contacts/0/phone") == "1"
    assert value_at(payload, "/text/a/b") == 2
    assert value_at(payload, "/contacts/3/phone") is None
    assert with_value({}, "/contacts/0/phone", "5") == {"contacts": [{"phone": "5"}]}
    assert without(payload, "/contacts/0/phone")["contacts"] == [{}]
    assert without(payload, "/nothing/here") == payload
    assert schema_at(CONTRACT, "/phone")["x-pii"] == "phone"
    assert schema_at(CONTRACT, "/phone/x") is None
