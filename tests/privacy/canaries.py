"""One invented person whose every value is known, and how to find any of them in bytes, however they are written."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote

PHONE = "19900007351"
ID_NUMBER = "110101190003077351"
NAME = "欧阳金丝雀"
WECHAT = "wx_canary_7351"
ADDRESS = "金丝雀路七三五一号"
MESSAGE = "金丝雀想知道价格七三五一"
LANDING = f"https://www.example.com/lp?tel={PHONE}&visitor=canary-url-7351"
EXTRA = "canary-extra-7351"
DOUYIN_ID = "canary_dy_7351"
DEVICE = "canary-device-7351"
CLUES = {
    "push": "7499999999973510001",
    "unmapped": "7499999999973510002",
    "held": "7499999999973510003",
    "rejected": "7499999999973510004",
    "pull": "7499999999973510005",
    "later": "7499999999973510006",
}
SUBMISSION = "canary-submission-7351"
CALL = "canary-call-7351"
ROW = "canary-row-7351"
SCAN = "scans/canary-scan-7351.pdf"
ACCOUNT = "canary-account-7351"

VALUES: Mapping[str, str] = {
    "phone": PHONE,
    "id number": ID_NUMBER,
    "name": NAME,
    "wechat": WECHAT,
    "address": ADDRESS,
    "message": MESSAGE,
    "landing url": "canary-url-7351",
    "unmapped": EXTRA,
    "douyin id": DOUYIN_ID,
    "device": DEVICE,
    "submission": SUBMISSION,
    "call": CALL,
    "row": ROW,
    "scan": SCAN,
    "account": ACCOUNT,
    **{f"clue {name}": clue for name, clue in CLUES.items()},
}


def _digests(text: str) -> Iterator[bytes]:
    for form in (text, f"+86{text}", f"86{text}"):
        for name in ("md5", "sha1", "sha256"):
            yield hashlib.new(name, form.encode(), usedforsecurity=False).digest()


def _forms() -> dict[bytes, str]:
    """Every way of writing → which value."""
    found: dict[bytes, str] = {}
    for name, value in VALUES.items():
        raw = value.encode()
        ways = [raw, quote(value).encode(), json.dumps(value)[1:-1].encode(), raw.hex().encode()]
        ways += [value.encode("gb18030"), value.encode("gb18030").hex().encode()]
        for shift in range(
            3
        ):  # base64 of a text that has the value in it, wherever it begins there
            coded = base64.b64encode(b"\0" * shift + raw)
            ways.append(coded[4 if shift else 0 : -4])
        found |= dict.fromkeys(ways, name)
    for digest in _digests(PHONE):
        found |= dict.fromkeys(
            (digest, digest.hex().encode(), base64.b64encode(digest)[:-2]), "hash of the phone"
        )
    return {way: name for way, name in found.items() if len(way) >= 10}


FORMS = _forms()


def seen_in(data: bytes) -> set[str]:
    """The names of the values that `data` shows in any form."""
    lowered = data.lower()
    return {name for way, name in FORMS.items() if way in data or way.lower() in lowered}
