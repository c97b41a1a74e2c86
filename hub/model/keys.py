"""Identity keys of a canonical lead (design §7): what may say that two leads are one person. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hub.model.lead import IdentityKey, KeyKind

HASHED_MOBILE = "sha256:"
MD5_MOBILE = "md5:"
HASHES_OF_PHONES = ("phone_hash_sha256", "phone_hash_md5")
"""Fields that give a key and are never stored: the bare hash of a phone is reversed in minutes."""
_MOBILE_PREFIX = "+861"
_MOBILE_LENGTH = 14
_SHORTEST_MOBILE = len("+85251234567") - 1
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
    caller to blind; the first meets the same phone in plain, the second only its like.
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
    return tuple(keys)


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
