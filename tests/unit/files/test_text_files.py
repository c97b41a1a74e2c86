"""Text files as they come from consoles and spreadsheets."""

from __future__ import annotations

import pytest

from hub.errors import ConfigError
from hub.files.text_files import decode, find_delimiter, read_delimited, read_json_lines

TEXT = "姓名,手机号,备注\n张三,19900001111,想了解一下课程的价格和时间\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk", "gb18030", "gb2312"])
def test_the_encodings_of_chinese_spreadsheets_are_recognised(encoding):
    assert decode(TEXT.encode(encoding)) == TEXT


def test_characters_that_only_gb18030_has_are_read():
    assert decode("姓名,备注\n张三,㐀这个字不在国标里面\n".encode("gb18030")).count("㐀") == 1


@pytest.mark.parametrize(
    "data",
    [
        "姓名,手機號碼,備註\n張三,19900001111,想瞭解課程的價格與時間\n".encode("big5"),
        TEXT.encode("utf-16-le"),
        b"\xff\xff\xfe\x81\x00 no text at all",
        "naïve, café, Ærø\n".encode("latin-1"),
    ],
    ids=["big5", "utf-16 without a mark", "no text", "latin-1"],
)
def test_an_unknown_encoding_says_what_was_tried(data):
    with pytest.raises(ConfigError, match=r"tried UTF-8, UTF-16 .* GB18030 .*--encoding"):
        decode(data)


def test_a_named_encoding_is_taken_or_refused_in_words():
    data = "姓名,手機\n".encode("big5")

    assert decode(data, "big5") == "姓名,手機\n"
    with pytest.raises(ConfigError, match="no such encoding"):
        decode(data, "nonsense")
    with pytest.raises(ConfigError, match="try another"):
        decode(data, "utf-8")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_by_looking(mark):
    rows = [["姓名", "手机号", "备注"], ["张三", "19900001111", "a"], ["李四", "19900001112", "b"]]
    text = "\n".join(mark.join(row) for row in rows)

    assert find_delimiter(text) == mark


def test_commas_within_a_message_do_not_make_it_the_delimiter():
    text = (
        "姓名;手机号;备注\n张三;19900001111;a,b,c,d,e\n李四;19900001112;f,g\n王五;19900001113;h\n"
    )

    assert find_delimiter(text) == ";"


def test_a_line_break_within_quotes_belongs_to_its_cell():
    grid = read_delimited('姓名,备注\n张三,"一\n二"\n李四,三\n', "a.csv")

    assert grid.rows[1] == ["张三", "一\n二"]
    assert grid.rows[2] == ["李四", "三"]


def test_a_quote_that_is_never_closed_names_its_row():
    text = '姓名,备注\n张三,一\n李四,"' + "二\n" * 100_000

    with pytest.raises(ConfigError, match="row 3: a quote"):
        read_delimited(text, "a.csv")


def test_json_lines_have_the_union_of_their_keys():
    grid = read_json_lines('{"a": "1"}\n\n{"b": {"c": 2}, "a": null}\n', "a.jsonl")

    assert grid.rows[0] == ["a", "b"]
    assert grid.rows[1] == ["1", ""]
    assert grid.rows[3] == ["", '{"c": 2}']


@pytest.mark.parametrize("text", ['{"a": 1}\n[1]\n', '{"a": 1}\n{"a": \n'])
def test_a_line_that_is_no_object_is_named(text):
    with pytest.raises(ConfigError, match=r"a\.jsonl:2"):
        read_json_lines(text, "a.jsonl")
