"""hub.js in a real Chromium: pages on one origin, the hub on another, a person who types."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from hub.privacy.keyring import KeyRing
from tests.e2e.webform_hub import RunningHub, run_hub
from tests.e2e.webform_site import Site, serve_site

pytestmark = [pytest.mark.browser, pytest.mark.postgres]

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BAIDU = "utm_source=baidu&utm_medium=cpc&utm_campaign=brand&utm_id=77&bd_vid=DEMOvidAbC"
NO_STORAGE = """Object.defineProperty(window, 'localStorage', {
  get() { throw new DOMException('denied', 'SecurityError'); } });"""
NO_BEACON = "navigator.sendBeacon = undefined;"
NOTHING_WAITS = "!Object.keys(localStorage).some(key => key.startsWith('hub.lead.'))"
NO_CRYPTO = "Object.defineProperty(window, 'crypto', { value: undefined });"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = "chromium is not installed: `make browser` installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serve_site() as served:
        yield served


@pytest.fixture
def hub(site: Site, keyring: KeyRing, database_url: str, tmp_path: Path) -> Iterator[RunningHub]:
    with run_hub(site.url, keyring, database_url, tmp_path) as running:
        site.hub = running.url
        yield running


@pytest.fixture
def context(browser: Browser, hub: RunningHub) -> Iterator[BrowserContext]:
    made = browser.new_context(locale="zh-CN")
    made.set_default_timeout(60_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def open_form(page: Page, site: Site, form: str = "contact", query: str = "") -> None:
    """The form's page, once its start token has come."""
    site.form = form
    with page.expect_response(re.compile("/token$")):
        page.goto(f"{site.url}/form{query}")


def fill(page: Page, *, name: str = "张三", mobile: str = "19900001234") -> None:
    page.get_by_label("姓名").fill(name)
    page.get_by_label("手机").fill(mobile)


def submit(page: Page) -> None:
    page.get_by_role("button").click()


def expect_state(page: Page, state: str) -> None:
    expect(page.locator("form")).to_have_attribute("data-hub-state", state, timeout=60_000)


def test_a_campaign_is_submitted_two_pages_after_the_landing(
    page: Page, site: Site, hub: RunningHub
) -> None:
    landing = f"{site.url}/landing?{BAIDU}&callback=anybody&utm_source=second"
    page.goto(landing)
    page.get_by_role("link").click()
    with page.expect_response(re.compile("/token$")):
        page.get_by_role("link").click()
    fill(page)
    page.get_by_label("装修").check()
    page.get_by_label("设计").check()
    submit(page)
    expect_state(page, "sent")

    (record,) = hub.records()
    touch = record.payload["first_touch"]
    assert touch == record.payload["last_touch"]
    assert {name: touch[name] for name in touch if name.startswith("utm_")} == {
        "utm_source": "baidu",
        "utm_medium": "cpc",
        "utm_campaign": "brand",
        "utm_id": "77",
    }
    assert touch["click"] == {"bd_vid": "DEMOvidAbC"}
    assert touch["click_unknown"] == {"callback": "anybody"}
    assert touch["landing_url"] == landing == record.payload["landing_url"]
    assert record.payload["page_url"] == f"{site.url}/form"
    assert record.payload["fields"] == {
        "name": "张三",
        "mobile": "19900001234",
        "need": ["装修", "设计"],
        "utm_term": "写死的词",
    }
    assert record.suspect == ""


def test_hidden_fields_of_the_page_are_filled(page: Page, site: Site, hub: RunningHub) -> None:
    open_form(page, site, query=f"?{BAIDU}")

    assert page.locator("[name=utm_source]").input_value() == "baidu"
    assert page.locator("[name=bd_vid]").input_value() == "DEMOvidAbC"
    assert page.locator("[name=landing_url]").input_value() == f"{site.url}/form?{BAIDU}"
    assert page.locator("[name=utm_term]").input_value() == "写死的词"


