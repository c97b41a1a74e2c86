"""Names, codes and tax numbers of companies: what is one company, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.identity.companies import company_keys, company_name, domain_key
from hub.model.credit_codes import is_credit_code
from hub.model.lead import CompanyKeyKind

# An invented code whose check character is right; its organisation code is MA1TEST12.
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def a_code(body: str = "91990000MA1TEHT12") -> str:
    return next(body + letter for letter in ALPHABET if is_credit_code(body + letter))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("上海测试科技有限公司", "上海测试科技有限责任公司"),
        ("测试科技（上海）有限公司", "测试科技(上海) 有限公司"),
        ("测试 科技　有限公司", "测试科技有限公司"),
        ("測試科技股份公司", "測試科技股份有限公司"),
        ("ACME Test Co., Ltd.", "acme test company limited"),
        ("测试科技有限公司(上海分公司)", "测试科技有限责任公司上海分公司"),
    ],
)
def test_spellings_of_one_name_are_one_name(one: str, other: str) -> None:
    assert company_name(one) == company_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("测试科技有限公司", "测试科技股份有限公司"),
        ("测试科技有限公司", "测试科技有限公司上海分公司"),
        ("测试科技（上海）有限公司", "测试科技（北京）有限公司"),
        ("测试餐饮有限公司徐汇店", "测试餐饮有限公司静安店"),
    ],
)
def test_what_is_another_company_stays_another(one: str, other: str) -> None:
    first, second = company_name(one), company_name(other)

    assert first is not None
    assert second is not None
    assert first.text != second.text


def test_a_branch_knows_its_head() -> None:
    branch, head = company_name("测试科技有限责任公司上海分公司"), company_name("测试科技有限公司")

    assert branch is not None
    assert head is not None
    assert branch.head == head.text
    assert head.head == ""


@pytest.mark.parametrize("text", ["无", "个体户", "—", "", "公 司", "12345678", "N/A"])
def test_what_is_no_name_is_none(text: str) -> None:
    assert company_name(text) is None


def test_a_name_without_its_form_is_weaker_and_is_not_completed() -> None:
    [short] = company_keys({"company": "测试科技"})
    [full] = company_keys({"company": "测试科技有限公司"})

    assert (short.kind, full.kind) == (CompanyKeyKind.SHORT_NAME, CompanyKeyKind.NAME)


def test_the_credit_code_is_the_tax_number_of_today_and_holds_that_of_before_2015() -> None:
    code = a_code()
    today = company_keys({"company_tax_number": code.lower()})
    before = company_keys({"company_tax_number": "990000" + code[8:17]})

    assert today == company_keys({"company_credit_code": code})
    assert set(before) < set(today)


@pytest.mark.parametrize("code", ["91990000MA1TEHT120", "123", "9" * 18, "91990000MA1TEST12I"])
def test_an_invalid_code_is_no_key(code: str) -> None:
    if not is_credit_code(code):
        assert company_keys({"company_credit_code": code}) == ()


@given(st.integers(0, 16), st.sampled_from(ALPHABET))
def test_one_changed_character_is_noticed(place: int, letter: str) -> None:
    code = a_code()
    changed = code[:place] + letter + code[place + 1 :]

    assert is_credit_code(changed) == (changed == code)


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("zhang@Test-Corp.com.cn", "test-corp.com.cn"),
        ("zhang@qq.com", None),
        ("zhang@nowhere", None),
        ("zhang@-x.com", None),
    ],
)
def test_only_a_work_domain_says_something(email: str, domain: str | None) -> None:
    found = domain_key({"email": email})

    assert (found.value if found else None) == domain


@given(st.text(max_size=200))
def test_any_text_is_a_name_or_none(text: str) -> None:
    found = company_name(text)

    assert found is None or (found.text.isalnum() and found.head in found.text)
