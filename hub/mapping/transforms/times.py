"""Transforms of time: aware UTC instants with milliseconds, from text in a stated zone or Unix time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.mapping.transforms.base import Transform
from hub.mapping.values import Clean, Json, as_date, as_int, is_absent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_S, _LATEST_S = 946_684_800, 4_102_444_800  # 2000-01-01 and 2100-01-01
_TEXT = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[T\s]*(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2})秒?)?分?"
    r"(?:[.,](\d{1,6}))?\s*(Z|[+-]\d{2}:?\d{2})?"
)
_SHANGHAI = "Asia/Shanghai"
_MAX_DIGITS = 17  # more are no time in any unit, and refused as implausible
_PLAIN = 19  # characters of YYYY-MM-DD HH:MM:SS
_TOLERATED_S = 2
_UNITS = ("unix", "s", "ms")


def datetime_text(zone: str = _SHANGHAI, unit: str = "unix") -> Clean:
    """An instant in UTC as text; text without an offset is read in `zone`, numbers as Unix time.

    `unit` is s, ms, or unix: seconds and milliseconds told apart by size (2000 to 2100 do not overlap).
    """
    instant = _reader(zone, unit)
    offset = timedelta(hours=8) if zone == _SHANGHAI else None

    def run(value: Json) -> str | None:
        if offset is not None and type(value) is str and len(value) == _PLAIN and value[10] == " ":
            try:
                plain = datetime.fromisoformat(value)
            except ValueError:
                pass
            else:
                if plain.year >= 2000:
                    return (plain - offset).isoformat(timespec="milliseconds") + "Z"
        found = instant(value)
        return None if found is None else format_instant(found)

    return run


def epoch_ms(zone: str = _SHANGHAI, unit: str = "unix") -> Clean:
    """The same instant as whole Unix milliseconds, for `order`."""
    instant = _reader(zone, unit)

    def run(value: Json) -> int | None:
        found = instant(value)
        return None if found is None else (found - _EPOCH) // timedelta(milliseconds=1)

    return run


def later(days: int, zone: str = _SHANGHAI, unit: str = "unix") -> Clean:
    """The instant so many `days` after one: when what a platform keeps for a time is gone."""
    instant, wait = _reader(zone, unit), timedelta(days=days)

    def run(value: Json) -> str | None:
        found = instant(value)
        return None if found is None else format_instant(found + wait)

    return run


def talk_s(zone: str = _SHANGHAI, unit: str = "unix") -> Clean:
    """duration_s from [answered, ended, what the platform says]: what the instants say counts.

    Platforms mean different things by a call's length, so one that differs by more than two seconds
    is marked. Without both instants it is the platform's figure; a call that ends before it is
    answered is unusable.
    """
    instant = _reader(zone, unit)

    def run(value: Json) -> dict[str, Json] | None:
        if type(value) is not list:
            raise ValueError("not [answered, ended, what the platform says]")
        answered, ended, said = [*value, None, None, None][:3]
        begin, end = (None if is_absent(each) else instant(each) for each in (answered, ended))
        reported = None if is_absent(said) else as_int(said)
        if begin is None or end is None:
            return None if reported is None else {"duration_s": reported}
        talked = (end - begin) // timedelta(seconds=1)
        if talked < 0:
            raise ValueError("a call that ends before it is answered")
        differs = reported is not None and abs(reported - talked) > _TOLERATED_S
        return {"duration_s": talked, **({"marks": ["duration_differs"]} if differs else {})}

    return run


def date_text() -> Clean:
    """A calendar date as YYYY-MM-DD; nothing is said of its zone."""
    return as_date


def format_instant(instant: datetime) -> str:
    """An aware instant as YYYY-MM-DDTHH:MM:SS.mmmZ."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _reader(zone: str, unit: str) -> Callable[[Json], datetime | None]:
    try:
        local = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no time zone {zone!r}") from error
    if unit not in _UNITS:
        raise ValueError(f"unit is one of {', '.join(_UNITS)}")

    def read(value: Json) -> datetime | None:
        if type(value) in (int, float):
            return _from_number(value, unit)
        if type(value) is not str:
            raise ValueError("no time")
        text = unicodedata.normalize("NFKC", value).strip()
        if text.isdecimal():
            return _from_number(int(text[:_MAX_DIGITS]), unit)
        return _plausible(_from_text(text, local)) if text else None

    return read


def _from_number(value: float, unit: str) -> datetime | None:
    if value == 0:
        return None  # platforms write 0 for "not yet"
    seconds = value / 1000 if unit == "ms" else value
    if unit == "unix" and not _EARLIEST_S <= seconds < _LATEST_S:
        seconds = value / 1000
    if not _EARLIEST_S <= seconds < _LATEST_S:
        raise ValueError("no plausible time")
    return _EPOCH + timedelta(milliseconds=round(seconds * 1000))


def _from_text(text: str, local: tzinfo) -> datetime:
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError("no time")
    *parts, fraction, offset = match.groups()
    numbers = [int(part or 0) for part in parts]
    micro = int((fraction or "0").ljust(6, "0"))
    naive = datetime(*numbers, microsecond=micro)  # type: ignore[misc,arg-type]  # noqa: DTZ001 -- six ints; its zone follows
    if offset is None:
        return naive.replace(tzinfo=local)
    return datetime.fromisoformat(naive.isoformat() + offset.replace("Z", "+00:00"))


def _plausible(instant: datetime) -> datetime:
    if not _EARLIEST_S <= instant.timestamp() < _LATEST_S:
        raise ValueError("no plausible time")
    return instant


TRANSFORMS = (
    Transform("datetime", datetime_text),
    Transform("epoch_ms", epoch_ms),
    Transform("later", later),
    Transform("talk_s", talk_s, gives=("duration_s",)),
    Transform("date", date_text),
)
