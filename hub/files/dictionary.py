"""The dictionary of columns: what a header can mean, and which check and transform each meaning has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml

from hub.drift.vocabulary import Vocabulary, normal_name
from hub.files.readers import Reader, reader_of
from hub.mapping.business import LEAD
from hub.mapping.fields import LEAD_FIELDS

KEEP: Final = "extra"
IGNORE: Final = "ignore"
EXTERNAL_ID: Final = "external_id"
EXTENSION: Final = "ext."
# Meanings that a transform spreads over several canonical fields, and the field whose label and mask they take.
SPREADS: Final[Mapping[str, str]] = {
    "phone": "mobile_e164",
    "region": "province_code",
    "province": "province_code",
    "city": "city_code",
    "budget": "budget_min_fen",
    "landing": "landing_url",
}
CONTACTS: Final = frozenset(
    {"phone", "email", "id_number", "wechat_id", "wechat_unionid", "douyin_id", "qq"}
)
# Canonical fields that are reached by a spread, and that a column therefore cannot name.
_SPREAD_ONLY: Final = {
    "mobile_e164": "phone", "phones": "phone", "province_code": "region", "city_code": "city",
    "budget_min_fen": "budget", "budget_max_fen": "budget", "landing_url": "landing", "intent_raw": "intent",
}  # fmt: skip
_NOT_A_COLUMN: Final = frozenset({"click_ids", "district_code", "phone_hash_sha256"})
_REMARK: Final = re.compile(
    r"[(（\[【][^)）\]】]*(必填|选填|可选|必须)[^)）\]】]*[)）\]】]|^[*＊]+|[*＊:：]+$"
)
_NEAR: Final = 0.8


class Role(StrEnum):
    """What kind of value a column holds, and so which checks look at it."""

    ID = "id"
    PHONE = "phone"
    EMAIL = "email"
    ID_NUMBER = "id_number"
    DATE = "date"
    REGION = "region"
    AMOUNT = "amount"
    ENUM = "enum"
    NUMBER = "number"
    TEXT = "text"


_ROLES: Final = {
    "external_id": Role.ID, "phone": Role.PHONE, "email": Role.EMAIL, "id_number": Role.ID_NUMBER,
    "submitted_at": Role.DATE, "region": Role.REGION, "province": Role.REGION, "city": Role.REGION,
    "budget": Role.AMOUNT, "gender": Role.ENUM, "intent": Role.ENUM, "age": Role.NUMBER,
}  # fmt: skip


def role_of(meaning: str) -> Role:
    """The kind of value of a meaning; text unless it is something special."""
    return _ROLES.get(meaning, Role.TEXT)


@dataclass(frozen=True, slots=True)
class Hit:
    """What a header means: `is_exact` if the dictionary has that very word."""

    meaning: str
    why: str
    is_exact: bool


class BaseDictionary:
    """Words for the columns of one kind of file: word → meaning; labels and limits from the canonical contract.

    `target` is the canonical entity that rows become.
    """

    target = LEAD

    def __init__(self, words: Mapping[str, str], canonical: Mapping[str, Any]) -> None:
        self._words = dict(words)
        self._extensions: frozenset[str] = frozenset()
        self._properties: Mapping[str, Any] = canonical.get("properties", {})

    @staticmethod
    def add(words: dict[str, str], meaning: str, synonyms: Iterable[object]) -> None:
        """Have each of `synonyms` mean `meaning`, unless it means something already."""
        for word in synonyms:
            if name := normal_name(str(word)):
                words.setdefault(name, meaning)

    def meanings(self) -> frozenset[str]:
        """Everything that a column can be said to mean, without a merchant's extension fields."""
        raise NotImplementedError

    def reader(self, meaning: str, column: str = "") -> Reader | None:
        """The loader's own transform for a column, None where any text will do."""
        raise NotImplementedError

    def find(self, header: str) -> Hit | None:
        """What a header means: by its very word, else by one that comes near; None if nothing does."""
        plain = _REMARK.sub("", header).strip()
        meaning = self._exact(plain)
        if meaning is not None:
            return Hit(meaning, f"“{plain}”在词典里", True)
        word = normal_name(plain)
        inside = max(
            (known for known in self._words if len(known) > 1 and known in word and known >= "一"),
            key=len,
            default=None,
        )
        near = difflib.get_close_matches(word, self._words, 1, _NEAR) if word else []
        found = inside or (near[0] if near else None)
        if found is None:
            return None
        return Hit(self._words[found], f"列名接近“{found}”", False)

    def is_known(self, header: str) -> bool:
        """Whether the dictionary has that very word."""
        return self._exact(_REMARK.sub("", header).strip()) is not None

    def is_extension(self, meaning: str) -> bool:
        """Whether a meaning is a registered extension field of the merchant: `ext.<name>`."""
        return meaning in self._extensions

    def label(self, meaning: str) -> str:
        """The Chinese label of a meaning."""
        fixed = {
            EXTERNAL_ID: "线索编号" if self.target == LEAD else "记录编号",
            KEEP: "保留在 extra",
            IGNORE: "忽略",
            "phone": "电话",
        }
        if meaning in fixed:
            return fixed[meaning]
        schema = self._properties.get(SPREADS.get(meaning, meaning), {})
        return str(schema.get("x-label-zh", meaning))

    def pii(self, meaning: str) -> str:
        """How a value of that meaning is masked: the `x-pii` of its canonical field; `text` for all else."""
        if meaning == EXTERNAL_ID:
            return "id"
        schema = self._properties.get(SPREADS.get(meaning, meaning), {})
        return str(schema.get("x-pii", "text"))

    def longest(self, meaning: str) -> int | None:
        """How many characters the canonical contract allows, None if it says nothing."""
        limit = self._properties.get(meaning, {}).get("maxLength")
        return int(limit) if limit is not None else None

    def _exact(self, plain: str) -> str | None:
        return self._words.get(normal_name(plain))


