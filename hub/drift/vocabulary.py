"""What fields are called: names and labels, Chinese and English, that mean one canonical field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

# Canonical lead field → names (snake) and labels that say exactly that. A word that says more (`author_name`,
# `start_time`) is not among them: it means something else.
SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "mobile_e164": (
            "phone", "telephone", "mobile", "tel", "cellphone", "cell_phone", "phone_number", "phone_num",
            "phone_no", "mobile_phone", "mobile_number", "mobile_no", "contact_phone", "contact_mobile",
            "contact_tel", "contact_number", "user_phone", "user_mobile", "customer_phone", "tel_phone", "dianhua",
            "shouji", "电话", "手机", "手机号", "手机号码", "联系方式", "联系电话", "电话号码", "联系号码", "联系手机",
            "用户手机号", "客户电话", "用户电话",
        ),
        "douyin_id": (
            "douyin_id", "dy_id", "dyid", "douyin_no", "douyin_number", "douyin_account", "aweme_id",
            "user_douyin_id", "抖音号", "用户抖音号", "抖音ID", "抖音账号", "客户抖音号",
        ),
        "name": (
            "name", "user_name", "username", "customer_name", "client_name", "real_name", "full_name",
            "contact_name", "xingming", "姓名", "称呼", "名字", "客户姓名", "用户姓名", "联系人", "联系人姓名",
            "真实姓名",
        ),
        "wechat_id": (
            "wechat", "weixin", "wx", "wechat_id", "weixin_id", "wx_id", "wechat_no", "wechat_account", "微信",
            "微信号", "用户微信", "客户微信",
        ),
        "wechat_unionid": ("unionid", "union_id", "wechat_unionid", "微信UnionID"),
        "email": ("email", "e_mail", "mail", "email_address", "邮箱", "电子邮箱", "邮件", "邮箱地址"),
        "id_number": (
            "id_card", "id_number", "idcard", "id_card_no", "identity_no", "身份证", "身份证号", "身份证号码",
        ),
        "qq": ("qq", "qq_number", "qq_no", "QQ号", "QQ号码"),
        "gender": ("gender", "sex", "性别"),
        "age": ("age", "年龄"),
        "province_code": ("province", "province_name", "省", "省份", "所在省", "省市"),
        "city_code": ("city", "city_name", "城市", "市", "所在城市", "意向城市", "所在地"),
        "district_code": ("district", "county", "country_name", "区", "区县", "所在区"),
        "address": ("address", "addr", "detail_address", "full_address", "地址", "详细地址", "联系地址"),
        "company": ("company", "company_name", "corp_name", "公司", "公司名称", "企业名称", "单位"),
        "submitted_at": (
            "create_time", "created_at", "create_time_detail", "created_time", "create_date", "submit_time",
            "submitted_at", "submit_date", "lead_time", "clue_create_time", "创建时间", "提交时间", "留资时间",
            "线索创建时间", "时间",
        ),
        "message": (
            "remark", "message", "note", "notes", "comment", "memo", "leave_message", "备注", "留言", "备注信息",
            "留言内容",
        ),
        "need": ("need", "needs", "demand", "requirement", "需求", "诉求", "核心诉求"),
        "product_interest": (
            "product_interest", "interested_product", "intent_product", "course", "意向项目", "咨询课程", "意向课程",
            "意向产品", "感兴趣的产品", "咨询项目",
        ),
        "utm_source": ("utm_source",),
        "utm_medium": ("utm_medium",),
        "utm_campaign": ("utm_campaign",),
        "utm_term": ("utm_term",),
        "utm_content": ("utm_content",),
        "landing_url": ("landing_url", "landing_page", "external_url", "page_url", "落地页", "落地页链接"),
        "referrer": ("referrer", "referer", "来源页"),
        "referrer_person": ("referrer_person", "referrer_name", "转介绍人", "推荐人", "介绍人"),
        "device_id": ("device_id", "设备ID", "设备号"),
    }
)  # fmt: skip

# Fields that hold another id of the same thing: never equal values, so one cannot stand for the other unasked.
SIBLINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "douyin_id": (
            "uid", "user_id", "userid", "open_id", "openid", "sec_uid", "user_uid", "union_id", "unionid", "account",
            "account_id", "用户ID", "用户UID", "抖音UID", "用户标识", "账号",
        ),
        "wechat_id": ("openid", "open_id", "unionid", "union_id", "external_userid", "微信OpenID"),
        "mobile_e164": ("virtual_phone", "virtual_mobile", "phone_md5", "phone_hash", "虚拟号", "隐私号"),
        "name": ("nickname", "nick_name", "nick", "昵称", "微信昵称", "用户昵称"),
    }
)  # fmt: skip

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APART = re.compile(r"[^0-9a-z\u4e00-\u9fff]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Words that many fields share: alike in these says little.
COMMON: Final = frozenset(
    (
        *(
            "id",
            "name",
            "no",
            "num",
            "number",
            "code",
            "type",
            "time",
            "at",
            "date",
            "value",
            "label",
        ),
        *("key", "text", "info", "data", "field", "list", "item", "user", "customer"),
    )
)


def normal_name(text: str) -> str:
    """A name as words in lower case with _ between: `createTime`, `Create-Time` → `create_time`."""
    plain = unicodedata.normalize("NFKC", text).strip()
    return _APART.sub("_", _CAMEL.sub("_", plain).casefold()).strip("_")


def words_of(text: str) -> frozenset[str]:
    """The words of a name; Chinese text gives its pairs of neighbours."""
    found: set[str] = set()
    for part in normal_name(text).split("_"):
        if _CHINESE.search(part):
            found |= {part[n : n + 2] for n in range(max(1, len(part) - 1))}
        elif part:
            found.add(part)
    return frozenset(found)


def is_chinese(text: str) -> bool:
    """Whether a text has Chinese characters in it, so that it can be a label."""
    return _CHINESE.search(text) is not None


def leaf_of(pointer: str) -> str:
    """The name that a JSON Pointer ends in; places in an array are passed over."""
    for part in reversed(pointer.split("/")):
        if part and not part.isdigit():
            return part.replace("~1", "/").replace("~0", "~")
    return ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A canonical field that a name or label says, with the words that say it."""

    field: str
    evidence: str


class Vocabulary:
    """Synonyms, and the labels of the canonical contract."""

    def __init__(self, canonical: Mapping[str, Any] | None = None) -> None:
        self._exact: dict[str, str] = {}
        for field, words in SYNONYMS.items():
            for word in words:
                self._exact.setdefault(normal_name(word), field)
        for field, schema in (canonical or {}).get("properties", {}).items():
            label = schema.get("x-label-zh")
            if field in SYNONYMS and label:
                self._exact.setdefault(normal_name(label), field)
        self._siblings = {
            field: frozenset(normal_name(word) for word in words)
            for field, words in SIBLINGS.items()
        }

    def meaning(self, pointer: str, label: str = "") -> Meaning | None:
        """The canonical field that a field's label, or else its name, says exactly; None if none."""
        for what, text in (("label", label), ("name", leaf_of(pointer))):
            field = self._exact.get(normal_name(text)) if text else None
            if field is not None:
                return Meaning(field, f"{what} {text} means {field}")
        return None

    def is_sibling(self, field: str, pointer: str, label: str = "") -> bool:
        """Whether a field is another id of what canonical `field` is about (UID beside 抖音号)."""
        words = self._siblings.get(field, frozenset())
        return normal_name(leaf_of(pointer)) in words or (
            bool(label) and normal_name(label) in words
        )