def test_the_first_touch_stays_and_a_new_campaign_is_the_last(
    page: Page, site: Site, hub: RunningHub
) -> None:
    page.goto(f"{site.url}/landing?{BAIDU}")
    page.goto(f"{site.url}/landing?utm_source=xiaohongshu&click_id=RED1")
    page.goto(f"{site.url}/about")  # a direct visit changes nothing
    open_form(page, site)
    fill(page)
    submit(page)
    expect_state(page, "sent")

    (record,) = hub.records()
    assert record.payload["first_touch"]["click"] == {"bd_vid": "DEMOvidAbC"}
    assert record.payload["last_touch"]["utm_source"] == "xiaohongshu"
    assert record.payload["last_touch"]["click"] == {"click_id": "RED1"}
    visits = [one.get("utm_source") for one in record.payload["visits"]]
    assert visits == ["baidu", "xiaohongshu"]
    assert record.payload["landing_url"].endswith("click_id=RED1")


def test_a_link_from_another_site_is_a_touch(page: Page, site: Site, hub: RunningHub) -> None:
    page.goto(f"{site.url}/landing?{BAIDU}")
    page.goto(f"{site.other_host}/elsewhere")
    with page.expect_response(re.compile("/token$")):
        page.get_by_role("link").click()
    fill(page)
    submit(page)
    expect_state(page, "sent")

    (record,) = hub.records()
    assert record.payload["first_touch"]["utm_source"] == "baidu"
    assert record.payload["last_touch"]["referrer"] == f"{site.other_host}/"
    assert "utm_source" not in record.payload["last_touch"]


@pytest.mark.parametrize(
    "mobile", ["12345", "29900001234", "021-60000000", "+852 60000000", "199000012345"]
)
def test_a_bad_mobile_shows_an_error_and_posts_nothing(
    page: Page, site: Site, hub: RunningHub, mobile: str
) -> None:
    open_form(page, site)
    fill(page, mobile=mobile)
    submit(page)
    expect_state(page, "mobile")

    status = page.locator("[data-hub-status]")
    expect(status).to_have_text("请填写正确的 11 位手机号。")
    expect(status).to_have_attribute("aria-live", "polite")
    expect(page.get_by_label("手机")).to_be_focused()
    expect(page.get_by_label("手机")).to_have_attribute("aria-invalid", "true")
    assert hub.records() == []
    assert page.evaluate(NOTHING_WAITS)


@pytest.mark.parametrize(
    "mobile",
    [
        "+86 199 0000 1234",
        "0086-199-0000-1234",
        "１９９００００１２３４",
        "\u202d199\u20110000\u20111234\u202c",
    ],
)
def test_a_mobile_may_be_written_as_people_write_it(
    page: Page, site: Site, hub: RunningHub, mobile: str
) -> None:
    open_form(page, site)
    fill(page, mobile=mobile)
    submit(page)
    expect_state(page, "sent")

    assert hub.records()[0].payload["fields"]["mobile"] == "19900001234"


def test_a_lead_without_network_is_kept_and_delivered_once_when_it_is_back(
    page: Page, context: BrowserContext, site: Site, hub: RunningHub
) -> None:
    open_form(page, site)
    fill(page)
    context.set_offline(True)
    submit(page)
    expect_state(page, "kept")
    assert hub.records() == []
    submit(page)  # an impatient second click is the same lead
    expect_state(page, "kept")

    context.set_offline(False)
    expect_state(page, "sent")

    (record,) = hub.records()
    assert record.suspect == ""
    assert page.evaluate(NOTHING_WAITS)


def test_a_lead_that_is_kept_is_delivered_by_the_next_page(
    page: Page, context: BrowserContext, site: Site, hub: RunningHub
) -> None:
    page.add_init_script(NO_BEACON)
    open_form(page, site)
    fill(page)
    context.route(re.compile(r"/forms/contact$"), lambda route: route.abort())
    submit(page)
    expect_state(page, "kept")
    page.goto("about:blank")
    context.unroute_all()
    assert hub.records() == []

    with page.expect_response(re.compile(r"/forms/contact$")):
        page.goto(f"{site.url}/about")
    page.wait_for_function(NOTHING_WAITS)

    assert len(hub.records()) == 1


