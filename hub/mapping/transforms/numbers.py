"""Transforms of numbers: whole numbers, scales onto 0–100, money onto fen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from hub.mapping.transforms.base import Transform
from hub.mapping.values import Clean, Json, as_int, as_number, as_text, is_absent

_UNITS_FEN = {
    "分": 1,
    "fen": 1,
    "角": 10,
    "元": 100,
    "块": 100,
    "yuan": 100,
    "千": 100_000,
    "k": 100_000,
    "万": 1_000_000,
    "w": 1_000_000,
    "百万": 100_000_000,
    "千万": 1_000_000_000,
    "亿": 10_000_000_000,
}
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,12})?)(百万|千万|万|亿|千|元|块|角|分|k|w|yuan|fen)?元?")
_NOISE = str.maketrans("", "", ", \u3000¥￥人民币约左右")
_ABOVE = ("以上", "起", "+", "不低于", "至少")
_BELOW = ("以内", "以下", "内", "不超过", "最多")
_SCALES: Mapping[str, Mapping[str, int]] = {
    "high_mid_low": {"高": 100, "中": 50, "低": 0, "high": 100, "medium": 50, "mid": 50, "low": 0},
    "abc": {"a": 100, "b": 50, "c": 0},
    "abcd": {"a": 100, "b": 67, "c": 33, "d": 0},
}


def integer() -> Clean:
    """A whole number; text with anything but digits, and fractions, are unusable."""
    return as_int


def number() -> Clean:
    """A finite number."""
    return as_number


def scale(
    levels: Mapping[Json, int] | str | None = None, between: Sequence[int] | None = None
) -> Clean:
    """0–100: by named `levels` (a table, or high_mid_low, abc, abcd), or linear `between` [low, high]."""
    if (levels is None) == (between is None):
        raise ValueError("give levels or between")
    if between is not None:
        return _linear(*between)
    table = _SCALES[levels] if isinstance(levels, str) else (levels or {})
    entries = {str(key).casefold(): int(points) for key, points in table.items()}
    if not all(0 <= points <= 100 for points in entries.values()):
        raise ValueError("points lie between 0 and 100")

    def run(value: Json) -> int | None:
        text = as_text(value)
        if text is None:
            return None
        points = entries.get(unicodedata.normalize("NFKC", text).casefold())
        if points is None:
            raise ValueError("not on the scale")
        return points

    return run


def _linear(low: int, high: int) -> Clean:
    if low == high:
        raise ValueError("between needs two different ends")

    def run(value: Json) -> int | None:
        found = as_number(value)
        if found is None:
            return None
        share = (found - low) / (high - low)
        if not 0 <= share <= 1:
            raise ValueError("outside the scale")
        return int(share * 100 + 0.5)

    return run


def money_fen(unit: str = "yuan") -> Clean:
    """Whole fen from a number in `unit` (fen, yuan, 万 …) or from text such as ¥1,200.50 or 1.5万."""
    factor = _UNITS_FEN[unit]

    def run(value: Json) -> int | None:
        text = _amount_text(value)
        return None if text is None else _fen(text, factor)

    return run


def fen_or_yuan() -> Clean:
    """Whole fen from [fen, yuan]: the first as a whole number, else the second as money; either may be negative.

    An amount that is said twice and differently is unusable.
    """

    def run(value: Json) -> int | None:
        if type(value) is not list or len(value) != 2:
            raise ValueError("not [fen, yuan]")
        fen, yuan = (None if is_absent(each) else each for each in value)
        said = None if fen is None else as_int(fen)
        counted = None if yuan is None else _signed_fen(yuan)
        if None not in (said, counted) and said != counted:
            raise ValueError("fen and yuan differ")
        return counted if said is None else said

    return run


def signed_fen(negative: Sequence[str] = (), unit: str = "yuan") -> Clean:
    """Whole fen of money in `unit` that may be below zero, as -500.5, (500.5) or ¥1.2万.

    Of [amount, word] it is below zero where the word is one of `negative`, whatever sign the amount has: a
    red invoice takes back, and systems differ in whether they write the minus.
    """
    words, factor = frozenset(str(word) for word in negative), _UNITS_FEN[unit]

    def run(value: Json) -> int | None:
        amount, word = (value[0], value[-1]) if type(value) is list else (value, None)
        fen = None if is_absent(amount) else _signed_fen(amount, factor)
        return -abs(fen) if fen is not None and str(word) in words else fen

    return run


def _signed_fen(value: Json, factor: int = 100) -> int | None:
    text = _amount_text(value)
    if text is None:
        return None
    negative = text.startswith("-") or (text.startswith("(") and text.endswith(")"))
    return -_fen(text.strip("-()"), factor) if negative else _fen(text.lstrip("+"), factor)


def budget_fen(unit: str | None = None) -> Clean:
    """budget_min_fen and budget_max_fen from text: 3-5万, 5万以上, 10万以内, 8000元."""
    default = _UNITS_FEN[unit] if unit else None

    def run(value: Json) -> dict[str, int] | None:
        text = _amount_text(value)
        if text is None:
            return None
        for ending, field in _open_ends():
            if text.startswith(ending) or text.endswith(ending):
                return {field: _fen(text.replace(ending, ""), default)}
        low, _, high = re.sub("[~～—–至到]", "-", text).partition("-")
        if not high:
            return dict.fromkeys(("budget_min_fen", "budget_max_fen"), _fen(low, default))
        last = _AMOUNT.fullmatch(high)
        shared = _UNITS_FEN[last.group(2)] if last and last.group(2) else default
        bounds = _fen(low, shared), _fen(high, default)
        if bounds[0] > bounds[1]:
            raise ValueError("a range that ends before it starts")
        return {"budget_min_fen": bounds[0], "budget_max_fen": bounds[1]}

    return run


def _open_ends() -> list[tuple[str, str]]:
    above = [(ending, "budget_min_fen") for ending in _ABOVE]
    return above + [(ending, "budget_max_fen") for ending in _BELOW]


def _amount_text(value: Json) -> str | None:
    text = as_text(value)
    if text is None:
        return None
    return unicodedata.normalize("NFKC", text).translate(_NOISE).casefold()


def _fen(text: str, default: int | None) -> int:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError("no amount")
    factor = _UNITS_FEN[match.group(2)] if match.group(2) else default
    if factor is None:
        raise ValueError("an amount without its unit")
    try:
        fen = Decimal(match.group(1)) * factor
    except InvalidOperation as error:
        raise ValueError("no amount") from error
    if fen != fen.to_integral_value():
        raise ValueError("a part of a fen")
    return int(fen)


TRANSFORMS = (
    Transform("int", integer),
    Transform("number", number),
    Transform("scale", scale),
    Transform("money_fen", money_fen),
    Transform("fen_or_yuan", fen_or_yuan),
    Transform("signed_fen", signed_fen),
    Transform("budget_fen", budget_fen, gives=("budget_min_fen", "budget_max_fen")),
)
