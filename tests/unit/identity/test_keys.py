"""What of a lead is a key, and what never is one."""

from __future__ import annotations

import hashlib

import pytest

from hub.identity.keys import identity_keys
from hub.model.keys import telling_name
from hub.model.lead import IdentityKey, KeyKind
from hub.privacy.keyring import KeyRing
from hub.steps.fold_leads import blind_key

MOBILE = "+8619900001111"


def keys(**doc: object) -> list[tuple[str, str]]:
    return [
        (key.kind.name, key.value) for key in identity_keys(doc) if key.kind is not KeyKind.NAME
    ]


def phone(value: str, kind: str = "mobile") -> dict[str, str]:
    return {"value": value, "kind": kind}


def test_every_kind_of_key_strongest_first() -> None:
    found = keys(
        email="A@Example.com",
        mobile_e164=MOBILE,
        wecom_external_userid="wm1",
        wecom_corp_id="corp",
        wechat_openid="o1",
        wechat_app_id="app",
        wechat_unionid="u1",
        id_number="110101199001010015",
    )

    assert found == [
        ("ID_NUMBER", "110101199001010015"),
        ("UNIONID", "u1"),
        ("OPENID", "app:o1"),
        ("EXTERNAL_USERID", "corp:wm1"),
        ("MOBILE", MOBILE),
        ("EMAIL", "a@example.com"),
    ]


def test_a_second_mobile_in_one_field_is_a_key_too() -> None:
    found = keys(mobile_e164=MOBILE, phones=[phone("+8619900002222"), phone("+85251234567")])

    assert found == [("MOBILE", MOBILE), ("MOBILE", "+8619900002222"), ("MOBILE", "+85251234567")]


def test_a_number_that_is_named_twice_is_one_key() -> None:
    assert keys(mobile_e164=MOBILE, phones=[phone(MOBILE), phone(MOBILE)]) == [("MOBILE", MOBILE)]


@pytest.mark.parametrize(
    "doc",
    [
        {"douyin_id": "demo_dy"},
        {"wechat_openid": "o1"},
        {"wecom_external_userid": "wm1"},
        {"wechat_id": "wx_demo", "qq": "10001", "name": "张三"},
        {"phones": [phone("+8619900001111;ext=5678", "virtual")]},
        {"phones": [phone("+8619900001111", "virtual")]},
        {"phones": [phone("199****1111", "masked")]},
        {"phones": [phone("+861062345678", "landline"), phone("4008001234", "service")]},
        {"phones": [phone("+14155552671", "foreign")]},
        {"phones": [phone("+861062345678"), phone("123")]},
        {"mobile_e164": "+86199000011"},
        {"email": "none"},
    ],
    ids=lambda doc: ",".join(doc),
)
def test_what_may_not_say_that_two_leads_are_one_person_is_no_key(doc: dict[str, object]) -> None:
    """A 抖音号 is changed by its owner, an openid means nothing without its app, a switchboard is many people's."""
    assert keys(**doc) == []


def test_a_hashed_phone_meets_the_same_phone_in_plain(keyring: KeyRing) -> None:
    digest = hashlib.sha256(MOBILE.encode()).hexdigest()
    [plain] = identity_keys({"mobile_e164": MOBILE})
    [hashed] = identity_keys({"phone_hash_sha256": digest.upper()})

    assert blind_key(keyring, "m", plain) == blind_key(keyring, "m", hashed)


def test_an_md5_of_a_phone_meets_only_its_like(keyring: KeyRing) -> None:
    digest = hashlib.md5(MOBILE[3:].encode(), usedforsecurity=False).hexdigest()
    [one] = identity_keys({"phone_hash_md5": digest})
    [other] = identity_keys({"phone_hash_md5": digest.upper()})
    [plain] = identity_keys({"mobile_e164": MOBILE})

    assert one == other == IdentityKey(KeyKind.MOBILE, f"md5:{digest}")
    assert blind_key(keyring, "m", one) != blind_key(keyring, "m", plain)


def test_one_phone_at_two_merchants_is_two_keys(keyring: KeyRing) -> None:
    [key] = identity_keys({"mobile_e164": MOBILE})

    assert blind_key(keyring, "a", key) != blind_key(keyring, "b", key)


@pytest.mark.parametrize(
    ("typed", "telling"),
    [
        ("张三", "张三"),
        (" 张 三 ", "张三"),
        ("阿依古丽·买买提", "阿依古丽·买买提"),
        ("Anna Schmidt", "anna schmidt"),
        ("张先生", None),
        ("李老师", None),
        ("小李", None),
        ("张*", None),
        ("测试1", None),
        ("甲", None),
        ("19900001111", None),
        ("😀", None),
    ],
)
def test_only_a_name_that_tells_one_from_another_is_counted(
    typed: str, telling: str | None
) -> None:
    assert telling_name(typed) == telling
