"""Identity keys of a canonical lead (design §7): what may say that two leads are one person. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.model.lead import IdentityKey, KeyKind

HASHED_MOBILE = "sha256:"
_MOBILE_PREFIX = "+861"
_MOBILE_LENGTH = 14
_SCOPED = (
    (KeyKind.OPENID, "wechat_app_id", "wechat_openid"),
    (KeyKind.EXTERNAL_USERID, "wecom_corp_id", "wecom_external_userid"),
)


def identity_keys(doc: Mapping[str, Any]) -> tuple[IdentityKey, ...]:
    """The keys of a canonical document, strongest first.

    An openid counts only with its app, a WeCom external user id only with its corp. `mobile_e164` counts
    if it is a whole mainland mobile; landlines, service, virtual, masked and foreign numbers stand in
    `phones` and never count. `phone_hash_sha256` gives a mobile key `sha256:<hex>` for the caller to blind.
    """
    keys: list[IdentityKey] = []
    get = doc.get
    if (id_number := get("id_number")) is not None:
        keys.append(IdentityKey(KeyKind.ID_NUMBER, id_number))
    if (unionid := get("wechat_unionid")) is not None:
        keys.append(IdentityKey(KeyKind.UNIONID, unionid))
    for kind, scope, name in _SCOPED:
        if name in doc and scope in doc:
            keys.append(IdentityKey(kind, f"{doc[scope]}:{doc[name]}"))
    mobile = get("mobile_e164")
    if mobile is not None and len(mobile) == _MOBILE_LENGTH and mobile.startswith(_MOBILE_PREFIX):
        keys.append(IdentityKey(KeyKind.MOBILE, mobile))
    if (hashed := get("phone_hash_sha256")) is not None:
        keys.append(IdentityKey(KeyKind.MOBILE, HASHED_MOBILE + hashed.lower()))
    if (email := get("email")) is not None and "@" in email:
        keys.append(IdentityKey(KeyKind.EMAIL, email.lower()))
    return tuple(keys)
