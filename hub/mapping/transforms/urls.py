"""Campaign parameters and click ids from landing URLs (docs: platforms' own parameter names)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit

from hub.mapping.transforms.base import Transform
from hub.mapping.transforms.text import is_macro
from hub.mapping.values import Clean, Json, as_text, clean_text

UTM_FIELDS = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id")
CLICK_IDS = frozenset(
    (
        *("bd_vid", "gdt_vid", "qz_gdt", "clickid", "gclid", "gbraid", "wbraid", "gad_source"),
        *("msclkid", "dclid", "fbclid", "ttclid", "twclid", "li_fat_id"),
    )
)
_KUAISHOU_OR_DOUYIN = re.compile(
    r"kuaishou|gifshow|chenzhongtech|快手|\bks\b|douyin|toutiao|oceanengine"
)
_XIAOHONGSHU = re.compile(r"xiaohongshu|xhs|redbook|小红书")
# Names that say nothing without a hint of whose they are (utm_source or a host).
GENERIC_CLICK_IDS: Mapping[str, re.Pattern[str]] = {
    "callback": _KUAISHOU_OR_DOUYIN,
    "click_id": _XIAOHONGSHU,
    "track_id": _XIAOHONGSHU,
}
MAX_UTM, MAX_CLICK_ID, MAX_PARAMETERS = 255, 2048, 100
_MACRO_MARK = "macro_unreplaced"


def url_params() -> Clean:
    """landing_url (whole), utm_* and click_ids of a URL; the first value of a repeated name wins.

    utm_source and utm_medium in lower case, at most 255 characters; an unreplaced macro is marked and is
    no campaign; `callback`, `click_id` and `track_id` without a platform hint are kept as `unknown_…`.
    """

    def run(value: Json) -> dict[str, Json] | None:
        url = as_text(value)
        if url is None:
            return None
        result: dict[str, Json] = {"landing_url": url}
        if "?" in url or "#" in url:
            _add_parameters(result, url)
        return result

    return run


def click_ids() -> Clean:
    """click_ids from an object of names and values, or from [object, hint, hint …]."""

    def run(value: Json) -> dict[str, Json] | None:
        items = value if type(value) is list else [value]
        if type(items[0]) is not dict:
            if items[0] is None:
                return None
            raise ValueError("no object")
        pairs = [(str(k), v) for k, v in items[0].items()][:MAX_PARAMETERS]
        hint = " ".join(filter(None, map(as_text, items[1:]))).casefold()
        result: dict[str, Json] = {}
        _add_click_ids(result, pairs, hint, anything=True)
        return result or None

    return run


def _add_parameters(result: dict[str, Json], url: str) -> None:
    try:
        parts = urlsplit(url)
        fragment = parts.fragment.partition("?")[
            2
        ]  # single-page routes carry theirs after the hash
        pairs = [
            pair
            for query in (parts.query, fragment)
            if query
            for pair in parse_qsl(query, max_num_fields=MAX_PARAMETERS)
        ]
        host = parts.hostname or ""
    except ValueError:
        result["marks"] = ["unusable:landing_url_parameters"]
        return
    given = dict(reversed(pairs))
    for name in UTM_FIELDS:
        if name in given:
            _add_utm(result, name, given[name])
    _add_click_ids(result, given.items(), f"{host} {given.get('utm_source', '')}".casefold())


def _add_utm(result: dict[str, Json], name: str, value: str) -> None:
    text = as_text(value)
    if text is None:
        return
    if is_macro(text):
        result["marks"] = [_MACRO_MARK]
        return
    result[name] = (
        text[:MAX_UTM].lower() if name in ("utm_source", "utm_medium") else text[:MAX_UTM]
    )


def _add_click_ids(
    result: dict[str, Json],
    pairs: Iterable[tuple[str, Json]],
    hint: str,
    *,
    anything: bool = False,
) -> None:
    found: dict[str, str] = {}
    for name, raw in pairs:
        known = _click_name(name, hint) or (clean_text(name) if anything else None)
        value = as_text(raw) if known else None
        if not known or not value or len(value) > MAX_CLICK_ID:
            continue
        if is_macro(value):
            result["marks"] = [_MACRO_MARK]
        else:
            found.setdefault(known, value)
    if found:
        result["click_ids"] = found


def _click_name(name: str, hint: str) -> str | None:
    if name in CLICK_IDS:
        return name
    owner = GENERIC_CLICK_IDS.get(name)
    if owner is None:
        return None
    return name if owner.search(hint) else f"unknown_{name}"


TRANSFORMS = (
    Transform("url_params", url_params, gives=("landing_url", *UTM_FIELDS, "click_ids")),
    Transform("click_ids", click_ids, gives=("click_ids",)),
)
