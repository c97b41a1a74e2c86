"""Regions as GB/T 2260 codes, down to the prefecture-level city: `region_cn`, `region_of_phone_cn`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from hub.mapping.transforms.base import Transform
from hub.mapping.transforms.phones import phone_cn
from hub.mapping.transforms.region_table import read_table
from hub.mapping.values import Clean, Json, as_text

_MUNICIPALITIES = frozenset({"北京", "天津", "上海", "重庆"})
_SEPARATORS = re.compile(r"[\s+\-/|,，、·>]+")
_PROVINCE_ENDINGS = re.compile(r"(?:壮族|回族|维吾尔)?自治区$|特别行政区$|省$|市$")
_PROVINCE_STARTS = re.compile(r"^(?:(?:壮族|回族|维吾尔)?自治区|特别行政区|省)")
_CITY_ENDINGS = re.compile(r"市$|地区$|盟$|林区$")
_NO_NAMES = frozenset({"中国", "未知", "其他", "不限"})
_KNOWN_TEXTS = (
    4096  # few names come again and again; what somebody makes up must not fill the memory
)
_KNOWN_PREFIXES = 65_536  # there are about 130,000
_PREFIX_LENGTH = len("+861990000")
_UNKNOWN_CITY = {"marks": ["unusable:city_code"]}

Codes = dict[str, Json]


def region_cn() -> Clean:
    """province_code and city_code from names: 广东省深圳市, 北京-北京, or a list [省, 市].

    A city alone names its province. Districts stay as they came: the table ends at the prefecture. A city
    that is not in its province is left out and marked; a region that is not known at all is unusable.
    """
    regions = _Regions()

    @lru_cache(maxsize=_KNOWN_TEXTS)
    def find(*texts: str) -> Codes | None:
        parts = (part for text in texts for part in _SEPARATORS.split(text))
        names = [part for part in parts if part and part not in _NO_NAMES]
        return regions.find(names) if names else None

    def run(value: Json) -> Codes | None:
        if type(value) is str:
            return find(value)
        items = value if type(value) is list else [value]
        return find(*(text for text in map(as_text, items) if text))

    return run


def region_of_phone_cn() -> Clean:
    """province_code and city_code of the range that a mainland mobile was given out in; else absent.

    For forms without a city, with `unless: [province_code, city_code]` and `mark: city_from_prefix`. A number
    moves with its owner: where it was given out is a hint, not an address.
    """
    regions, find_phone = _Regions(), phone_cn()

    @lru_cache(maxsize=_KNOWN_PREFIXES)
    def of_prefix(prefix: str) -> Codes | None:
        name = _range_names()(prefix)
        try:
            found = regions.find([name]) if name else {}
        except ValueError:
            return None
        return found if "city_code" in found else None

    def run(value: Json) -> Codes | None:
        try:
            found = find_phone(value) or {}
        except ValueError:  # the rule of the phone itself says so
            return None
        mobile = found.get("mobile_e164")
        return of_prefix(mobile[:_PREFIX_LENGTH]) if mobile else None

    return run


@cache
def _range_names() -> Callable[[str], str]:
    """A function from a prefix to the name of its region. Loaded on first use: 0.3 s and 100 MB."""
    import phonenumbers
    from phonenumbers import geocoder

    def name(prefix: str) -> str:
        number = phonenumbers.parse(prefix + "0000")
        return str(geocoder.description_for_number(number, "zh"))

    return name


class _Regions:
    """The table with its look-ups."""

    def __init__(self) -> None:
        self._table = read_table()
        owners: dict[str, list[str]] = {}
        for province, (_, cities) in self._table.items():
            for city in cities:
                owners.setdefault(city, []).append(province)
        self._owner = {city: found[0] for city, found in owners.items() if len(found) == 1}

    def find(self, names: list[str]) -> Codes:
        """The codes of names from the province down.

        Raises:
            ValueError: the table knows none of them.
        """
        province = self._province(names[0])
        rest = list(names[1:])
        if province is None:
            province, remainder = self._leading_province(names[0])
            if remainder:
                rest.insert(0, remainder)
        if province is None:
            return self._city_alone(names[0])
        code, cities = self._table[province]
        if province in _MUNICIPALITIES:
            return {"province_code": code, "city_code": cities[province]}
        if not rest:
            return {"province_code": code}
        city = _city(rest[0], cities)
        return {"province_code": code, **({"city_code": city} if city else _UNKNOWN_CITY)}

    def _province(self, name: str) -> str | None:
        if name.endswith("市") and name[:-1] not in _MUNICIPALITIES:
            return None  # 吉林市 is a city of 吉林
        short = _PROVINCE_ENDINGS.sub("", name)
        return short if short in self._table else None

    def _leading_province(self, name: str) -> tuple[str | None, str]:
        for province, (_, cities) in self._table.items():
            rest = name.removeprefix(province)
            if rest == name:
                continue
            after = _PROVINCE_STARTS.sub("", rest)
            if after != rest or province in _MUNICIPALITIES or _city(rest, cities):
                return province, after
        return None, ""

    def _city_alone(self, name: str) -> Codes:
        short = _CITY_ENDINGS.sub("", name)
        province = self._owner.get(short) or self._owner_of_prefix(name)
        if province is None:
            raise ValueError("no such region")
        code, cities = self._table[province]
        return {"province_code": code, "city_code": _city(name, cities)}

    def _owner_of_prefix(self, name: str) -> str | None:
        owners = {owner for city, owner in self._owner.items() if _named(name, city)}
        return owners.pop() if len(owners) == 1 else None


def _city(name: str, cities: dict[str, str]) -> str | None:
    short = _CITY_ENDINGS.sub("", name)
    if short in cities:
        return cities[short]
    return next((code for city, code in cities.items() if _named(name, city)), None)


def _named(name: str, city: str) -> bool:
    """Whether `name` is `city` with an ending: 延边朝鲜族自治州, 深圳市南山区."""
    rest = name.removeprefix(city)
    return rest != name and (rest.startswith(("市", "地区", "盟")) or rest.endswith("州"))


TRANSFORMS = (
    Transform("region_cn", region_cn, gives=("province_code", "city_code", "district_code")),
    Transform("region_of_phone_cn", region_of_phone_cn, gives=("province_code", "city_code")),
)
