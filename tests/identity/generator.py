"""A world of invented people who leave leads, so that who is who is known: seeded, and blind to the hub's rules.

The shares below are what such data looks like to those who work with it, not what the rules would like:
families and shops with one phone, numbers that are given out again, second phones, slips of the pen, masked and
lent numbers, hashes, passes instead of ID numbers.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

MERCHANTS = ("m1", "m2", "m3", "m4")
_MERCHANT_WEIGHTS = (50, 25, 15, 10)
_BEGIN = datetime(2019, 1, 1, tzinfo=UTC)
_FIRST_WITHIN_DAYS = 7 * 365
_LEADS_OF_A_PERSON = (50, 25, 12, 6, 4, 2, 1)
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰建国文辉力宇浩然子涵欣怡梓萱"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_MANY = 10**8

FAMILY, SHOP = 0.008, 0.0003
# A quarter of all numbers passes to somebody else in seven years, and a merchant reaches about one person in
# two hundred: it meets the next owner of one number in a thousand.
RECYCLED = 0.001
SECOND_PHONE, ELSEWHERE, GUARDIAN = 0.08, 0.005, 0.01
TYPO, WRONG_ID = 0.008, 0.03
BACK_AFTER_YEARS = 0.02
ALSO_AT_ANOTHER_MERCHANT = 0.08


@dataclass(slots=True)
class Person:
    """Somebody as one merchant could know them. `group` is whom they share a phone with at one time."""

    number: int
    merchant: str
    name: str
    phones: list[str]
    id_number: str
    child_id: str | None = None
    group: int | None = None
    shared_phone: str | None = None
    shared_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Given:
    """One lead and who left it: `person` and `group` are the truth, `fields` what a form says."""

    number: int
    merchant: str
    person: int
    group: int | None
    at: datetime
    fields: Mapping[str, str] = field(hash=False)

    def payload(self) -> dict[str, object]:
        """As the form posts it."""
        return {
            "submission_id": f"g-{self.number}",
            "submitted_at": f"{self.at:%Y-%m-%dT%H:%M:%S}.000Z",
            "fields": dict(self.fields),
        }


def generate(leads: int, seed: int = 7) -> list[Given]:
    """So many leads, in the order in which they were left."""
    return World(seed).leads(leads)


class World:
    """People and their leads, drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._people = 0
        self._phones = 0
        self._groups = 0
        self._known: list[Person] = []
        self._copies: set[tuple[int, str]] = set()

    def leads(self, count: int) -> list[Given]:
        """The first `count` leads of as many people as it takes, sorted by their time."""
        found: list[tuple[datetime, Person, dict[str, str]]] = []
        while len(found) < count:
            for person, at in self._household():
                found += [(when, person, self._fields(person)) for when in self._times(at)]
        found = found[:count]
        found.sort(key=lambda lead: lead[0])
        return [
            Given(n, person.merchant, person.number, person.group, at, fields)
            for n, (at, person, fields) in enumerate(found)
        ]

    def _household(self) -> Iterator[tuple[Person, datetime]]:
        """One person, or those that come with them: a family, a shop's customers, a number's next owner."""
        chance = self._chance
        first, at = self._person(), self._moment()
        yield first, at
        drawn = chance.random()
        if drawn < FAMILY:
            yield from self._sharing(first, at, chance.randint(1, 2), 0.5)
        elif drawn < FAMILY + SHOP:
            shop = self._person(first.merchant)
            yield from self._sharing(shop, at, chance.randint(5, 80), 0.7)
        elif drawn < FAMILY + SHOP + RECYCLED:
            heir = self._person(first.merchant)
            heir.phones[0] = first.phones[0]
            # A carrier rests a number for 90 days at least; the old owner's last lead may be much older.
            yield heir, at + timedelta(days=200 + chance.expovariate(1 / 900))

    def _sharing(
        self, owner: Person, at: datetime, others: int, share: float
    ) -> Iterator[tuple[Person, datetime]]:
        self._groups += 1
        owner.group = self._groups
        for _ in range(others):
            one = self._person(owner.merchant)
            one.group, one.shared_phone, one.shared_share = self._groups, owner.phones[0], share
            yield one, at + timedelta(days=self._chance.uniform(-300, 300))

    def _person(self, merchant: str | None = None) -> Person:
        chance = self._chance
        if merchant is None and self._known and chance.random() < ALSO_AT_ANOTHER_MERCHANT:
            copy = self._elsewhere(chance.choice(self._known))
            if copy is not None:
                return copy
        merchant = merchant or chance.choices(MERCHANTS, _MERCHANT_WEIGHTS)[0]
        self._people += 1
        given = "".join(chance.choices(_GIVEN, k=chance.choice((1, 2, 2))))
        phones = [self._phone()]
        if chance.random() < SECOND_PHONE:
            phones.append(self._phone())
        person = Person(
            self._people,
            merchant,
            chance.choice(_SURNAMES) + given,
            phones,
            id_number(self._people),
        )
        if chance.random() < GUARDIAN:
            person.child_id = id_number(5_000_000 + self._people)
        self._known.append(person)
        return person

    def _elsewhere(self, known: Person) -> Person | None:
        """The same human at another merchant, who must be another person there; None if already there."""
        others = [merchant for merchant in MERCHANTS if merchant != known.merchant]
        there = self._chance.choice(others)
        if (known.number, there) in self._copies:
            return None
        self._copies.add((known.number, there))
        self._people += 1
        return Person(self._people, there, known.name, list(known.phones), known.id_number)

    def _phone(self) -> str:
        self._phones += 1
        number = self._phones * 61_803_399 % _MANY
        if self._chance.random() < ELSEWHERE:
            return f"+852 5{number % 10_000_000:07d}"
        return f"199{number:08d}"

    def _moment(self) -> datetime:
        return _BEGIN + timedelta(days=self._chance.uniform(0, _FIRST_WITHIN_DAYS))

    def _times(self, first: datetime) -> Iterator[datetime]:
        chance = self._chance
        at = first
        for _ in range(chance.choices(range(1, 8), _LEADS_OF_A_PERSON)[0]):
            yield at.replace(microsecond=0)
            if chance.random() < BACK_AFTER_YEARS:
                at += timedelta(days=chance.uniform(365, 1200))
            else:
                at += timedelta(days=chance.expovariate(1 / 30))

    def _fields(self, person: Person) -> dict[str, str]:
        channels: tuple[Callable[[Person], dict[str, str]], ...] = (
            self._form, self._mini_program, self._hashed, self._wecom, self._enrolment, self._lent,
        )  # fmt: skip
        [channel] = self._chance.choices(channels, (56, 18, 5, 8, 8, 5))
        return channel(person)

    def _form(self, person: Person) -> dict[str, str]:
        found = self._named(person, 0.9)
        found["手机"] = self._typed(person)
        if self._chance.random() < 0.15:
            mail = f"p{person.number}@example.com"
            found["邮箱"] = mail.upper() if self._chance.random() < 0.3 else mail
        if self._chance.random() < 0.1:
            # One 抖音号 in fifty has been somebody else's before.
            found["抖音号"] = (
                f"dy{person.number if self._chance.random() < 0.98 else person.number - 1}"
            )
        return found

    def _mini_program(self, person: Person) -> dict[str, str]:
        found = self._named(person, 0.3) | {
            "openid": f"o{person.number}-{person.merchant}",
            "appid": f"wx-{person.merchant}",
            "unionid": f"u{person.number}",
        }
        if self._chance.random() < 0.6:
            found["手机"] = self._typed(person)
        return found

    def _hashed(self, person: Person) -> dict[str, str]:
        found = self._named(person, 0.5)
        phone = self._own(person)
        if phone.startswith("+"):
            return found | {"手机": phone}
        if self._chance.random() < 0.25:
            digest = hashlib.md5(phone.encode(), usedforsecurity=False).hexdigest()
        else:
            digest = hashlib.sha256(f"+86{phone}".encode()).hexdigest()
        return found | {"手机哈希": digest}

    def _wecom(self, person: Person) -> dict[str, str]:
        found = {"external_userid": f"wm{person.number}", "corpid": f"ww-{person.merchant}"}
        if self._chance.random() < 0.7:
            found["unionid"] = f"u{person.number}"
        if self._chance.random() < 0.2:
            found["手机"] = self._typed(person)
        return self._named(person, 0.6) | found

    def _enrolment(self, person: Person) -> dict[str, str]:
        chance = self._chance
        found = self._named(person, 1.0) | {"手机": self._typed(person)}
        number = person.id_number
        if person.child_id and chance.random() < 0.5:
            number = person.child_id
        if chance.random() < WRONG_ID:
            number = chance.choice(
                (number[:-1] + ("0" if number[-1] != "0" else "1"), "不方便", "H12345678")
            )
        return found | {"身份证号": number}

    def _lent(self, person: Person) -> dict[str, str]:
        """A masked number, a landline, a 400 number or one that a platform lends: nobody's own."""
        phone = self._own(person)[-11:]
        number = self._chance.choice(
            (f"{phone[:3]}****{phone[-4:]}", "010-62345678", "400-800-1234", "19900001111转5678")
        )
        return self._named(person, 0.8) | {"手机": number}

    def _named(self, person: Person, share: float) -> dict[str, str]:
        chance = self._chance
        if chance.random() > share:
            return {}
        drawn = chance.random()
        if drawn < 0.8:
            return {"姓名": person.name}
        if drawn < 0.9:
            return {"姓名": person.name[0] + chance.choice(("先生", "女士"))}
        if drawn < 0.95:
            return {"姓名": "小" + person.name[-1]}
        return {"姓名": chance.choice(_SURNAMES) + "".join(chance.choices(_GIVEN, k=2))}

    def _own(self, person: Person) -> str:
        if person.shared_phone and self._chance.random() < person.shared_share:
            return person.shared_phone
        return self._chance.choices(person.phones, (0.7, 0.3)[: len(person.phones)])[0]

    def _typed(self, person: Person) -> str:
        """A phone as people type it, now and then with a slip of the pen, now and then two of them."""
        chance = self._chance
        phone = self._own(person)
        if phone.startswith("+"):
            return phone
        if chance.random() < TYPO:
            place = chance.randrange(3, 11)
            phone = (
                phone[:place]
                + str((int(phone[place]) + chance.randint(1, 9)) % 10)
                + phone[place + 1 :]
            )
        elif len(person.phones) > 1 and phone in person.phones and chance.random() < 0.1:
            return "/".join(person.phones)
        return chance.choice(_FORMS)(phone)


_FORMS: tuple[Callable[[str], str], ...] = (
    lambda phone: phone,
    lambda phone: phone,
    lambda phone: phone,
    lambda phone: f"+86 {phone}",
    lambda phone: f"0086{phone}",
    lambda phone: f"{phone[:3]} {phone[3:7]} {phone[7:]}",
    lambda phone: f"{phone[:3]}-{phone[3:7]}-{phone[7:]}",
    lambda phone: "".join(chr(ord(digit) + 0xFEE0) for digit in phone),
    lambda phone: f"电话：{phone}（微信同号）",
)


def id_number(number: int) -> str:
    """An invented resident ID with a valid checksum, another one for every number."""
    born = date(1950, 1, 1) + timedelta(days=number % 20_000)
    body = f"110{101 + number // 20_000_000:03d}{born:%Y%m%d}{number // 20_000 % 1000:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]
