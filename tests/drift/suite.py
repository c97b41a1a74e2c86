"""Labelled cases. The label was written before the detector was asked; what it misses stays in the figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hub.drift.kinds import Kind
from tests.drift import changes as c
from tests.drift.payloads import BUILDERS, Item
from tests.drift.pipeline import Detector

Label = tuple[Kind, str]
BEFORE, AFTER = 800, 320
CLUE, PUSH, STAR = "douyin/clue", "douyin/clue_push", "douyin/star_clue"
STAR_PUSH, EVENT, FORM = "douyin/star_push", "douyin/open_event", "webform/form"
_TAGS = {
    "fan_level": 3,
    "interact_count": 41,
    "follow_days": 200,
    "spend_level": "高",
    "interest_tags": ["美食"],
    "active_level": "中",
    "device_type": "iOS",
    "source_video": "演示视频3",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One change of one source. `base` shapes what comes before; both sides get it. No label: stay silent."""

    name: str
    contract: str
    change: c.Change
    expected: frozenset[Label] = frozenset()
    base: c.Change = c.same
    before: int = BEFORE
    after: int = AFTER

    def run(self) -> set[Label]:
        """What is found once the change has come."""
        detector = Detector.of(self.contract)
        detector.read(self.base(_payload(self.contract, n), n) for n in range(self.before))
        detector.learn()
        detector.read(
            self._changed(_payload(self.contract, n), n)
            for n in range(self.before, self.before + self.after)
        )
        detector.judge()
        return detector.labels()

    def _changed(self, item: Item, number: int) -> Item:
        return self.change(self.base(item, number), number)


@cache
def _payload(contract: str, number: int) -> Item:
    """A payload before any change; changes copy what they touch."""
    return BUILDERS[contract](number)


def _case(name: str, contract: str, change: c.Change, *labels: Label, **more: Any) -> Case:
    return Case(name, contract, change, frozenset(labels), **more)


def _missing(pointer: str) -> Label:
    return Kind.FIELD_MISSING, pointer


def _typed(pointer: str) -> Label:
    return Kind.TYPE_CHANGED, pointer


def _format(pointer: str) -> Label:
    return Kind.FORMAT_CHANGED, pointer


def _moved(pointer: str) -> Label:
    return Kind.FIELD_MOVED, pointer


def _required(pointer: str) -> Label:
    return Kind.FIELD_ADDED_REQUIRED, pointer


def _clue_fields() -> Iterator[Case]:
    added, phone = Kind.FIELD_ADDED, "/telephone"
    no_phone = c.without("telephone")
    yield _case("a new field on every lead", CLUE, c.put(fan_level=3), _required("/fan_level"))
    some = c.for_some(0.3, c.put(fan_level=3))
    yield _case("a new field on some leads", CLUE, some, (added, "/fan_level"))
    rare = c.for_some(0.02, c.put(fan_level=3))
    yield _case("a new field on few leads", CLUE, rare, (added, "/fan_level"))
    inside = c.add_inside("store", store_city="杭州")
    yield _case("a new field in the store", CLUE, inside, _required("/store/store_city"))
    yield _case("the id is gone", CLUE, c.without("clue_id"), _missing("/clue_id"))
    yield _case("the id is null", CLUE, c.put(clue_id=None), _missing("/clue_id"))
    yield _case("the phone is gone", CLUE, no_phone, _missing(phone))
    yield _case("the phone is empty", CLUE, c.put(telephone=""), _missing(phone))
    yield _case("the phone is null", CLUE, c.put(telephone=None), _missing(phone))
    yield _case("the phone is gone for most", CLUE, c.for_some(0.7, no_phone), _missing(phone))
    yield _case("the phone is gone, 45 leads", CLUE, no_phone, _missing(phone), after=45)
    yield _case("tags are gone", CLUE, c.without("tags"), _missing("/tags"))
    yield _case("tags stay empty", CLUE, c.put(tags=[]), _missing("/tags"))
    yield _case("weixin is gone", CLUE, c.without("weixin"), _missing("/weixin"))
    yield _case(
        "a label is gone",
        CLUE,
        c.drop_inside("remark_dict", "预算"),
        _missing("/remark_dict/预算"),
    )
    yield _case("the answers are gone", CLUE, c.put(remark_dict={}), _missing("/remark_dict"))
    yield _case("phone renamed", CLUE, c.renamed("telephone", "phone"), _moved(phone))
    nested = c.moved_into("telephone", "contact", "phone")
    yield _case("phone nested", CLUE, nested, _moved(phone))
    in_list = c.moved_into_list("telephone", "contacts", "phone")
    yield _case("phone in a list", CLUE, in_list, _moved(phone))
    city = c.renamed("city_name", "city")
    yield _case("city renamed", CLUE, city, _moved("/city_name"))


