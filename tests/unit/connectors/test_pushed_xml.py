"""XML of strangers: read as objects and texts, and nothing in it is followed or grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.pushed_xml import read_xml


def test_elements_are_texts_objects_and_lists() -> None:
    body = (
        "<xml><a><![CDATA[张&三]]></a><b>1</b><b>2</b><b>3</b><c x='1'><d> e </d>\n</c><f/></xml>"
    )

    assert read_xml(body.encode()) == {
        "a": "张&三",
        "b": ["1", "2", "3"],
        "c": {"d": " e "},
        "f": "",
    }


def test_the_five_entities_of_xml_are_read() -> None:
    assert read_xml(b"<x><a>&lt;&amp;&gt;&#24352;</a></x>") == {"a": "<&>张"}


def test_a_long_text_comes_whole() -> None:
    text = "中" * 100_000

    assert read_xml(f"<x><a>{text}</a></x>".encode()) == {"a": text}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"text",
        b"<x>text</x>",
        b"<x/>",
        b"<x><a></x>",
        b"<x><a>&b;</a></x>",
        b"<x><a>\xff</a></x>",
        b"<x><a>\x00</a></x>",
        b"<x><a/></x><y/>",
        b"<!DOCTYPE x><x><a>1</a></x>",
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><x><a>1</a></x>',
        b'<!DOCTYPE x [<!ENTITY a "1">]><x><a>&a;</a></x>',
        b'<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/hostname">%p;]><x><a>1</a></x>',
        b"<x>" + b"<a>" * 40 + b"</a>" * 40 + b"</x>",
        b"<x>" + b"<a/>" * 30_000 + b"</x>",
    ],
)
def test_what_is_no_plain_document_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the one promise is the type
        read_xml(body)


@given(
    st.binary(max_size=300) | st.binary(max_size=100).map(lambda b: b"<x><a>" + b + b"</a></x>")
)
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    try:
        read_xml(body)
    except ValueError:
        return
