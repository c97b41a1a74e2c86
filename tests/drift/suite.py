"""Labelled cases. The label was written before the detector was asked; what it misses stays in the figures."""

from __future__ import annotations

from collections.abc import Iterator

from hub.connectors.douyin.simulator.drifts import DRIFTS
from hub.drift.kinds import Kind
from tests.drift import changes as c
from tests.drift.case import (
    CLUE,
    EVENT,
    FORM,
    PUSH,
    STAR,
    STAR_PUSH,
    Case,
    Label,
    case,
    missing,
    moved,
    reformatted,
    required,
    typed,
)
from tests.drift.harmless import harmless_clues, harmless_others

TAGS = {
    "fan_level": 3,
    "interact_count": 41,
    "follow_days": 200,
    "spend_level": "高",
    "interest_tags": ["美食"],
    "active_level": "中",
    "device_type": "iOS",
    "source_video": "演示视频3",
}


def _clue_fields() -> Iterator[Case]:
    added, phone = Kind.FIELD_ADDED, "/telephone"
    no_phone = c.without("telephone")
    yield case("a new field on every lead", CLUE, c.put(fan_level=3), required("/fan_level"))
    some = c.for_some(0.3, c.put(fan_level=3))
    yield case("a new field on some leads", CLUE, some, (added, "/fan_level"))
    rare = c.for_some(0.02, c.put(fan_level=3))
    yield case("a new field on few leads", CLUE, rare, (added, "/fan_level"))
    inside = c.add_inside("store", store_city="杭州")
    yield case("a new field in the store", CLUE, inside, required("/store/store_city"))
    yield case("the id is gone", CLUE, c.without("clue_id"), missing("/clue_id"))
    yield case("the id is null", CLUE, c.put(clue_id=None), missing("/clue_id"))
    yield case("the phone is gone", CLUE, no_phone, missing(phone))
    yield case("the phone is empty", CLUE, c.put(telephone=""), missing(phone))
    yield case("the phone is null", CLUE, c.put(telephone=None), missing(phone))
    yield case("the phone is gone for most", CLUE, c.for_some(0.7, no_phone), missing(phone))
    yield case("the phone is gone, 45 leads", CLUE, no_phone, missing(phone), after=45)
    yield case("tags are gone", CLUE, c.without("tags"), missing("/tags"))
    yield case("tags stay empty", CLUE, c.put(tags=[]), missing("/tags"))
    yield case("weixin is gone", CLUE, c.without("weixin"), missing("/weixin"))
    state = "convert_status"  # it settles late, too, but is never blank until then
    yield case("the conversion is gone", CLUE, c.without(state), missing(f"/{state}"))
    yield case(
        "a label is gone",
        CLUE,
        c.drop_inside("remark_dict", "预算"),
        missing("/remark_dict/预算"),
    )
    yield case("the answers are gone", CLUE, c.put(remark_dict={}), missing("/remark_dict"))
    yield case("phone renamed", CLUE, c.renamed("telephone", "phone"), moved(phone))
    nested = c.moved_into("telephone", "contact", "phone")
    yield case("phone nested", CLUE, nested, moved(phone))
    in_list = c.moved_into_list("telephone", "contacts", "phone")
    yield case("phone in a list", CLUE, in_list, moved(phone))
    city = c.renamed("city_name", "city")
    yield case("city renamed", CLUE, city, moved("/city_name"))