def _clue_values() -> Iterator[Case]:
    time = "create_time_detail"
    masked = c.turn("telephone", c.masked)
    yield _case("phone masked", CLUE, masked, _format("/telephone"))
    yield _case("phone masked, 45 leads", CLUE, masked, _format("/telephone"), after=45)
    most = c.for_some(0.7, masked)
    yield _case("phone masked for most", CLUE, most, _format("/telephone"))
    hashed = c.turn("telephone", lambda v: f"Enc.{int(v or 0) * 7919:x}AbCdEf==")
    yield _case("phone ciphered", CLUE, hashed, _format("/telephone"))
    number = c.turn("telephone", lambda v: int(v or 0))
    yield _case("phone a number", CLUE, number, _typed("/telephone"))
    packed = c.turn("telephone", lambda v: {"number": v})
    yield _case("phone an object", CLUE, packed, _typed("/telephone"))
    text = c.turn("remark_dict", c.as_text)
    yield _case("answers as text", CLUE, text, _typed("/remark_dict"))
    yield _case("answers as a list", CLUE, c.turn("remark_dict", c.listed), _typed("/remark_dict"))
    yield _case("id a number", CLUE, c.turn("clue_id", int), _typed("/clue_id"))
    yield _case("advert a text", CLUE, c.turn("promotion_id", str), _typed("/promotion_id"))
    yield _case("time in seconds", CLUE, c.turn(time, c.seconds), _typed(f"/{time}"))
    to_s, to_ms = c.turn(time, c.seconds), c.turn(time, lambda s: s * 1000)
    yield _case("seconds to millis", CLUE, to_ms, _format(f"/{time}"), base=to_s)
    text_s, text_ms = c.turn(time, lambda t: str(c.seconds(t))), c.turn(time, lambda s: f"{s}000")
    yield _case("text seconds to millis", CLUE, text_ms, _format(f"/{time}"), base=text_s)
    yield _case("time a date", CLUE, c.turn(time, lambda t: t[:10]), _format(f"/{time}"))
    iso = c.turn(time, lambda t: t.replace(" ", "T") + "+08:00")
    yield _case("time as ISO 8601", CLUE, iso)
    budget = "/remark_dict/预算"
    fen = c.turn_inside("remark_dict", "预算", lambda v: v * 100)
    yield _case("yuan to fen", CLUE, fen, _format(budget))
    as_text = c.turn_inside("remark_dict", "预算", str)
    text_fen = c.turn_inside("remark_dict", "预算", lambda v: f"{v}00")
    yield _case("yuan to fen as text", CLUE, text_fen, _format(budget), base=as_text)
    wan = c.turn_inside("remark_dict", "预算", lambda v: f"{int(v) / 10_000:.2f}")
    yield _case("yuan to wan", CLUE, wan, _format(budget), base=as_text)
    course = c.one_of_inside(
        "remark_dict", "意向课程", "5000-8000", "3万以内", "1-2万", "8000以上"
    )
    yield _case(
        "course holds budgets", CLUE, course, (Kind.MEANING_SHIFTED, "/remark_dict/意向课程")
    )
    code = c.one_of("city_name", "110100", "310100", "440300")
    yield _case("city holds codes", CLUE, code, (Kind.MEANING_SHIFTED, "/city_name"))
    aged = c.one_of("age", "30岁", "28岁", "41岁")
    yield _case("age a text", CLUE, aged, _typed("/age"))
    unpacked = c.put(mid_info={"titleId": 1, "videoId": 2})
    yield _case("material an object", CLUE, unpacked, _typed("/mid_info"))
    yield _case("tags objects", CLUE, c.put(tags=[{"id": 1, "name": "到店"}]), _typed("/tags/0"))
    yield _case("tags a text", CLUE, c.put(tags="到店,高意向"), _typed("/tags"))
    yield _case("store a text", CLUE, c.turn("store", c.as_text), _typed("/store"))
    yield _case(
        "store id a flag", CLUE, c.add_inside("store", store_id=True), _typed("/store/store_id")
    )
    page = c.put(external_url="")
    yield _case("landing page gone", CLUE, page, _missing("/external_url"))