def test_a_lead_that_waits_is_handed_over_when_the_page_goes_and_counts_once(
    page: Page, context: BrowserContext, site: Site, hub: RunningHub
) -> None:
    """Who closes the page may never come back; the next visit's try meets the same id."""
    open_form(page, site)
    fill(page)
    context.route(re.compile(r"/forms/contact$"), lambda route: route.abort())
    submit(page)
    expect_state(page, "kept")
    context.unroute_all()

    with page.expect_response(re.compile(r"/forms/contact$")):
        page.goto(f"{site.url}/about")
    page.wait_for_function(NOTHING_WAITS)

    assert len(hub.records()) == 1


def test_a_reply_that_is_lost_leads_to_no_second_lead(
    page: Page, context: BrowserContext, site: Site, hub: RunningHub
) -> None:
    """The hub has it, the page does not know: the retry has the same submission id."""
    tries = []

    def lose_the_first_reply(route: Any) -> None:
        tries.append(route.fetch().status)
        if len(tries) == 1:
            route.abort()
        else:
            route.continue_()

    open_form(page, site)
    fill(page)
    context.route(re.compile(r"/forms/contact$"), lose_the_first_reply)
    submit(page)
    expect_state(page, "sent")

    assert tries[:2] == [202, 200]
    assert len(hub.records()) == 1


def test_a_double_click_sends_once(page: Page, site: Site, hub: RunningHub) -> None:
    posts: list[str] = []
    page.on(
        "request", lambda request: posts.append(request.url) if request.method == "POST" else None
    )
    open_form(page, site)
    fill(page)
    page.get_by_role("button").dblclick()
    expect_state(page, "sent")

    assert len(posts) == 1
    assert len(hub.records()) == 1


def test_two_leads_of_one_person_are_two_submissions(
    page: Page, site: Site, hub: RunningHub
) -> None:
    for name in ("张三", "李四"):
        open_form(page, site)
        fill(page, name=name)
        submit(page)
        expect_state(page, "sent")

    ids = {record.payload["submission_id"] for record in hub.records()}
    assert len(ids) == 2


def test_without_consent_there_is_no_device_id(page: Page, site: Site, hub: RunningHub) -> None:
    open_form(page, site)
    fill(page)
    submit(page)
    expect_state(page, "sent")

    (record,) = hub.records()
    assert "device" not in record.payload
    assert record.payload["consent"]["privacy"] is False
    assert page.evaluate("localStorage.getItem('hub.device')") is None


def test_consent_carries_its_version_and_a_device_id_until_it_is_withdrawn(
    page: Page, site: Site, hub: RunningHub
) -> None:
    for agrees in (True, True, False):
        open_form(page, site)
        fill(page)
        page.get_by_label("我同意").set_checked(agrees)
        submit(page)
        expect_state(page, "sent")

    first, second, third = (record.payload for record in hub.records())
    assert first["consent"].items() >= {"privacy": True, "version": "2026-09"}.items()
    assert re.fullmatch("[0-9a-f]{32}", first["device"]["visitor_id"])
    assert first["device"] == second["device"]
    assert "device" not in third
    assert page.evaluate("localStorage.getItem('hub.device')") is None


@pytest.mark.parametrize("script", [NO_STORAGE, NO_CRYPTO, NO_STORAGE + NO_CRYPTO])
def test_the_form_works_without_local_storage_and_without_crypto(
    page: Page, context: BrowserContext, site: Site, hub: RunningHub, script: str
) -> None:
    page.add_init_script(script)
    open_form(page, site, query=f"?{BAIDU}")
    fill(page)
    context.set_offline(True)
    submit(page)
    expect_state(page, "kept")
    context.set_offline(False)
    expect_state(page, "sent")

    (record,) = hub.records()
    assert record.payload["last_touch"]["click"] == {"bd_vid": "DEMOvidAbC"}
    assert re.fullmatch("[0-9a-f]{32}", record.payload["submission_id"])


