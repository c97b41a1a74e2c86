"""Names by which a visit says where it came from; equal to hub.js's lists, and a test says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id")
CLICK = (
    "bd_vid", "gdt_vid", "qz_gdt", "clickid", "gclid", "gbraid", "wbraid", "gad_source",
    "msclkid", "dclid", "fbclid", "ttclid", "twclid", "li_fat_id",
)  # fmt: skip
# Names that anybody uses: a click id only where the visit shows whose it is.
GENERIC = {
    "callback": re.compile(
        r"kuaishou|gifshow|chenzhongtech|^ks([_-]|$)|douyin|toutiao|oceanengine", re.IGNORECASE
    ),
    "click_id": re.compile(r"xiaohongshu|xhs|redbook", re.IGNORECASE),
}
PAGE = ("landing_url", "referrer", "page_url")
NAMES = frozenset((*UTM, *CLICK, *GENERIC, *PAGE))


def touch_of(values: Mapping[str, str]) -> dict[str, Any]:
    """The touch that flat form fields describe; {} if they say nothing of a visit.

    `click` holds click ids, `click_unknown` generic names without a hint of their platform.
    """
    touch: dict[str, Any] = {name: values[name] for name in (*UTM, *PAGE[:2]) if values.get(name)}
    click = {name: values[name] for name in CLICK if values.get(name)}
    unknown: dict[str, str] = {}
    for name, owner in GENERIC.items():
        if values.get(name):
            known = any(owner.search(hint) for hint in _hints(values))
            (click if known else unknown)[name] = values[name]
    if click:
        touch["click"] = click
    if unknown:
        touch["click_unknown"] = unknown
    return touch


def channel_of(document: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, str]:
    """Where a form stands that is no web page, as its settings say it; {} for a plain web form.

    Its own UTM are given only for a post that brings none: a link with UTM that was scanned says more.
    """
    kind = options.get("channel")
    utm = options.get("utm") or {}
    own = {} if _has_utm(document) else {str(name): str(value) for name, value in utm.items()}
    return ({"kind": str(kind)} if kind else {}) | own


def _has_utm(document: Mapping[str, Any]) -> bool:
    touch = document.get("last_touch") or {}
    if any(touch.get(name) for name in UTM):
        return True
    pages = (touch.get("landing_url"), document.get("landing_url"), document.get("page_url"))
    in_pages = any("utm_" in str(page) for page in pages if page)
    fields = document.get("fields")
    return in_pages or (isinstance(fields, dict) and any(fields.get(name) for name in UTM))


def _hints(values: Mapping[str, str]) -> tuple[str, ...]:
    """What may name a platform: source, referrer's host, path of the landing page."""
    return (
        values.get("utm_source", ""),
        _part(values.get("referrer", ""), "netloc"),
        _part(values.get("landing_url", ""), "path"),
    )


def _part(url: str, name: str) -> str:
    try:
        return str(getattr(urlsplit(url), name))
    except ValueError:  # a broken IPv6 host; a visitor can type anything
        return ""