def _members_and_several() -> Iterator[Case]:
    unknown = Kind.ENUM_UNKNOWN
    seven = c.for_some(0.1, c.put(clue_source=7))
    yield _case("unknown source", CLUE, seven, (unknown, "/clue_source"))
    yield _case(
        "one unknown source", CLUE, c.put(clue_source=7), (unknown, "/clue_source"), after=1
    )
    state = c.for_some(0.2, c.put(convert_status="深度转化"))
    yield _case("unknown conversion", CLUE, state, (unknown, "/convert_status"))
    text = c.one_of("gender", "MALE", "FEMALE")
    yield _case("gender in words", CLUE, text, (unknown, "/gender"), _typed("/gender"))
    many = c.all_of(c.put(clue_source=7, fan_level=2), c.renamed("telephone", "phone"))
    labels = ((unknown, "/clue_source"), _required("/fan_level"), _moved("/telephone"))
    yield _case("three at once", CLUE, many, *labels)
    time = "create_time_detail"
    three = c.all_of(
        c.turn("telephone", c.masked), c.turn(time, c.millis), c.without("province_name")
    )
    three_labels = (_format("/telephone"), _typed(f"/{time}"), _missing("/province_name"))
    yield _case("masked, millis and no province", CLUE, three, *three_labels)
    two = c.all_of(c.turn("remark_dict", c.as_text), c.turn("promotion_id", str))
    yield _case("two types at once", CLUE, two, _typed("/remark_dict"), _typed("/promotion_id"))
    pushed = c.put(clue_source="9", clue_type="8")
    both = ((unknown, "/clue_source"), (unknown, "/clue_type"))
    yield _case("two unknown members, pushed", PUSH, pushed, *both)


def _other_contracts() -> Iterator[Case]:
    douyin_id = c.put(user_douyin="dy_demo_00001")
    yield _case("pushed: new field", PUSH, douyin_id, _required("/user_douyin"))
    yield _case("pushed: phone gone", PUSH, c.without("telephone"), _missing("/telephone"))
    yield _case("pushed: phone masked", PUSH, c.turn("telephone", c.masked), _format("/telephone"))
    yield _case("pushed: id gone", PUSH, c.without("clue_id"), _missing("/clue_id"))
    packed = c.turn("form_fields", c.as_text)
    yield _case("pushed: answers as text", PUSH, packed, _typed("/form_fields"))
    yield _case(
        "pushed: phone renamed", PUSH, c.renamed("telephone", "mobile"), _moved("/telephone")
    )
    yield _case("星图: phone renamed", STAR, c.renamed("phone", "telephone"), _moved("/phone"))
    yield _case("星图: order a text", STAR, c.turn("order_id", str), _typed("/order_id"))
    yield _case("星图: content gone", STAR, c.without("item_id"), _missing("/item_id"))
    budgets = c.one_of("anchor_name", "1-3万", "3-5万", "10万以上")
    yield _case(
        "星图: component holds budgets", STAR, budgets, (Kind.MEANING_SHIFTED, "/anchor_name")
    )
    yield _case("星图: creator gone", STAR, c.without("author_uid"), _missing("/author_uid"))
    city = c.put(city={"code": "110100", "name": "北京"})
    yield _case("星图: city an object", STAR, city, _typed("/city"))
    story = c.all_of(c.put(**_TAGS), lambda item, n: {**item, "douyin_id": f"dy_demo_{n:05d}"})
    labels = [_required(f"/{name}") for name in (*_TAGS, "douyin_id")]
    yield _case("星图 pushed: the founding story", STAR_PUSH, story, *labels)
    handle = c.turn("uid", lambda v: f"dy_{int(v) % 99991}x")
    yield _case("星图 pushed: UID holds handles", STAR_PUSH, handle, _format("/uid"))
    swap = c.all_of(c.without("uid"), lambda item, n: {**item, "douyin_id": f"dy_demo_{n:05d}"})
    labels = [_missing("/uid"), _required("/douyin_id")]
    yield _case("星图 pushed: another id instead", STAR_PUSH, swap, *labels)
    yield _case(
        "event: content an object", EVENT, c.put(content={"scene": "demo"}), _typed("/content")
    )
    yield _case("event: kind gone", EVENT, c.without("event"), _missing("/event"))
    yield _case("event: sender gone", EVENT, c.without("from_user_id"), _missing("/from_user_id"))
    yield _case("event: new field", EVENT, c.put(event_version=2), _required("/event_version"))


