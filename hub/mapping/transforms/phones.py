"""Phone numbers as people in China type them: `phone_cn`; hashes of them: `phone_hash`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import phonenumbers

from hub.mapping.transforms.base import Transform
from hub.mapping.values import Clean, Json, UnusableError, as_text

Phone = dict[str, str]

_MOBILE_LENGTH = 11
_FIRST, _SECOND = "1", "3456789"
_SEPARATORS = re.compile(r"[/,;、|\n]|或者?|和|及")
_BLANKS = re.compile(r"[\s\-().·‐-―_]")
_EXTENSION = r"(?:转|ext\.?|[x#*]|分机)"
# Each pattern is linear: no repeated group holds a repetition.
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("mobile", re.compile(r"0?(1[3-9]\d{9})")),
    ("virtual", re.compile(rf"0?(1[3-9]\d{{9}}){_EXTENSION}(\d{{1,6}})")),
    # Whichever part is hidden: the middle, the end, all of it.
    ("masked", re.compile(r"((?=.{7,})\d{0,7}\*{3,12}\d{0,5})")),
    ("service", re.compile(r"([48]00\d{7})")),
    ("service", re.compile(r"((?:95|96)\d{3,6}|1[02]\d{3})")),
    (
        "landline",
        re.compile(rf"0?(10|2\d|[3-9]\d{{2}})([2-8]\d{{6,7}})(?:{_EXTENSION}\d{{1,6}})?"),
    ),
    ("landline", re.compile(r"([2-8]\d{6,7})")),
)
_FOREIGN = re.compile(r"(?:\+|00)([1-9]\d{6,14})")
# Without + or 00: the area codes 0852, 0853 are given up, and no mainland number has the length of 886 9….
_NEIGHBOUR = re.compile(r"((?:852|853)[4-9]\d{7}|8860?9\d{8})")
_HASH_LENGTHS = {64: "phone_hash_sha256", 32: "phone_hash_md5"}
_CHINA = re.compile(r"(?:\+|00)?86(?=0?1[3-9]\d{9}|0?\d{9,11}|1[3-9]\d?\*|[48]00)")
_INSIDE = re.compile(r"(?:(?:\+|00)?86[\s-]?)?1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}")
_DIGIT_BEFORE = re.compile(r"\d$")


def phone_cn(lent: bool = False, mark: str = "") -> Clean:
    """mobile_e164 and phones: full-width digits, blanks, dashes, +86/0086/86, several numbers in one.

    The first mainland mobile is `mobile_e164`; every other number goes to `phones` with its kind: mobile
    (also of Hong Kong, Macau, Taiwan and other countries, if the number is valid and can only be a mobile),
    landline, service (400, 95…), virtual (a number with an extension that a platform lends), masked,
    foreign. A value without any number is unusable, and leaves `mark` if one is given. With `lent` the
    platform lends whole numbers: each mobile is virtual, so that nobody is recognised by a number that is
    another person's next month.
    """
    if not isinstance(lent, bool):
        raise ValueError("lent: true or false")

    def run(value: Json) -> dict[str, Json] | None:
        if not lent and type(value) is str and _is_plain_mobile(value):
            return {"mobile_e164": "+86" + value}
        text = as_text(value)
        if text is None:
            return None
        found = list(_numbers(unicodedata.normalize("NFKC", text)))
        if not found:
            raise UnusableError(mark) if mark else ValueError("no phone number")
        return _sorted_out([_as_virtual(phone) for phone in found] if lent else found)

    return run


def _as_virtual(phone: Phone) -> Phone:
    return phone | {"kind": "virtual"} if phone["kind"] == "mobile" else phone


def _is_plain_mobile(text: str) -> bool:
    return (
        len(text) == _MOBILE_LENGTH
        and text.isascii()
        and text.isdecimal()
        and text[0] == _FIRST
        and text[1] in _SECOND
    )


def _sorted_out(found: list[Phone]) -> dict[str, Json]:
    unique = list({phone["value"]: phone for phone in reversed(found)}.values())[::-1]
    mobile = next((phone for phone in unique if _is_mainland_mobile(phone)), None)
    others = [phone for phone in unique if phone is not mobile]
    result: dict[str, Json] = {}
    if mobile:
        result["mobile_e164"] = mobile["value"]
    if others:
        result["phones"] = others
    return result


def _is_mainland_mobile(phone: Phone) -> bool:
    return phone["kind"] == "mobile" and phone["value"].startswith("+861")


def _numbers(text: str) -> Iterator[Phone]:
    for piece in _SEPARATORS.split(text[:500]):
        whole = _one(piece)
        if whole:
            yield whole
            continue
        parts = [_one(part) for part in piece.split()]
        if parts and all(parts):
            yield from (part for part in parts if part)
        else:
            yield from _inside(piece)


def _inside(piece: str) -> Iterator[Phone]:
    """Mobiles written among other text: `手机:138…(微信同号)`; a longer run of digits is no phone."""
    for match in _INSIDE.finditer(piece):
        before, after = piece[: match.start()], piece[match.end() : match.end() + 1]
        if not _DIGIT_BEFORE.search(before) and not after.isdecimal():
            phone = _one(match.group())
            if phone:
                yield phone


def _one(piece: str) -> Phone | None:
    text = _BLANKS.sub("", piece).casefold()
    if not text:
        return None
    dashed = _dashed_extension(piece)
    if dashed:
        return dashed
    if _NEIGHBOUR.fullmatch(text):
        neighbour = _foreign(text)
        if neighbour["kind"] == "mobile":
            return neighbour
    national = _CHINA.sub("", text, count=1) if _CHINA.match(text) else text
    for kind, pattern in _KINDS:
        match = pattern.fullmatch(national)
        if match:
            return _phone(kind, match)
    foreign = _FOREIGN.fullmatch(text)
    if foreign and not foreign.group(1).startswith("86"):
        return _foreign(foreign.group(1))
    return None


def _foreign(digits: str) -> Phone:
    """A number of another country code: a mobile only if it is valid and nothing else there."""
    try:
        parsed = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return {"value": "+" + digits, "kind": "foreign"}
    is_mobile = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
    if not is_mobile or not phonenumbers.is_valid_number(parsed):
        return {"value": "+" + digits, "kind": "foreign"}
    value = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return {"value": value, "kind": "mobile"}


def _dashed_extension(piece: str) -> Phone | None:
    """`13800001234-5678`: a platform's number with an extension, not a person's own."""
    number, _, extension = piece.strip().replace("_", "-").partition("-")
    if _is_plain_mobile(number) and extension.isdecimal() and len(extension) <= 6:
        return {"value": f"+86{number};ext={extension}", "kind": "virtual"}
    return None


def _phone(kind: str, match: re.Match[str]) -> Phone:
    number = match.group(1)
    if kind == "mobile":
        return {"value": "+86" + number, "kind": kind}
    if kind == "virtual":
        return {"value": f"+86{number};ext={match.group(2)}", "kind": kind}
    if kind == "landline" and match.lastindex == 2:
        return {"value": f"+86{number}{match.group(2)}", "kind": kind}
    return {"value": number, "kind": kind}


def phone_hash() -> Clean:
    """phone_hash_sha256 or phone_hash_md5, by the length of the hash; anything else is unusable.

    A hash meets the same phone in plain only if it is the SHA-256 of its E.164 form (+86 and 11 digits).
    """

    def run(value: Json) -> dict[str, Json] | None:
        text = as_text(value)
        if text is None:
            return None
        digest = text.lower()
        name = _HASH_LENGTHS.get(len(digest))
        if name is None or not set(digest) <= set("0123456789abcdef"):
            raise ValueError("no hash of a phone")
        return {name: digest}

    return run


TRANSFORMS = (
    Transform("phone_cn", phone_cn, gives=("mobile_e164", "phones")),
    Transform("phone_hash", phone_hash, gives=tuple(_HASH_LENGTHS.values())),
)
