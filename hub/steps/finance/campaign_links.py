"""Links and QR codes that bring a campaign along: for pages, mini-programs, fairs, WeCom acquisition links. Pure."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

import segno

from hub.errors import ConfigError
from hub.mapping.transforms.text import is_macro
from hub.mapping.transforms.urls import UTM_FIELDS

# WeCom cuts a longer channel and gives back what is left: a lead of nobody's campaign.
WECOM_CHANNEL_BYTES = 64
_WECOM_HOST, _WECOM_PATH = "work.weixin.qq.com", "/ca/"
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_QR_CORRECTION = "m"  # 15 %: a poster at a fair is scratched, a longer code is harder to scan


@dataclass(frozen=True, slots=True)
class CampaignLink:
    """A link with its campaign, and what a person should know about it."""

    url: str
    utm: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def campaign_link(base: str, utm: Mapping[str, str], *, replace: bool = False) -> CampaignLink:
    """`base` with the campaign in it; other parameters and the fragment stay.

    A WeCom acquisition link gets `customer_channel` instead: it comes back as the contact's `state`.

    Args:
        base: The page's address, https.
        utm: UTM names and values; `utm_source` and `utm_campaign` are needed.
        replace: Put other values of the same names in the address right.

    Raises:
        ConfigError: the address or a value cannot be used; says why.
    """
    given = {name: value.strip() for name, value in utm.items() if value.strip()}
    _check(given)
    parts = urlsplit(base.strip())
    if parts.scheme not in ("https", "http") or not parts.netloc:
        raise ConfigError(f"{base!r} is no address; write it with https://")
    warnings = [*_warnings(given)]
    if parts.scheme == "http":
        warnings.append("http: browsers warn visitors; use https")
    if parts.netloc == _WECOM_HOST and parts.path.startswith(_WECOM_PATH):
        added = {"customer_channel": _wecom_channel(given)}
    else:
        added = given
    kept = parse_qsl(parts.query, keep_blank_values=True)
    other = [name for name, value in kept if name in added and value != added[name]]
    if other and not replace:
        raise ConfigError(
            f"the address has another {other[0]} already; add --replace to change it"
        )
    if parts.fragment.startswith(("/", "!/")) and "?" in parts.fragment:
        warnings.append("the address has parameters behind #; the campaign stands before it")
    pairs = [(name, value) for name, value in kept if name not in added] + list(added.items())
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)
    url = urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, parts.fragment))
    return CampaignLink(url, given, tuple(warnings))


def qr_png(url: str, *, pixels: int = 600) -> bytes:
    """A QR code of `url` as PNG, about `pixels` wide, with the quiet zone that scanners need.

    Raises:
        ConfigError: the address is too long for a code that a phone reads from paper.
    """
    code = _code(url)
    border = 4
    scale = max(1, pixels // (code.symbol_size()[0] + 2 * border))
    out = io.BytesIO()
    code.save(out, kind="png", scale=scale, border=border)
    return out.getvalue()


def qr_svg(url: str) -> bytes:
    """A QR code of `url` as SVG, for print.

    Raises:
        ConfigError: as `qr_png`.
    """
    out = io.BytesIO()
    _code(url).save(out, kind="svg", border=4)
    return out.getvalue()


def _code(url: str) -> segno.QRCode:
    try:
        return segno.make_qr(url, error=_QR_CORRECTION, boost_error=False)
    except segno.DataOverflowError:
        raise ConfigError(
            f"an address of {len(url.encode())} bytes is too long for a QR code; shorten it"
        ) from None


def _check(utm: Mapping[str, str]) -> None:
    unknown = sorted(set(utm) - set(UTM_FIELDS))
    if unknown:
        raise ConfigError(f"{unknown[0]} is none of {', '.join(UTM_FIELDS)}")
    for name in ("utm_source", "utm_campaign"):
        if name not in utm:
            raise ConfigError(
                f"a link without {name} cannot be told from others: give --{name[4:]}"
            )
    for name, value in utm.items():
        if len(value) > 200 or any(ord(letter) < 32 for letter in value):
            raise ConfigError(f"{name} must be one line of at most 200 characters")


def _warnings(utm: Mapping[str, str]) -> list[str]:
    """What will not break, but makes figures hard to read."""
    found = []
    for name, value in utm.items():
        if is_macro(value):
            found.append(
                f"{name}: {value} looks like a macro that only a platform's own links fill"
            )
        elif name != "utm_term" and not _NAME.fullmatch(value):
            found.append(f"{name}: {value} is not of the form lower_case_words")
    return found


def _wecom_channel(utm: Mapping[str, str]) -> str:
    """The campaign's code, with the content behind it where several links share a campaign."""
    parts = [utm["utm_campaign"], *([utm["utm_content"]] if "utm_content" in utm else [])]
    channel = ".".join(parts)
    size = len(channel.encode())
    if size > WECOM_CHANNEL_BYTES:
        raise ConfigError(
            f"WeCom keeps {WECOM_CHANNEL_BYTES} bytes of a channel, {channel!r} has {size}: shorten it"
        )
    return channel


def _quoted(text: str) -> str:
    return quote(text, safe="-._~:/@")