def _forms() -> Iterator[Case]:
    no_mobile = c.drop_inside("fields", "mobile")
    yield _case("form: phone gone", FORM, no_mobile, _missing("/fields/mobile"))
    other = c.all_of(no_mobile, c.add_inside("fields", tel="19900000009"))
    yield _case("form: phone under another label", FORM, other, _missing("/fields/mobile"))
    masked = c.turn_inside("fields", "mobile", c.masked)
    yield _case("form: phone masked", FORM, masked, _format("/fields/mobile"))
    yield _case("form: fields a list", FORM, c.turn("fields", c.listed), _typed("/fields"))
    yield _case("form: consent gone", FORM, c.without("consent"), _missing("/consent"))
    word = c.turn_inside("consent", "privacy", lambda _: "yes")
    yield _case("form: consent a word", FORM, word, _typed("/consent/privacy"))
    number = c.put(submitted_at=1_772_413_200_000)
    yield _case("form: time in millis", FORM, number, _typed("/submitted_at"))
    zone = c.drop_inside("device", "tz")
    yield _case("form: time zone gone", FORM, zone, _missing("/device/tz"))
    touch = c.add_inside("first_touch", gclid="DEMO")
    yield _case("form: new field of a touch", FORM, touch, _required("/first_touch/gclid"))
    yield _case("form: touches gone", FORM, c.without("first_touch"), _missing("/first_touch"))
    yield _case("form: id gone", FORM, c.without("submission_id"), _missing("/submission_id"))