def _clue_values() -> Iterator[Case]:
    time = "create_time_detail"
    masked = c.turn("telephone", c.masked)
    yield case("phone masked", CLUE, masked, reformatted("/telephone"))
    yield case("phone masked, 45 leads", CLUE, masked, reformatted("/telephone"), after=45)
    most = c.for_some(0.7, masked)
    yield case("phone masked for most", CLUE, most, reformatted("/telephone"))
    hashed = c.turn("telephone", lambda v: f"Enc.{int(v or 0) * 7919:x}AbCdEf==")
    yield case("phone ciphered", CLUE, hashed, reformatted("/telephone"))
    number = c.turn("telephone", lambda v: int(v or 0))
    yield case("phone a number", CLUE, number, typed("/telephone"))
    packed = c.turn("telephone", lambda v: {"number": v})
    yield case("phone an object", CLUE, packed, typed("/telephone"))
    text = c.turn("remark_dict", c.as_text)
    yield case("answers as text", CLUE, text, typed("/remark_dict"))
    yield case("answers as a list", CLUE, c.turn("remark_dict", c.listed), typed("/remark_dict"))
    yield case("id a number", CLUE, c.turn("clue_id", int), typed("/clue_id"))
    yield case("advert a text", CLUE, c.turn("promotion_id", str), typed("/promotion_id"))
    yield case("time in seconds", CLUE, c.turn(time, c.seconds), typed(f"/{time}"))
    to_s, to_ms = c.turn(time, c.seconds), c.turn(time, lambda s: s * 1000)
    yield case("seconds to millis", CLUE, to_ms, reformatted(f"/{time}"), base=to_s)
    text_s, text_ms = c.turn(time, lambda t: str(c.seconds(t))), c.turn(time, lambda s: f"{s}000")
    yield case("text seconds to millis", CLUE, text_ms, reformatted(f"/{time}"), base=text_s)
    yield case("time a date", CLUE, c.turn(time, lambda t: t[:10]), reformatted(f"/{time}"))
    iso = c.turn(time, lambda t: t.replace(" ", "T") + "+08:00")
    yield case("time as ISO 8601", CLUE, iso)
    budget = "/remark_dict/预算"
    fen = c.turn_inside("remark_dict", "预算", lambda v: v * 100)
    yield case("yuan to fen", CLUE, fen, reformatted(budget))
    as_text = c.turn_inside("remark_dict", "预算", str)
    text_fen = c.turn_inside("remark_dict", "预算", lambda v: f"{v}00")
    yield case("yuan to fen as text", CLUE, text_fen, reformatted(budget), base=as_text)
    wan = c.turn_inside("remark_dict", "预算", lambda v: f"{int(v) / 10_000:.2f}")
    yield case("yuan to wan", CLUE, wan, reformatted(budget), base=as_text)
    course = c.one_of_inside(
        "remark_dict", "意向课程", "5000-8000", "3万以内", "1-2万", "8000以上"
    )
    yield case(
        "course holds budgets", CLUE, course, (Kind.MEANING_SHIFTED, "/remark_dict/意向课程")
    )
    code = c.one_of("city_name", "110100", "310100", "440300")
    yield case("city holds codes", CLUE, code, (Kind.MEANING_SHIFTED, "/city_name"))
    aged = c.one_of("age", "30岁", "28岁", "41岁")
    yield case("age a text", CLUE, aged, typed("/age"))
    unpacked = c.put(mid_info={"titleId": 1, "videoId": 2})
    yield case("material an object", CLUE, unpacked, typed("/mid_info"))
    yield case("tags objects", CLUE, c.put(tags=[{"id": 1, "name": "到店"}]), typed("/tags/0"))
    yield case("tags a text", CLUE, c.put(tags="到店,高意向"), typed("/tags"))
    yield case("store a text", CLUE, c.turn("store", c.as_text), typed("/store"))
    yield case(
        "store id a flag", CLUE, c.add_inside("store", store_id=True), typed("/store/store_id")
    )
    page = c.put(external_url="")
    yield case("landing page gone", CLUE, page, missing("/external_url"))


def _members_and_several() -> Iterator[Case]:
    unknown = Kind.ENUM_UNKNOWN
    seven = c.for_some(0.1, c.put(clue_source=7))
    yield case("unknown source", CLUE, seven, (unknown, "/clue_source"))
    yield case(
        "one unknown source", CLUE, c.put(clue_source=7), (unknown, "/clue_source"), after=1
    )
    state = c.for_some(0.2, c.put(convert_status="深度转化"))
    yield case("unknown conversion", CLUE, state, (unknown, "/convert_status"))
    text = c.one_of("gender", "MALE", "FEMALE")
    yield case("gender in words", CLUE, text, (unknown, "/gender"), typed("/gender"))
    many = c.all_of(c.put(clue_source=7, fan_level=2), c.renamed("telephone", "phone"))
    labels = ((unknown, "/clue_source"), required("/fan_level"), moved("/telephone"))
    yield case("three at once", CLUE, many, *labels)
    time = "create_time_detail"
    three = c.all_of(
        c.turn("telephone", c.masked), c.turn(time, c.millis), c.without("province_name")
    )
    three_labels = (reformatted("/telephone"), typed(f"/{time}"), missing("/province_name"))
    yield case("masked, millis and no province", CLUE, three, *three_labels)
    two = c.all_of(c.turn("remark_dict", c.as_text), c.turn("promotion_id", str))
    yield case("two types at once", CLUE, two, typed("/remark_dict"), typed("/promotion_id"))
    pushed = c.put(clue_source="9", clue_type="8")
    both = ((unknown, "/clue_source"), (unknown, "/clue_type"))
    yield case("two unknown members, pushed", PUSH, pushed, *both)


