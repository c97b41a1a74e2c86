"""What a text looks like, and whether it may be shown in a contract."""

from __future__ import annotations

import json
import re
from typing import Final

_PHONE: Final = re.compile(
    r"(\+?86[- ]?)?1[3-9]\d{9}|1\d{2}\*{4}\d{4}|0\d{2,3}-?\d{7,8}(-\d{1,6})?|400-?\d{3}-?\d{4}"
)
_DATE_TIME: Final = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?"
)
_DIGITS: Final = re.compile(r"\d{5,32}")
# A word of a vocabulary: code-like, or a few Chinese characters.
_WORD: Final = re.compile(r"[a-z0-9_.\-]{1,24}|[A-Z0-9_]{1,24}|[\u4e00-\u9fff]{1,6}")
_NAMED_PERSONAL: Final = re.compile(
    r"name|nick|phone|mobile|tel|mail|wechat|weixin|wx|qq|openid|unionid|address|remark|message|"
    r"comment|content|answer|value|text|note|owner|person|user|uid|id_?card|^id$|_id$|Id$|ID$|"
    r"consultant|sales|staff|agent|author|leader|host|kol|顾问|销售|跟进|达人|主播|负责|员|"
    r"姓|名|称呼|电话|手机|联系|号码|微信|邮箱|地址|备注|留言|内容|回答|身份证|账号|抖音号",
    re.IGNORECASE,
)
_SURNAMES: Final = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_NAME_LENGTHS: Final = (2, 3, 4)


def hint_of(text: str) -> str | None:
    """What a text looks like: `json`, `phone`, `date-time`, `digits`, or nothing in particular."""
    if text[:1] in ("{", "["):
        return "json" if _is_json(text) else None
    if _PHONE.fullmatch(text):
        return "phone"
    if _DATE_TIME.fullmatch(text):
        return "date-time"
    return "digits" if _DIGITS.fullmatch(text) else None


def may_be_listed(text: str) -> bool:
    """Whether a text can be a member of a vocabulary and says nothing of a person: when in doubt, no."""
    if not _WORD.fullmatch(text) or sum(letter.isdigit() for letter in text) > 4:
        return False
    return not (len(text) in _NAME_LENGTHS and text[0] in _SURNAMES)


def names_person(field: str) -> bool:
    """Whether a field's name says that it holds something of a person, or free text."""
    return _NAMED_PERSONAL.search(field) is not None


def is_data(key: str) -> bool:
    """Whether an object's key is itself a value (a number, an address) rather than a name."""
    return "@" in key or sum(letter.isdigit() for letter in key) > 4 or len(key) > 64


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
