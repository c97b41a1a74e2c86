"""One post of a form, read: JSON of hub.js, or a plain HTML form brought into the same shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from hub.connectors.webform.attribution import NAMES, touch_of
from hub.errors import RecordError

MAX_FIELDS = 200
MAX_ID = 128
FORM_TYPE = "application/x-www-form-urlencoded"
_JSON_TYPES = ("application/json", "text/plain")  # sendBeacon sends JSON as text/plain
_CHARSETS = {
    "utf-8": "utf-8-sig", "utf8": "utf-8-sig", "us-ascii": "utf-8", "ascii": "utf-8",
    "gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030", "big5": "big5",
}  # fmt: skip
_OBJECTS = ("consent", "first_touch", "last_touch", "device", "trap")
_TEXTS = (
    "form_id", "submission_id", "submitted_at", "landing_url", "page_url", "referrer",
)  # fmt: skip
_CONSENT = ("privacy", "consent")
_NO = ("", "0", "false", "off", "no")
_PLAIN_NAMES = NAMES | {*_CONSENT, "consent_version", "submission_id", "form_id", "_charset_"}
_TRAP_NAMES = {"trap_t": "t", "trap_sig": "sig"}


class InvalidSubmissionError(RecordError):
    """The post is no submission; `fields` gives a reason for each JSON Pointer that is wrong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        path, reason = next(iter(fields.items()))
        super().__init__(reason, path)
        self.fields = dict(fields)


class UndecodableError(RecordError):
    """The bytes are no text in the charset that they claim, nor in one a Chinese page uses."""


@dataclass(frozen=True, slots=True)
class Submission:
    """`document` is the payload without its trap; `trap` what the bot traps gave back.

    `charset` is the Python name of the encoding that the text was read in.
    """

    document: dict[str, Any]
    trap: dict[str, Any] = field(default_factory=dict)
    charset: str = "utf-8"

    @property
    def submission_id(self) -> str | None:
        """The id that the page gave, the same at every try; a plain form has none."""
        return self.document.get("submission_id") or None


def media_type(content_type: str) -> str:
    """The type without its parameters, lower-case."""
    return content_type.partition(";")[0].strip().lower()


def is_readable(content_type: str) -> bool:
    """Whether a body of that content type can be read; without a type, its bytes decide."""
    kind = media_type(content_type)
    return kind in ("", FORM_TYPE, *_JSON_TYPES) or kind.endswith("+json")


def read_submission(body: bytes, content_type: str, honeypot: str = "") -> Submission:
    """The submission in `body`. `honeypot` is the trap field's name: it goes to the trap.

    Raises:
        InvalidSubmissionError: no JSON, or not shaped like a submission.
        UndecodableError: its bytes are no text. Bad input raises nothing else.
    """
    kind = media_type(content_type)
    is_form = kind == FORM_TYPE or (kind == "" and not body.lstrip().startswith(b"{"))
    declared = _declared_charset(content_type)
    found = _read_form(body, declared) if is_form else _read_json(body, declared)
    return _spring_trap(found, honeypot)


def _declared_charset(content_type: str) -> str:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("'\"").lower()
    return ""


def _decode(raw: bytes, codec: str) -> str:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as error:
        raise UndecodableError("undecodable") from error


def _codec(declared: str) -> str:
    if declared not in _CHARSETS:
        raise UndecodableError("unknown_charset")
    return _CHARSETS[declared]


def _read_json(body: bytes, declared: str) -> Submission:
    text = _decode(body, _codec(declared or "utf-8"))
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise InvalidSubmissionError({"": "not_json"}) from error
    if not isinstance(document, dict):
        raise InvalidSubmissionError({"": "not_an_object"})
    wrong = dict(_shape_errors(document))
    if wrong:
        raise InvalidSubmissionError(wrong)
    trap = document.pop("trap", None) or {}
    return Submission({k: v for k, v in document.items() if v is not None}, dict(trap))