def _harmless_clues() -> Iterator[Case]:
    yield _case("nothing changes", CLUE, c.same)
    yield _case("names in another order", CLUE, c.shuffled)
    label = c.one_of_inside("remark_dict", "上课时间", "周末", "晚上", "都可以")
    yield _case("a new label", CLUE, label)
    other = c.put(remark_dict={"装修面积": "100平", "小区": "演示小区"})
    yield _case("a new form beside the old one", CLUE, c.for_some(0.6, other))
    yield _case("remarks absent", CLUE, c.for_some(0.9, c.put(remark="")))
    yield _case("an optional field never sent", CLUE, c.without("country_name"))
    yield _case("null for nothing", CLUE, c.put(ad_name=None, site_name=None, qq=None))
    yield _case(
        "nothing at all for nothing", CLUE, c.without("ad_name", "site_name", "qq", "date")
    )
    longer = c.put(remark="我想了解一下你们的课程价格和上课时间，周末可以安排试听吗？" * 3)
    yield _case("longer remarks", CLUE, longer)
    yield _case("emoji names", CLUE, c.turn("name", lambda v: f"{v}😀"))
    yield _case("known source", CLUE, c.for_some(0.5, c.put(clue_source=5)))
    yield _case("known states", CLUE, c.one_of("clue_state", 1, 2, 3, 7))
    labels = {"意向课程": "意向课程：", "预算": "* 预算 ", "孩子年龄": "孩子年龄"}

    def spaced(item: Item, _: int) -> Item:
        answers = {labels.get(key, key): value for key, value in item["remark_dict"].items()}
        return {**item, "remark_dict": answers}

    yield _case("labels spaced otherwise", CLUE, spaced)
    yield _case("a thin night", CLUE, c.put(weixin="", remark="", age=0, tags=[]), after=60)
    night = c.put(weixin="", remark="", age=0, tags=[])
    yield _case("a long thin night", CLUE, night, after=200)
    blank = ("", None)

    def compact(item: Item, _: int) -> Item:
        return {key: value for key, value in item.items() if value not in blank}

    yield _case("blanks are not sent any more", CLUE, compact)
    yield _case("phone gone, 12 leads", CLUE, c.without("telephone"), after=12)
    yield _case("masked, 20 leads", CLUE, c.turn("telephone", c.masked), after=20)
    few = c.turn("telephone", c.masked)
    yield _case("masked, source hardly known", CLUE, few, before=60, after=60)
    yield _case("some phones empty", CLUE, c.for_some(0.1, c.put(telephone="")))
    yield _case("some phones masked", CLUE, c.for_some(0.1, c.turn("telephone", c.masked)))
    yield _case(
        "another campaign", CLUE, c.put(promotion_name="SUMMER_SALE", module_name="表单二")
    )
    store = c.add_inside("store", store_id=7_300_000_000_000_000_009, store_name="演示一店")
    yield _case("stores come into use", CLUE, store)
    yield _case(
        "sites come into use", CLUE, c.put(site_id="7300000000000000009", ad_name="新计划")
    )
    yield _case("another city", CLUE, c.put(city_name="哈尔滨", province_name="黑龙江"))
    yield _case("ages known now", CLUE, c.one_of("age", 28, 35, 41))
    dearer = c.turn_inside("remark_dict", "预算", lambda v: v * 3)
    yield _case("dearer budgets", CLUE, dearer)
    courses = c.one_of_inside("remark_dict", "意向课程", "书法", "围棋入门")
    yield _case("new courses", CLUE, courses)
    keyed = c.add_inside("remark_dict", **{"19900000001": "本人", "a@example.com": "邮箱"})
    yield _case("labels that are data", CLUE, keyed)
    yield _case(
        "conversion not settled", CLUE, c.put(convert_status="数据获取中", app_name=""), after=40
    )


def _harmless_others() -> Iterator[Case]:
    yield _case("pushed: nothing changes", PUSH, c.same)
    yield _case("pushed: enum as numbers at times", PUSH, c.for_some(0.2, c.turn("gender", int)))
    sparse = c.for_some(0.05, c.without("gender", "city_name"))
    yield _case("pushed: a rule with fewer fields", PUSH, sparse)
    yield _case("星图: nothing changes", STAR, c.same)
    yield _case("星图: another car", STAR, c.for_some(0.3, c.put(car_series="演示车系")))
    yield _case(
        "星图: another component", STAR, c.put(anchor_name="口腔种植", component_type="STAR_FORM")
    )
    yield _case("星图 pushed: nothing changes", STAR_PUSH, c.same)
    yield _case("event: other kinds of event", EVENT, c.put(event="group_fans_event"))
    yield _case("form: nothing changes", FORM, c.same)
    two = c.for_some(0.5, c.put(fields={"姓名": "测试一", "手机": "19900000009"}))
    yield _case("form: a second form", FORM, two)
    clicks = c.add_inside("first_touch", click={"gdt_vid": "DEMO", "qz_gdt": "DEMO"})
    yield _case("form: other click ids", FORM, clicks)
    direct = c.for_some(0.5, c.without("first_touch"))
    yield _case("form: more direct visits", FORM, direct)
    yield _case("form: a checkbox more", FORM, c.add_inside("fields", newsletter=True))


def cases() -> list[Case]:
    """Every case, in a fixed order."""
    return [
        *_clue_fields(),
        *_clue_values(),
        *_members_and_several(),
        *_other_contracts(),
        *_forms(),
        *_harmless_clues(),
        *_harmless_others(),
    ]
