"""Links that carry a campaign: what a form or WeCom gives back is what was asked for."""

from __future__ import annotations

import struct
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.steps.finance.campaign_links import campaign_link, qr_png, qr_svg

PAGE = "https://www.example.com/course"
FAIR = {"utm_source": "fair", "utm_medium": "qr", "utm_campaign": "fair_202603"}


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


def test_a_link_carries_its_campaign() -> None:
    link = campaign_link(PAGE, FAIR)

    assert link.url == f"{PAGE}?utm_source=fair&utm_medium=qr&utm_campaign=fair_202603"
    assert link.warnings == ()


def test_other_parameters_and_the_fragment_stay() -> None:
    link = campaign_link(f"{PAGE}?shop=3&empty=#/apply", FAIR)

    assert query_of(link.url)["shop"] == ["3"]
    assert query_of(link.url)["empty"] == [""]
    assert urlsplit(link.url).fragment == "/apply"


text = st.text(st.characters(min_codepoint=32, codec="utf-8"), min_size=1, max_size=60)


@given(source=text.filter(str.strip), campaign=text.filter(str.strip))
def test_any_value_comes_back_as_it_was(source: str, campaign: str) -> None:
    link = campaign_link(PAGE, {"utm_source": source, "utm_campaign": campaign})

    assert query_of(link.url)["utm_source"] == [source.strip()]
    assert query_of(link.url)["utm_campaign"] == [campaign.strip()]


def test_the_same_campaign_twice_changes_nothing() -> None:
    link = campaign_link(PAGE, FAIR)

    assert campaign_link(link.url, FAIR).url == link.url


def test_another_campaign_in_the_address_is_not_overwritten_in_silence() -> None:
    address = f"{PAGE}?utm_source=baidu"

    with pytest.raises(ConfigError, match="--replace"):
        campaign_link(address, FAIR)
    assert query_of(campaign_link(address, FAIR, replace=True).url)["utm_source"] == ["fair"]


@pytest.mark.parametrize(
    ("address", "utm", "says"),
    [
        ("www.example.com", FAIR, "https://"),
        ("javascript:alert(1)", FAIR, "https://"),
        (PAGE, {"utm_source": "fair"}, "--campaign"),
        (PAGE, {"utm_campaign": "x"}, "--source"),
        (PAGE, {**FAIR, "utm_term": "x" * 201}, "utm_term"),
        (PAGE, {**FAIR, "utm_term": "a\nb"}, "one line"),
        (PAGE, {**FAIR, "campaign": "x"}, "none of"),
    ],
)
def test_what_cannot_be_a_link_is_refused_in_words(
    address: str, utm: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        campaign_link(address, utm)


def test_what_makes_figures_hard_to_read_is_a_note() -> None:
    link = campaign_link(PAGE, {**FAIR, "utm_campaign": "__CAMPAIGN_NAME__", "utm_source": "Fair"})

    assert [note.split(":")[0] for note in link.warnings] == ["utm_source", "utm_campaign"]


def test_a_wecom_link_gets_the_channel_that_comes_back_as_state() -> None:
    link = campaign_link(
        "https://work.weixin.qq.com/ca/cawcdeDEMO", {**FAIR, "utm_content": "booth_3"}
    )

    assert query_of(link.url) == {"customer_channel": ["fair_202603.booth_3"]}


def test_a_channel_that_wecom_would_cut_is_refused() -> None:
    with pytest.raises(ConfigError, match="64 bytes"):
        campaign_link("https://work.weixin.qq.com/ca/x", {**FAIR, "utm_campaign": "展会" * 11})


def test_a_qr_code_is_a_square_picture_with_room_for_scanners() -> None:
    png = qr_png(campaign_link(PAGE, FAIR).url, pixels=600)
    width, height = struct.unpack(">II", png[16:24])

    assert png.startswith(b"\x89PNG")
    assert width == height
    assert 400 <= width <= 600
    assert qr_svg(PAGE).lstrip().startswith(b"<?xml")


def test_an_address_that_no_phone_reads_from_paper_is_refused() -> None:
    with pytest.raises(ConfigError, match="too long"):
        qr_png(f"{PAGE}?x={'y' * 3000}")