def _shape_errors(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _OBJECTS:
        if not isinstance(document.get(name), dict | None):
            yield f"/{name}", "not_an_object"
    for name in _TEXTS:
        if not isinstance(document.get(name), str | None):
            yield f"/{name}", "not_text"
    if len(str(document.get("submission_id", ""))) > MAX_ID:
        yield "/submission_id", "too_long"
    yield from _consent_errors(document.get("consent"))
    yield from _field_errors(document.get("fields"))


def _consent_errors(consent: object) -> Iterator[tuple[str, str]]:
    if not isinstance(consent, dict):
        return
    if not isinstance(consent.get("privacy"), bool):
        yield "/consent/privacy", "not_a_boolean"
    if not isinstance(consent.get("version"), str | None):
        yield "/consent/version", "not_text"


def _field_errors(fields: object) -> Iterator[tuple[str, str]]:
    if not isinstance(fields, dict):
        yield "/fields", "required" if fields is None else "not_an_object"
        return
    if not fields:
        yield "/fields", "empty"
    if len(fields) > MAX_FIELDS:
        yield "/fields", "too_many"
        return
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float | bool | None) for item in values):
            yield f"/fields/{_pointer(name)}", "not_text"


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _read_form(body: bytes, declared: str) -> Submission:
    pairs = [_raw_pair(part) for part in body.strip().split(b"&") if part]
    if len(pairs) > MAX_FIELDS:
        raise InvalidSubmissionError({"/fields": "too_many"})
    # A page in GBK posts GBK and says so, if at all, in the field that HTML keeps for it.
    named = next((value for name, value in pairs if name == b"_charset_"), b"")
    text, codec = _decode_pairs(pairs, declared or named.decode("latin-1").strip().lower())
    document = _shape(text)
    if not document["fields"]:
        raise InvalidSubmissionError({"/fields": "empty"})
    trap = {short: value for name, value in text if (short := _TRAP_NAMES.get(name))}
    return Submission(document, trap, codec)


def _raw_pair(part: bytes) -> tuple[bytes, bytes]:
    name, _, value = part.replace(b"+", b" ").partition(b"=")
    return unquote_to_bytes(name), unquote_to_bytes(value)


def _decode_pairs(
    pairs: list[tuple[bytes, bytes]], declared: str
) -> tuple[list[tuple[str, str]], str]:
    """Text of all pairs in one charset: the declared one, else UTF-8, else GB18030; all strict."""
    for codec in (_codec(declared),) if declared else ("utf-8", "gb18030"):
        try:
            return [(name.decode(codec), value.decode(codec)) for name, value in pairs], codec
        except UnicodeDecodeError:
            continue
    raise UndecodableError("undecodable")


def _shape(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Flat fields in the shape that hub.js sends."""
    first: dict[str, str] = {}
    fields: dict[str, Any] = {}
    for name, value in pairs:
        first.setdefault(name, value)  # of a repeated attribution field the first counts
        if name in _PLAIN_NAMES or name in _TRAP_NAMES or not name:
            continue
        if name in fields:
            before = fields[name]
            fields[name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            fields[name] = value
    document: dict[str, Any] = {"fields": fields}
    for name in ("submission_id", "landing_url", "page_url", "referrer"):
        if first.get(name):
            document[name] = first[name][: MAX_ID if name == "submission_id" else None]
    if touch := touch_of(first):
        document["last_touch"] = touch
    if consent := _consent(first):
        document["consent"] = consent
    return document


def _consent(values: Mapping[str, str]) -> dict[str, Any]:
    """Consent as a ticked box says it; {} where the form has no such box and names no version."""
    ticked = next((values[name] for name in _CONSENT if name in values), None)
    version = values.get("consent_version", "")
    if ticked is None and not version:
        return {}
    agreed = ticked is not None and ticked.strip().lower() not in _NO
    return {"privacy": agreed} | ({"version": version} if version else {})


def _spring_trap(found: Submission, honeypot: str) -> Submission:
    """The honeypot's value moved from the fields to the trap."""
    fields = found.document["fields"]
    if not honeypot or honeypot not in fields:
        return found
    kept = {name: value for name, value in fields.items() if name != honeypot}
    trap = {honeypot: fields[honeypot], **found.trap}
    if fields[honeypot]:
        trap[honeypot] = fields[honeypot]
    return Submission(found.document | {"fields": kept}, trap, found.charset)
