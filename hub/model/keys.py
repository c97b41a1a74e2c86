"""Identity keys of a canonical lead (design §7): what may say that two leads are one person. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from hub.model.lead import IdentityKey, KeyKind

HASHED_MOBILE = "sha256:"
MD5_MOBILE = "md5:"
HASHES_OF_PHONES = ("phone_hash_sha256", "phone_hash_md5")
"""Fields that give a key. They stay in the sealed document only, so that keys can be made again from it under
another index key; bare, the hash of a phone is reversed in minutes."""
_MOBILE_PREFIX = "+861"
_MOBILE_LENGTH = 14
_SHORTEST_MOBILE = len("+85251234567") - 1
_KNOWN_NAMES = 8192  # names come again; what somebody makes up must not fill the memory
_TELLING = re.compile(r"[㐀-䶿一-鿿·]{2,12}|[a-z][a-z .'-]{2,40}")
_TITLE = re.compile(
    r"(?:先生|女士|小姐|太太|老师|老板|经理|总监|总|师傅|医生|主任|同学|妈妈|爸爸|家长|哥|姐|叔|阿姨)$|^[小老阿].$"
)
_PLAIN = ((KeyKind.ID_NUMBER, "id_number"), (KeyKind.UNIONID, "wechat_unionid"))
_SCOPED = (
    (KeyKind.OPENID, "wechat_app_id", "wechat_openid"),
    (KeyKind.EXTERNAL_USERID, "wecom_corp_id", "wecom_external_userid"),
)


def identity_keys(doc: Mapping[str, Any]) -> tuple[IdentityKey, ...]:
    """The keys of a canonical document, strongest first, each once.

    An openid counts only with its app, a WeCom external user id only with its corp. `mobile_e164` counts if
    it is a whole mainland mobile, a number of `phones` if its kind is mobile, mainland or foreign; landlines,
    service, virtual, masked and other foreign numbers never count, nor does a 抖音号, which its owner can
    change. `phone_hash_sha256` gives a mobile key `sha256:<hex>`, `phone_hash_md5` one `md5:<hex>`, for the
    caller to blind; the first meets the same phone in plain, the second only its like. Last comes the name:
    it joins nobody, but with too many of them a phone is a shop's.
    """
    keys = [IdentityKey(kind, doc[name]) for kind, name in _PLAIN if name in doc]
    keys += [
        IdentityKey(kind, f"{doc[scope]}:{doc[name]}")
        for kind, scope, name in _SCOPED
        if name in doc and scope in doc
    ]
    mobile = doc.get("mobile_e164")
    if mobile is not None and _is_whole(mobile):
        keys.append(IdentityKey(KeyKind.MOBILE, mobile))
    if "phones" in doc:
        keys += (key for key in _other_mobiles(doc["phones"]) if key not in keys)
    keys += [
        IdentityKey(KeyKind.MOBILE, prefix + doc[name].lower())
        for prefix, name in zip((HASHED_MOBILE, MD5_MOBILE), HASHES_OF_PHONES, strict=True)
        if name in doc
    ]
    email = doc.get("email")
    if email is not None and "@" in email:
        keys.append(IdentityKey(KeyKind.EMAIL, email.lower()))
    name = doc.get("name")
    if name is not None and (telling := telling_name(name)) is not None:
        keys.append(IdentityKey(KeyKind.NAME, telling))
    return tuple(keys)


@lru_cache(maxsize=_KNOWN_NAMES)
def telling_name(name: str) -> str | None:
    """A name that tells one person from another, normalised; None for 张先生, 小李, 张*, 匿名用户1, a number."""
    text = unicodedata.normalize("NFKC", name).casefold()
    plain = text.strip() if text.isascii() else "".join(text.split())
    return plain if _TELLING.fullmatch(plain) and not _TITLE.search(plain) else None


def _other_mobiles(phones: Any) -> Iterator[IdentityKey]:  # noqa: ANN401 -- a member of a JSON document
    """The mobiles among a lead's other numbers, each once."""
    seen = set()
    for phone in phones:
        value = phone.get("value", "")
        if phone.get("kind") == "mobile" and value not in seen and _is_whole(value):
            seen.add(value)
            yield IdentityKey(KeyKind.MOBILE, value)


def _is_whole(number: str) -> bool:
    if number.startswith("+86"):
        return len(number) == _MOBILE_LENGTH and number.startswith(_MOBILE_PREFIX)
    return number.startswith("+") and number[1:].isdecimal() and len(number) >= _SHORTEST_MOBILE