class Dictionary(BaseDictionary):
    """Words for columns: ours, those of the drift vocabulary, the canonical labels, a merchant's extension fields.

    `extensions` are the merchant's own fields: name → Chinese label.
    """

    def __init__(
        self, canonical: Mapping[str, Any], extensions: Mapping[str, str] | None = None
    ) -> None:
        super().__init__({}, canonical)
        self._extensions = frozenset(EXTENSION + name for name in extensions or ())
        self._vocabulary = Vocabulary(canonical)
        for name, label in (extensions or {}).items():
            for word in (label, name):
                self._words.setdefault(normal_name(word), EXTENSION + name)
        for meaning, words in _synonyms().items():
            for word in (meaning, *words):
                self._words.setdefault(normal_name(str(word)), meaning)
        for name, schema in self._properties.items():
            if (meaning := as_meaning(name)) in self.meanings():
                for word in (name, schema.get("x-label-zh", "")):
                    self._words.setdefault(normal_name(word), meaning)

    def meanings(self) -> frozenset[str]:
        """Everything that a column can be said to mean, without a merchant's extension fields."""
        fields = set(LEAD_FIELDS) - set(_SPREAD_ONLY) - _NOT_A_COLUMN
        return frozenset({*fields, "intent", *SPREADS, EXTERNAL_ID, KEEP, IGNORE})

    def reader(self, meaning: str, column: str = "") -> Reader | None:
        """The loader's own transform for a meaning, None where any text will do."""
        return reader_of(meaning)

    def _exact(self, plain: str) -> str | None:
        word = normal_name(plain)
        if not word:
            return None
        if word in self._words:
            return self._words[word]
        said = self._vocabulary.meaning("", plain)
        return as_meaning(said.field) if said else None


def as_meaning(field: str) -> str:
    """The meaning under which a canonical field is reached."""
    return _SPREAD_ONLY.get(field, field)


@cache
def _synonyms() -> Mapping[str, list[str]]:
    text = files("hub.files").joinpath("synonyms.yaml").read_text("utf-8")
    return dict(yaml.safe_load(text))