def test_a_filled_honeypot_is_taken_and_held_as_a_bot(
    page: Page, site: Site, hub: RunningHub
) -> None:
    open_form(page, site)
    trap = page.locator("[name=website_url]")
    assert trap.get_attribute("type") == "text"
    assert trap.get_attribute("tabindex") == "-1"
    assert trap.evaluate("box => box.getBoundingClientRect().right") < 0
    fill(page)
    trap.evaluate("box => { box.value = 'http://spam.example'; }")
    with page.expect_response(re.compile(r"/forms/contact$")) as reply:
        submit(page)
    expect_state(page, "sent")

    (record,) = hub.records()
    assert reply.value.status == 202
    assert record.suspect == "honeypot"
    assert "website_url" not in record.payload["fields"]


def test_a_form_filled_in_at_once_is_taken_and_held(
    page: Page, site: Site, hub: RunningHub
) -> None:
    open_form(page, site, form="patient")
    fill(page)
    submit(page)
    expect_state(page, "sent")

    assert hub.records()[0].suspect == "too_fast"


def test_a_token_that_never_came_is_fetched_again_before_sending(
    page: Page, context: BrowserContext, site: Site, hub: RunningHub
) -> None:
    """Somebody on a bad line is not taken for a bot."""
    context.route(re.compile("/token$"), lambda route: route.abort(), times=1)
    site.form = "contact"
    page.goto(f"{site.url}/form")
    fill(page)
    submit(page)
    expect_state(page, "sent")

    assert hub.records()[0].suspect == ""


def test_a_name_of_emoji_arrives_as_it_is(page: Page, site: Site, hub: RunningHub) -> None:
    open_form(page, site)
    fill(page, name="小王🐉👩‍👧")
    submit(page)
    expect_state(page, "sent")

    assert hub.records()[0].payload["fields"]["name"] == "小王🐉👩‍👧"


def test_a_refusal_is_said_and_the_lead_can_be_corrected(
    page: Page, context: BrowserContext, site: Site, hub: RunningHub
) -> None:
    open_form(page, site)
    fill(page, name="长" * 30_000)  # 90 KB as UTF-8
    submit(page)
    expect_state(page, "refused")
    expect(page.locator("[data-hub-status]")).to_have_text("提交失败，请检查填写的内容后再试。")
    fill(page)
    submit(page)
    expect_state(page, "sent")

    (record,) = hub.records()
    assert record.payload["fields"]["name"] == "张三"


def test_words_shown_can_be_changed_by_attributes(page: Page, site: Site, hub: RunningHub) -> None:
    open_form(page, site)
    page.evaluate("document.forms[0].setAttribute('data-msg-sent', '收到啦')")
    fill(page)
    submit(page)
    expect_state(page, "sent")

    expect(page.locator("[data-hub-status]")).to_have_text("收到啦")


def test_a_page_of_another_site_cannot_post(page: Page, site: Site, hub: RunningHub) -> None:
    site.form = "contact"
    page.goto(f"{site.other_host}/form")  # an origin that is not on the list
    fill(page)
    submit(page)
    expect_state(page, "kept")

    assert hub.records() == []


def test_the_form_works_without_hub_js(
    page: Page, context: BrowserContext, site: Site, hub: RunningHub
) -> None:
    context.route(re.compile("/hub.js$"), lambda route: route.abort())
    site.form = "plain"
    page.goto(f"{site.url}/form")
    fill(page)
    page.get_by_label("我同意").check()
    submit(page)
    expect(page.get_by_role("status")).to_contain_text("提交成功")

    (record,) = hub.records()
    assert record.payload["fields"]["mobile"] == "19900001234"
    assert record.payload["consent"] == {"privacy": True}
    assert record.suspect == ""
