"""Transforms of text: trimming, case, splitting, look-up, extraction, hashes."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from hub.mapping.patterns import compile_pattern
from hub.mapping.transforms.base import Transform
from hub.mapping.values import Clean, Json, UnusableError, as_bool, as_text, is_absent


def _on_text(function: Callable[[str], Json]) -> Clean:
    def run(value: Json) -> Json:
        text = as_text(value)
        return None if text is None else function(text)

    return run


def trim() -> Clean:
    """Text without blanks at its ends."""
    return as_text


def lower() -> Clean:
    """Lower-case text."""
    return _on_text(str.lower)


def upper() -> Clean:
    """Upper-case text."""
    return _on_text(str.upper)


def halfwidth() -> Clean:
    """Full-width letters, digits and marks as half-width ones (NFKC)."""
    return _on_text(lambda text: unicodedata.normalize("NFKC", text).strip())


def email() -> Clean:
    """An e-mail address, lower-case; unusable without one @ and a dot after it."""

    def run(text: str) -> str:
        address = unicodedata.normalize("NFKC", text).lower()
        local, _, host = address.partition("@")
        if (
            not local
            or "." not in host.strip(".")
            or "@" in host
            or any(map(str.isspace, address))
        ):
            raise ValueError("no e-mail address")
        return address

    return _on_text(run)


def split(separators: str = ",，、;；|\n") -> Clean:
    """A list: text cut at any of `separators`, blanks and repetitions left out."""
    table = {ord(mark): "\x00" for mark in separators}
    if not table:
        raise ValueError("separators must not be empty")

    def run(value: Json) -> Json:
        items = value if type(value) is list else [value]
        texts = [text for text in map(as_text, items) if text]
        parts = (part.strip() for text in texts for part in text.translate(table).split("\x00"))
        return list(dict.fromkeys(part for part in parts if part)) or None

    return run


def join(separator: str = " ") -> Clean:
    """Text: the present members of a list, with `separator` between them."""

    def run(value: Json) -> Json:
        items = value if type(value) is list else [value]
        return separator.join(text for text in map(as_text, items) if text) or None

    return run


def lookup(table: Mapping[Json, Json], otherwise: str = "unusable") -> Clean:
    """The entry of `table` for a value (compared as text); `otherwise`: unusable, absent, keep."""
    entries = {_table_key(key): value for key, value in table.items()}
    if otherwise not in ("unusable", "absent", "keep"):
        raise ValueError("otherwise is unusable, absent or keep")

    def run(value: Json) -> Json:
        key = _table_key(value)
        if key in entries:
            return entries[key]
        if otherwise == "unusable":
            raise ValueError("not in the table")
        return value if otherwise == "keep" else None

    return run


def none_if(values: Sequence[Json]) -> Clean:
    """Absent when the value (as text) is one of `values`: for ids where "0" means none."""
    listed = values if isinstance(values, list) else [values]
    nothing = frozenset(_table_key(value) for value in listed)

    def run(value: Json) -> Json:
        text = value if type(value) is str else _table_key(value)
        return None if text in nothing else value

    return run


def extract(pattern: str, group: int = 0) -> Clean:
    """The part of text that an RE2 `pattern` (or its `group`) matches; absent if it does not."""
    search = compile_pattern(pattern, "pattern")

    def run(text: str) -> str | None:
        match = search(text)
        return (match.group(group) or None) if match else None

    return _on_text(run)


def hash_text(algorithm: str = "sha256") -> Clean:
    """The hexadecimal hash of text; `algorithm`: sha256, sha1, md5. Never for phones: reversible."""
    if algorithm not in ("sha256", "sha1", "md5"):
        raise ValueError("algorithm is sha256, sha1 or md5")
    return _on_text(
        lambda text: hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()
    )


def sha256_hex() -> Clean:
    """A SHA-256 that the platform sent: 64 hexadecimal digits, lower-case; else unusable."""

    def run(text: str) -> str:
        value = text.lower()
        if len(value) != 64 or value.strip("0123456789abcdef"):
            raise ValueError("no SHA-256")
        return value

    return _on_text(run)


def utm(lowercase: bool = False) -> Clean:
    """One campaign parameter: at most 255 characters; an unreplaced macro is a mark, no campaign."""

    def run(text: str) -> str | None:
        if is_macro(text):
            raise UnusableError("macro_unreplaced")
        kept = text[:255].strip()
        return (kept.lower() if lowercase else kept) or None

    return _on_text(run)


def is_macro(text: str) -> bool:
    """Whether an ad platform forgot to fill in its placeholder: `__AID__`, `{keyword}`, `${x}`, `[x]`."""
    if text.startswith("__") and text.endswith("__"):
        return True
    pairs = (("{", "}"), ("${", "}"), ("%%", "%%"), ("[", "]"), ("%7b", "%7d"))
    folded = text.casefold()
    return len(text) > 2 and any(
        folded.startswith(start) and folded.endswith(end) for start, end in pairs
    )


def first() -> Clean:
    """The first present member of a list; a value that is no list is itself."""

    def run(value: Json) -> Json:
        if type(value) is not list:
            return value
        return next((item for item in value if not is_absent(item)), None)

    return run


def yes_no() -> Clean:
    """True or false, from 1/0, yes/no, 是/否, 同意/不同意."""
    return as_bool


def _table_key(value: Json) -> str | None:
    kind = type(value)
    if kind is str:
        return str(value).strip().casefold()
    if kind is bool:
        return "true" if value else "false"
    text = as_text(value)
    return text.casefold() if text is not None else None


TRANSFORMS = (
    Transform("trim", trim),
    Transform("lower", lower),
    Transform("upper", upper),
    Transform("halfwidth", halfwidth),
    Transform("email", email),
    Transform("split", split),
    Transform("join", join),
    Transform("lookup", lookup),
    Transform("none_if", none_if),
    Transform("extract", extract),
    Transform("hash", hash_text),
    Transform("sha256_hex", sha256_hex),
    Transform("utm", utm),
    Transform("first", first),
    Transform("bool", yes_no),
)
