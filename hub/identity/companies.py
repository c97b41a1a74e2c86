"""What says that two statements speak of one company: codes, tax numbers, normalised names. Pure.

A company's keys join statements as a person's keys join leads, by the same functions under rules of their own:
a name, or a tax number of before 2015, beside two credit codes is two companies' and joins nobody.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.identity.mail_domains import FREE_MAIL
from hub.identity.rules import IdentityRules
from hub.model.credit_codes import is_credit_code
from hub.model.lead import CompanyKeyKind, IdentityKey

COMPANY_RULES = IdentityRules(
    windowed=frozenset(),
    weak=frozenset({CompanyKeyKind.TAX_NUMBER, CompanyKeyKind.NAME, CompanyKeyKind.SHORT_NAME}),
    most={CompanyKeyKind.CREDIT_CODE: 1},
)

# What people write instead of a company.
_NO_NAME = (
    "无 没有 暂无 无公司 没有公司 个人 个体 个体户 个体工商户 私人 自由职业 自由职业者 自己 保密 不知道"
    " 不方便 未知 测试 待定 其他 其它 公司 企业 单位 本公司 我公司 有限公司 股份有限公司 none null na nil"
    " test company"
)
_NO_NAMES = frozenset(_NO_NAME.split())
_LEGAL_FORM = re.compile(
    r"(?:公司|集团|厂|店|中心|学校|大学|学院|中学|小学|幼儿园|医院|诊所|门诊部|银行|支行|分行|事务所|工作室|商行|经营部"
    r"|合作社|合伙企业|企业|基金会|协会|商会|研究院|研究所|设计院|出版社|酒店|宾馆|委员会|管理局|ltd|inc|corp|llc|gmbh)$"
)
_HEAD_AND_BRANCH = re.compile(
    r"(.{2,}?(?:有限公司|集团公司|银行|集团))"
    r"(.{0,30}(?:分公司|支公司|子公司|办事处|代表处|营业部|经营部|项目部|分部|分店|门店|旗舰店|专卖店|店|分行|支行|分校|校区"
    r"|分院|分厂|分中心))"
)
_LIMITED = re.compile(r"(?:company|co)?(?:limited|ltd)$")
_SPELLINGS = (
    (re.compile(r"股份有限责任公司|股份公司"), "股份有限公司"),
    (re.compile(r"有限责任公司"), "有限公司"),
    (re.compile(r"incorporated$"), "inc"),
    (re.compile(r"corporation$"), "corp"),
    (_LIMITED, "ltd"),
)
_SHORTEST, _LONGEST = 2, 100
_OLD_TAX_NUMBER = re.compile(r"\d{6}[0-9A-Z]{9}")
_ORGANISATION = slice(8, 17)
_DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}")


@dataclass(frozen=True, slots=True)
class CompanyName:
    """A name as it is compared. `head` is the company of a branch, "" for what is none. `is_full`: names its form."""

    text: str
    head: str
    is_full: bool


def company_name(text: str) -> CompanyName | None:
    """A company's name for comparing; None for what is none (无, 个体, a sign).

    Widths, case, blanks, punctuation and brackets make no difference (the words in brackets do), nor do 有限责任公司
    and 有限公司. 股份有限公司 is another company than 有限公司, a branch (分公司, 分店) another than its head.
    """
    plain = unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()
    name = "".join(one for one in plain if one.isalnum())
    for pattern, spelling in _SPELLINGS:
        name = pattern.sub(spelling, name)
    if len(name) < _SHORTEST or name in _NO_NAMES or name.isdecimal():
        return None
    branch = _HEAD_AND_BRANCH.fullmatch(name)
    is_full = bool(branch or _LEGAL_FORM.search(name))
    return CompanyName(name, branch[1] if branch else "", is_full)


def company_keys(doc: Mapping[str, Any]) -> tuple[IdentityKey, ...]:
    """The keys of the company that a canonical document states, strongest first; () if it states none.

    A credit code counts if its check character is right. Since 2015 it is the tax number, too; an older one
    ends in the nine characters of the organisation that the credit code has inside, so the two meet. Neither an
    invalid code nor a tax number of another form is a key.
    """
    keys: list[IdentityKey] = []
    codes = [_code(doc.get(name)) for name in ("company_credit_code", "company_tax_number")]
    for code in dict.fromkeys(filter(is_credit_code, codes)):
        keys.append(IdentityKey(CompanyKeyKind.CREDIT_CODE, code))
        keys.append(IdentityKey(CompanyKeyKind.TAX_NUMBER, code[_ORGANISATION]))
    if _OLD_TAX_NUMBER.fullmatch(codes[1]):
        keys.append(IdentityKey(CompanyKeyKind.TAX_NUMBER, codes[1][-9:]))
    stated = doc.get("company")
    name = company_name(stated) if isinstance(stated, str) else None
    if name is not None:
        kind = CompanyKeyKind.NAME if name.is_full else CompanyKeyKind.SHORT_NAME
        keys.append(IdentityKey(kind, name.text))
    return tuple(dict.fromkeys(keys))


def domain_key(doc: Mapping[str, Any]) -> IdentityKey | None:
    """The domain of a work e-mail; None without one, or where anybody can have a mailbox."""
    email = doc.get("email")
    if not isinstance(email, str):
        return None
    domain = email.rpartition("@")[2].strip().casefold()
    if domain in FREE_MAIL or not _DOMAIN.fullmatch(domain):
        return None
    return IdentityKey(CompanyKeyKind.EMAIL_DOMAIN, domain)


def _code(value: Any) -> str:  # noqa: ANN401 -- a value of a document
    text = unicodedata.normalize("NFKC", value) if isinstance(value, str) else ""
    return re.sub(r"[\s-]", "", text[:_LONGEST]).upper()
