"""The signatures of our own requests: the vectors of the notes, and what must not change them."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from hub.connectors.meituan.signing import Profile, sign, with_sign
from hub.connectors.signatures import verify
from hub.errors import SignatureError
from hub.model.delivery import HookRequest
from hub.settings import Scheme, SignatureSettings
from tests.connectors.suite import NOW

MTOP = {
    "appAuthToken": "demoToken",
    "biz": '{"bizid":"900001","status":1}',
    "businessId": "58",
    "charset": "UTF-8",
    "developerId": "100001",
    "timestamp": "1735689600",
    "version": "2",
}
BEIJIXING = {
    "app_key": "demoapp",
    "book_status": "1",
    "format": "json",
    "order_id": "900001",
    "remark": "",
    "session": "demosession",
    "sign_method": "MD5",
    "timestamp": "2025-01-01 08:00:00",
    "v": "1",
}
VECTORS = [
    (Profile.MTOP, MTOP, "demoSignKey", "0c6e6fc964742746a18ae0baaa35e312bbd163bf"),
    (Profile.BEIJIXING, BEIJIXING, "demo_dp_secret", "916f9e9882062d807a00b340bbcf81e8"),
]
SCHEMES: dict[Profile, Scheme] = {Profile.MTOP: "sorted_sha1", Profile.BEIJIXING: "sorted_md5"}


@pytest.mark.parametrize(("profile", "fields", "secret", "expected"), VECTORS)
def test_the_vector_of_the_notes_passes_in_any_order(
    profile: Profile, fields: dict[str, str], secret: str, expected: str
) -> None:
    turned = dict(reversed(fields.items()))

    assert sign(profile, fields, secret) == expected
    assert sign(profile, {**turned, "sign": "old", "empty": ""}, secret) == expected


@pytest.mark.parametrize(("profile", "fields", "secret", "expected"), VECTORS)
def test_what_is_sent_has_no_empty_field_and_its_signature(
    profile: Profile, fields: dict[str, str], secret: str, expected: str
) -> None:
    sent = with_sign(profile, {**fields, "sign": "old"}, secret)

    assert sent == {k: v for k, v in fields.items() if v} | {"sign": expected}


@pytest.mark.parametrize(("profile", "fields", "secret", "expected"), VECTORS)
def test_the_other_platforms_rule_gives_another_signature(
    profile: Profile, fields: dict[str, str], secret: str, expected: str
) -> None:
    other = next(one for one in Profile if one is not profile)

    assert sign(other, fields, secret) != expected


@pytest.mark.parametrize("profile", list(Profile))
def test_what_we_sign_the_hub_verifies_chinese_and_reserved_characters_too(
    profile: Profile,
) -> None:
    fields = with_sign(profile, {"名": "张三 +&=%", "b": "1", "B": "2"}, "密钥")
    request = HookRequest("POST", b"", {}, urlencode(fields).encode())
    settings = SignatureSettings(scheme=SCHEMES[profile])

    verify(settings, request, ["密钥".encode()], NOW)
    tampered = HookRequest("POST", b"", {}, urlencode({**fields, "b": "3"}).encode())
    with pytest.raises(SignatureError):
        verify(settings, tampered, ["密钥".encode()], NOW)
