"""Ledgers: what the columns of a file of business documents can mean, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml

from hub.files.dictionary import EXTENSION, EXTERNAL_ID, IGNORE, KEEP, BaseDictionary, Hit, Role
from hub.files.readers import Reader, build_reader
from hub.mapping.business import BUSINESS_FIELDS

# A column that holds yuan is named by the field without its unit.
_FEN: Final = "_fen"
_UNIT_NOTE: Final = re.compile(
    r"[（(\[【](?:单位[:：]?)?(?:人民币)?(?:元|万元|百万元|万|分|RMB|CNY)[）)\]】]$"
)
_DERIVED: Final = frozenset({"state_raw", "source_currency_amount"})
_TEXT_IDS: Final = frozenset(
    {
        *("number", "invoice_code", "red_of", "contract_number", "order_number", "parent_number"),
        *("amends_number", "opportunity_number", "request_number", "receivable_number"),
        *("receipt_number", "invoice_number", "party_code", "party_tax_number", "account_ref"),
        *("campaign_id", "creative_id", "flow_id", "party_credit_code"),
    }
)
# Without them a document of the kind says nothing that could be added up.
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("invoice", "receivable", "receipt", "refund"), ("amount", "on_date")),
    **dict.fromkeys(("settlement", "spend", "order"), ("amount",)),
    "contract": ("number",),
}
RED_WORDS: Final = ("红字", "红票", "红冲", "红字发票", "负数", "red")
_CURRENCIES: Final = {
    **dict.fromkeys(("CNY", "cny", "RMB", "rmb", "人民币", "元", "人民币元", "PRE001"), "CNY"),
    **dict.fromkeys(("USD", "usd", "美元", "美金"), "USD"),
    **dict.fromkeys(("HKD", "hkd", "港币", "港元"), "HKD"),
    **dict.fromkeys(("EUR", "eur", "欧元"), "EUR"),
    **dict.fromkeys(("JPY", "jpy", "日元"), "JPY"),
    **dict.fromkeys(("GBP", "gbp", "英镑"), "GBP"),
}
_KIND_CHAINS: Final[Mapping[str, Any]] = {
    "date": "sheet_date",
    "instant": "datetime",
    "bool": "bool",
    "int": "int",
    "list": "split",
    "mobile": "phone_cn",
}
_ROLES: Final[Mapping[str, Role]] = {
    "date": Role.DATE,
    "instant": Role.DATE,
    "bool": Role.ENUM,
    "int": Role.NUMBER,
    "mobile": Role.PHONE,
}


class DocumentDictionary(BaseDictionary):
    """Words for the columns of one kind of business document.

    `tables` are look-ups by field (`state`, `kind`), as the shipped mapping of the entity has them.
    """

    def __init__(
        self, entity: str, canonical: Mapping[str, Any], tables: Mapping[str, Any] | None = None
    ) -> None:
        self.target = entity
        self.tables = dict(tables or {})
        words: dict[str, str] = {}
        listed = _words()
        # The entity's own words come before those that every ledger has.
        for group in (listed.get(entity, {}), listed["common"]):
            for meaning, synonyms in group.items():
                if meaning in self.meanings():
                    self.add(words, meaning, (meaning, *synonyms))
        for name, schema in canonical.get("properties", {}).items():
            meaning = name.removesuffix(_FEN)
            if meaning in self.meanings():
                self.add(words, meaning, (name, meaning, schema.get("x-label-zh", "")))
        super().__init__(words, canonical)

    def find(self, header: str) -> Hit | None:
        """What a header means; the unit that an amount's column states says nothing of that."""
        return super().find(_UNIT_NOTE.sub("", header))

    def is_known(self, header: str) -> bool:
        """Whether the dictionary has that very word."""
        return super().is_known(_UNIT_NOTE.sub("", header))

    def meanings(self) -> frozenset[str]:
        """The entity's fields, amounts without their unit."""
        fields = {name.removesuffix(_FEN) for name in BUSINESS_FIELDS[self.target]}
        return frozenset({*(fields - _DERIVED), EXTERNAL_ID, KEEP, IGNORE})

    def needed(self) -> tuple[str, ...]:
        """The meanings without which a row is no document of this kind."""
        return _NEEDED.get(self.target, ())

    def field_of(self, meaning: str) -> str:
        """The canonical field of a meaning."""
        fen = f"{meaning}{_FEN}"
        return fen if fen in BUSINESS_FIELDS[self.target] else meaning

    def pii(self, meaning: str) -> str:
        """How a value is masked: the `x-pii` of its canonical field."""
        return super().pii(self.field_of(meaning))

    def label(self, meaning: str) -> str:
        """The Chinese label of a meaning."""
        found = super().label(self.field_of(meaning))
        return found.removesuffix("（分）")

    def role(self, meaning: str) -> Role:
        """What kind of value a column of that meaning holds."""
        if self.field_of(meaning).endswith(_FEN):
            return Role.AMOUNT
        if meaning in _TEXT_IDS or meaning == EXTERNAL_ID:
            return Role.ID
        if meaning in self.tables or meaning == "currency":
            return Role.ENUM
        kind = BUSINESS_FIELDS[self.target].get(meaning, "text")
        return _ROLES.get(kind, Role.TEXT)

    def chain(self, meaning: str, column: str) -> Any:  # noqa: ANN401 -- a mapping's `with`
        """The `with` by which a column is read, None where any text will do."""
        if self.role(meaning) is Role.AMOUNT:
            return {"signed_fen": {"unit": unit_in(column)}}
        if meaning == "currency":
            return {"lookup": {"table": _CURRENCIES}}
        if meaning in self.tables:
            return {"lookup": {"table": self.tables[meaning]}}
        return _KIND_CHAINS.get(BUSINESS_FIELDS[self.target].get(meaning, "text"))

    def reader(self, meaning: str, column: str = "") -> Reader | None:
        """The loader's own transform for a column, None where any text will do."""
        if meaning in (KEEP, IGNORE, EXTERNAL_ID) or meaning.startswith(EXTENSION):
            return None
        chain = self.chain(meaning, column)
        return None if chain is None else build_reader(chain)


def unit_in(column: str) -> str:
    """The unit that an amount's column states: 合同金额(万元) → 万; yuan if it states none."""
    if "百万" in column:
        return "百万"
    if "万" in column:
        return "万"
    return "分" if "（分）" in column or "(分)" in column else "yuan"


def lookup_tables(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The look-up tables of a mapping document, by field."""
    found: dict[str, Any] = {}
    for name, rule in (mapping.get("fields") or {}).items():
        chain = rule.get("with") if isinstance(rule, dict) else None
        if isinstance(chain, dict) and "lookup" in chain:
            found[name] = chain["lookup"]["table"]
    return found


@cache
def _words() -> Mapping[str, Mapping[str, list[str]]]:
    text = files("hub.files").joinpath("document_words.yaml").read_text("utf-8")
    return dict(yaml.safe_load(text))