def _other_contracts() -> Iterator[Case]:
    douyin_id = c.put(user_douyin="dy_demo_00001")
    yield case("pushed: new field", PUSH, douyin_id, required("/user_douyin"))
    yield case("pushed: phone gone", PUSH, c.without("telephone"), missing("/telephone"))
    yield case(
        "pushed: phone masked", PUSH, c.turn("telephone", c.masked), reformatted("/telephone")
    )
    yield case("pushed: id gone", PUSH, c.without("clue_id"), missing("/clue_id"))
    packed = c.turn("form_fields", c.as_text)
    yield case("pushed: answers as text", PUSH, packed, typed("/form_fields"))
    yield case(
        "pushed: phone renamed", PUSH, c.renamed("telephone", "mobile"), moved("/telephone")
    )
    yield case("星图: phone renamed", STAR, c.renamed("phone", "telephone"), moved("/phone"))
    yield case("星图: order a text", STAR, c.turn("order_id", str), typed("/order_id"))
    yield case("星图: content gone", STAR, c.without("item_id"), missing("/item_id"))
    budgets = c.one_of("anchor_name", "1-3万", "3-5万", "10万以上")
    yield case(
        "星图: component holds budgets", STAR, budgets, (Kind.MEANING_SHIFTED, "/anchor_name")
    )
    yield case("星图: creator gone", STAR, c.without("author_uid"), missing("/author_uid"))
    city = c.put(city={"code": "110100", "name": "北京"})
    yield case("星图: city an object", STAR, city, typed("/city"))
    story = c.all_of(c.put(**TAGS), lambda item, n: {**item, "douyin_id": f"dy_demo_{n:05d}"})
    labels = [required(f"/{name}") for name in (*TAGS, "douyin_id")]
    yield case("星图 pushed: the founding story", STAR_PUSH, story, *labels)
    handle = c.turn("uid", lambda v: f"dy_{int(v) % 99991}x")
    yield case("星图 pushed: UID holds handles", STAR_PUSH, handle, reformatted("/uid"))
    swap = c.all_of(c.without("uid"), lambda item, n: {**item, "douyin_id": f"dy_demo_{n:05d}"})
    labels = [missing("/uid"), required("/douyin_id")]
    yield case("星图 pushed: another id instead", STAR_PUSH, swap, *labels)
    yield case(
        "event: content an object", EVENT, c.put(content={"scene": "demo"}), typed("/content")
    )
    yield case("event: kind gone", EVENT, c.without("event"), missing("/event"))
    yield case("event: sender gone", EVENT, c.without("from_user_id"), missing("/from_user_id"))
    yield case("event: new field", EVENT, c.put(event_version=2), required("/event_version"))


def _forms() -> Iterator[Case]:
    no_mobile = c.drop_inside("fields", "mobile")
    yield case("form: phone gone", FORM, no_mobile, missing("/fields/mobile"))
    other = c.all_of(no_mobile, c.add_inside("fields", tel="19900000009"))
    yield case("form: phone under another label", FORM, other, missing("/fields/mobile"))
    masked = c.turn_inside("fields", "mobile", c.masked)
    yield case("form: phone masked", FORM, masked, reformatted("/fields/mobile"))
    yield case("form: fields a list", FORM, c.turn("fields", c.listed), typed("/fields"))
    yield case("form: consent gone", FORM, c.without("consent"), missing("/consent"))
    word = c.turn_inside("consent", "privacy", lambda _: "yes")
    yield case("form: consent a word", FORM, word, typed("/consent/privacy"))
    number = c.put(submitted_at=1_772_413_200_000)
    yield case("form: time in millis", FORM, number, typed("/submitted_at"))
    zone = c.drop_inside("device", "tz")
    yield case("form: time zone gone", FORM, zone, missing("/device/tz"))
    touch = c.add_inside("first_touch", gclid="DEMO")
    yield case("form: new field of a touch", FORM, touch, required("/first_touch/gclid"))
    yield case("form: touches gone", FORM, c.without("first_touch"), missing("/first_touch"))
    yield case("form: id gone", FORM, c.without("submission_id"), missing("/submission_id"))


_SIMULATED: dict[str, tuple[str, tuple[Label, ...]]] = {
    "douyin-id-required": (
        STAR_PUSH,
        tuple(required(f"/{name}") for name in (*TAGS, "douyin_id")),
    ),
    "field-added": (STAR_PUSH, (required("/fan_level"),)),
    "phone-gone": (STAR_PUSH, (missing("/phone"),)),
    "phone-renamed": (STAR_PUSH, (moved("/phone"),)),
    "phone-nested": (STAR_PUSH, (moved("/phone"),)),
    "phone-array": (STAR_PUSH, (moved("/phone"),)),
    "phone-masked": (STAR_PUSH, (reformatted("/phone"),)),
    "remark-text": (CLUE, (typed("/remark_dict"),)),
    "id-text": (CLUE, (typed("/promotion_id"),)),
    "id-number": (STAR_PUSH, (typed("/uid"),)),
    "seconds-to-millis": (STAR_PUSH, (reformatted("/create_time"),)),
    "yuan-to-fen": (CLUE, (reformatted("/remark_dict/预算"),)),
    "enum-unknown": (CLUE, ((Kind.ENUM_UNKNOWN, "/clue_source"),)),
    "meaning-shifted": (STAR_PUSH, ((Kind.MEANING_SHIFTED, "/anchor_name"),)),
    "several-at-once": (STAR_PUSH, (required("/fan_level"), moved("/phone"))),
}


def _simulated() -> Iterator[Case]:
    """What `hub simulate --drift` plays; `drift.change` takes the payload as it was before `drift.before`."""
    for name, (contract, labels) in _SIMULATED.items():
        drift = DRIFTS[name]
        yield Case(
            f"simulated: {name}",
            contract,
            c.of_itself(drift.change),
            frozenset(labels),
            c.of_itself(drift.before),
        )


def cases() -> list[Case]:
    """Every case, in a fixed order."""
    return [
        *_clue_fields(),
        *_clue_values(),
        *_members_and_several(),
        *_other_contracts(),
        *_forms(),
        *_simulated(),
        *harmless_clues(),
        *harmless_others(),
    ]
