"""Cases in which nothing must be found: harmless changes, other days, and too few payloads."""

from __future__ import annotations

from collections.abc import Iterator

from tests.drift import changes as c
from tests.drift.case import CLUE, EVENT, FORM, PUSH, STAR, STAR_PUSH, Case, case
from tests.drift.payloads import Item


def harmless_clues() -> Iterator[Case]:
    yield case("nothing changes", CLUE, c.same)
    yield case("names in another order", CLUE, c.shuffled)
    label = c.one_of_inside("remark_dict", "上课时间", "周末", "晚上", "都可以")
    yield case("a new label", CLUE, label)
    other = c.put(remark_dict={"装修面积": "100平", "小区": "演示小区"})
    yield case("a new form beside the old one", CLUE, c.for_some(0.6, other))
    yield case("remarks absent", CLUE, c.for_some(0.9, c.put(remark="")))
    yield case("an optional field never sent", CLUE, c.without("country_name"))
    yield case("null for nothing", CLUE, c.put(ad_name=None, site_name=None, qq=None))
    yield case("nothing at all for nothing", CLUE, c.without("ad_name", "site_name", "qq", "date"))
    longer = c.put(remark="我想了解一下你们的课程价格和上课时间，周末可以安排试听吗？" * 3)
    yield case("longer remarks", CLUE, longer)
    yield case("emoji names", CLUE, c.turn("name", lambda v: f"{v}😀"))
    yield case("known source", CLUE, c.for_some(0.5, c.put(clue_source=5)))
    yield case("known states", CLUE, c.one_of("clue_state", 1, 2, 3, 7))
    labels = {"意向课程": "意向课程：", "预算": "* 预算 ", "孩子年龄": "孩子年龄"}

    def spaced(item: Item, _: int) -> Item:
        answers = {labels.get(key, key): value for key, value in item["remark_dict"].items()}
        return {**item, "remark_dict": answers}

    yield case("labels spaced otherwise", CLUE, spaced)
    yield case("a thin night", CLUE, c.put(weixin="", remark="", age=0, tags=[]), after=60)
    night = c.put(weixin="", remark="", age=0, tags=[])
    yield case("a long thin night", CLUE, night, after=200)
    blank = ("", None)

    def compact(item: Item, _: int) -> Item:
        return {key: value for key, value in item.items() if value not in blank}

    yield case("blanks are not sent any more", CLUE, compact)
    yield case("phone gone, 12 leads", CLUE, c.without("telephone"), after=12)
    yield case("masked, 20 leads", CLUE, c.turn("telephone", c.masked), after=20)
    few = c.turn("telephone", c.masked)
    yield case("masked, source hardly known", CLUE, few, before=60, after=60)
    yield case("some phones empty", CLUE, c.for_some(0.1, c.put(telephone="")))
    yield case("some phones masked", CLUE, c.for_some(0.1, c.turn("telephone", c.masked)))
    yield case("another campaign", CLUE, c.put(promotion_name="SUMMER_SALE", module_name="表单二"))
    store = c.add_inside("store", store_id=7_300_000_000_000_000_009, store_name="演示一店")
    yield case("stores come into use", CLUE, store)
    yield case("sites come into use", CLUE, c.put(site_id="7300000000000000009", ad_name="新计划"))
    yield case("another city", CLUE, c.put(city_name="哈尔滨", province_name="黑龙江"))
    yield case("ages known now", CLUE, c.one_of("age", 28, 35, 41))
    dearer = c.turn_inside("remark_dict", "预算", lambda v: v * 3)
    yield case("dearer budgets", CLUE, dearer)
    courses = c.one_of_inside("remark_dict", "意向课程", "书法", "围棋入门")
    yield case("new courses", CLUE, courses)
    keyed = c.add_inside("remark_dict", **{"19900000001": "本人", "a@example.com": "邮箱"})
    yield case("labels that are data", CLUE, keyed)
    yield case(
        "conversion not settled", CLUE, c.put(convert_status="数据获取中", app_name=""), after=40
    )


def harmless_others() -> Iterator[Case]:
    yield case("pushed: nothing changes", PUSH, c.same)
    yield case("pushed: enum as numbers at times", PUSH, c.for_some(0.2, c.turn("gender", int)))
    sparse = c.for_some(0.05, c.without("gender", "city_name"))
    yield case("pushed: a rule with fewer fields", PUSH, sparse)
    yield case("星图: nothing changes", STAR, c.same)
    yield case("星图: another car", STAR, c.for_some(0.3, c.put(car_series="演示车系")))
    yield case(
        "星图: another component", STAR, c.put(anchor_name="口腔种植", component_type="STAR_FORM")
    )
    yield case("星图 pushed: nothing changes", STAR_PUSH, c.same)
    yield case("event: other kinds of event", EVENT, c.put(event="group_fans_event"))
    yield case("form: nothing changes", FORM, c.same)
    two = c.for_some(0.5, c.put(fields={"姓名": "测试一", "手机": "19900000009"}))
    yield case("form: a second form", FORM, two)
    clicks = c.add_inside("first_touch", click={"gdt_vid": "DEMO", "qz_gdt": "DEMO"})
    yield case("form: other click ids", FORM, clicks)
    direct = c.for_some(0.5, c.without("first_touch"))
    yield case("form: more direct visits", FORM, direct)
    yield case("form: a checkbox more", FORM, c.add_inside("fields", newsletter=True))
