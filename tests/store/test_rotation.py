"""The blind index moves to a new key while leads come: no moment at which one phone makes two contacts."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.crm.reading import merged_contacts, root_of
from hub.database.engine import driver, make_engine
from hub.errors import ConfigError
from hub.model.delivery import Envelope, Via
from hub.model.ids import uuid7
from hub.ops import index_rotation
from hub.privacy.keyring import KeyRing, is_under, new_keys
from hub.settings import FormSettings, HubSettings
from hub.steps.identity.contact_decisions import undo
from hub.steps.keys import rotate_index as rotating
from hub.steps.keys.check import WrongKeysError, check_keys
from hub.steps.keys.retire import retire_index_key
from hub.steps.keys.ring import open_keyring
from hub.steps.keys.rotate_index import Progress, Rotated, rotate_index
from tests.conftest import TestServer
from tests.store.test_identity import People, a_form, clue, groups
from tests.store.test_load import AT, DOUYIN, Hub, a_page

pytestmark = pytest.mark.postgres
SHOP = "19900007777"
PHONES = [f"199000{n:05d}" for n in range(20, 29)]


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ring.json"
    path.write_text(json.dumps(new_keys()), "utf-8")
    path.chmod(0o600)
    monkeypatch.setenv("HUB_KEYS_FILE", str(path))
    return path


def people_on(engine: sa.Engine, ring: KeyRing) -> People:
    settings = HubSettings(sources={"douyin": DOUYIN}, forms={"f": FormSettings()})
    return People(Hub(engine, ring, settings))


@pytest.fixture
def people(engine: sa.Engine, key_file: Path) -> Iterator[People]:
    made = people_on(engine, open_keyring())
    check_keys(engine)
    yield made
    for loader in made.hub.loaders:
        loader.close()


@pytest.fixture
def twin(test_server: TestServer, template_database: str, people: People) -> Iterator[People]:
    """Another database under the same keys, whose index nobody rotates."""
    name = test_server.create(template_database)
    engine = make_engine(test_server.url_of(name))
    made = people_on(engine, KeyRing.parse(json.loads(_key_path().read_text("utf-8"))))
    yield made
    for loader in made.hub.loaders:
        loader.close()
    engine.dispose()
    test_server.drop(name)


def _key_path() -> Path:
    return Path(os.environ["HUB_KEYS_FILE"])


def rotate(people: People, on_progress: Callable[[Progress], None] = lambda _: None) -> Rotated:
    return rotate_index(
        people.hub.engine,
        open_keyring(),
        clock=lambda: datetime.now(UTC),
        pause=lambda: None,
        on_progress=on_progress,
    )


def content(people: People) -> str:
    assert people.holds()
    return people.hub.verify().content_hash


def stored_keys(people: People) -> list[bytes]:
    """Every blind key that stands anywhere, pins left out."""
    statement = (
        "SELECT unnest(keys) FROM crm.lead UNION ALL SELECT unnest(keys) FROM crm.lead_revision"
        " UNION ALL SELECT blind FROM crm.contact_key UNION ALL SELECT unnest(beside) FROM crm.contact_key"
        " UNION ALL SELECT blind FROM crm.stopped_key UNION ALL SELECT blind FROM crm.company_key"
        " UNION ALL SELECT unnest(keys) FROM crm.company_link"
    )
    with people.hub.engine.begin() as conn:
        keys = [bytes(key) for key in conn.execute(sa.text(statement)).scalars()]
    return [key for key in keys if key[0] != 0xF0]


def together(people: People) -> set[frozenset[str]]:
    """Who is one person, leads named by source and number."""
    names = {
        people.lead(str(n), source): f"{source} {n}"
        for n in range(200)
        for source in ("douyin", "form-f")
    }
    with people.hub.engine.begin() as conn:
        merged = merged_contacts(conn)
        rows = conn.execute(sa.text("SELECT id, contact_id FROM crm.lead")).all()
    found: dict[UUID, set[str]] = {}
    for lead, contact in rows:
        found.setdefault(root_of(merged, contact), set()).add(names[lead])
    return {frozenset(group) for group in found.values()}


class Story:
    """Leads, revisions, shared phones, splits and replays, told in small steps; the same for the same seed."""

    def __init__(self, people: People, seed: int) -> None:
        self.people = people
        self.chance = random.Random(seed)
        self.number = 0
        self.splits: list[int] = []

    def step(self) -> None:
        chance = self.chance
        what = chance.randrange(10)
        if what < 6 or self.number < 4:
            self.leads(chance.randrange(1, 4))
        elif what == 6:
            again = chance.randrange(self.number)
            self.people.come(clue(again, chance.choice(PHONES), name=chance.choice("甲乙丙")))
        elif what == 7:
            self.number += 1
            form = a_form(self.number, chance.randrange(3), phone=SHOP)
            self.people.rounds += 1
            at = AT + timedelta(seconds=self.people.rounds)
            self.people.hub.store("form-f", [form], via=Via.FORM, at=at)
            self.people.hub.loader().drain()
        elif what == 8:
            self.split_or_undo()
        else:
            self.people.reload()

    def leads(self, count: int) -> None:
        clues = []
        for _ in range(count):
            phone = self.chance.choice([*PHONES, SHOP])
            clues.append(
                clue(self.number, phone, name=self.chance.choice(["张三", "李四", "王五"]))
            )
            self.number += 1
        self.people.come(*clues)

    def split_or_undo(self) -> None:
        if self.splits and self.chance.random() < 0.4:
            number = self.splits.pop()
            undo(
                self.people.hub.engine, number, by="a person", reason="mistaken",
                now=datetime.now(UTC), new_id=uuid7,
            )  # fmt: skip
            return
        for group in sorted(sorted(one) for one in together(self.people) if len(one) > 1)[:1]:
            clues = [one.split()[1] for one in group if one.startswith("douyin")]
            if clues:
                done = self.people.split(self.people.contact(clues[0]), clues[0])
                self.splits.append(done.decision)


@pytest.mark.parametrize("seed", [1, 2])
def test_identity_is_the_same_with_and_without_a_rotation_beside(
    people: People, twin: People, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Leads, merges, splits and replays between any two batches of the rotation."""
    monkeypatch.setattr(rotating, "BATCH", 3)
    monkeypatch.setattr(rotating, "_SPANS", 4)
    here, there = Story(people, seed), Story(twin, seed)
    for _ in range(8):
        here.step()
        there.step()
    assert content(people) == content(twin)
    told = 0

    def between(_: Progress) -> None:
        nonlocal told
        if told < 14:
            told += 1
            here.step()
            there.step()
            assert content(people) == content(twin)
            assert together(people) == together(twin)

    done = rotate(people, between)

    assert told > 5
    assert done.active == 2
    assert content(people) == content(twin)
    assert all(is_under(key, 2) for key in stored_keys(people))
    for _ in range(4):
        here.step()
        there.step()
    assert content(people) == content(twin)


def test_a_rotation_that_is_killed_anywhere_goes_on_where_it_was(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotating, "BATCH", 4)
    for n in range(20):
        people.come(clue(n, PHONES[n % 5]))
    before = content(people)
    seen: set[str] = set()

    for attempt in range(30):
        left = iter(range(attempt // 4))

        def kill(at: Progress, left: Iterator[int] = left) -> None:
            seen.add(at.phase)
            if next(left, None) is None:
                raise Killed

        try:
            rotate(people, kill)
            break
        except Killed:
            assert content(people) == before
            people.come(clue(30 + attempt % 10, PHONES[attempt % 5]))
            before = content(people)
            assert len(people.persons()) == 5
    else:
        raise AssertionError("the rotation never ended")

    assert seen == {"backfill", "contract"}
    assert content(people) == before
    assert all(is_under(key, 2) for key in stored_keys(people))
    with people.hub.engine.begin() as conn:
        assert conn.execute(sa.text("SELECT count(*) FROM crm.key_pair")).scalar() == 0


def test_a_kill_before_the_switch_leaves_only_an_unused_key(people: People) -> None:
    people.come(clue(1), clue(2))

    def killed() -> None:
        raise Killed

    with pytest.raises(Killed):
        rotate_index(
            people.hub.engine, open_keyring(), clock=lambda: datetime.now(UTC), pause=killed
        )

    assert people.holds()
    people.come(clue(3))
    assert people.persons() == groups("1 2 3")
    assert rotate(people).active == 2
    assert sorted(open_keyring().index) == [1, 2]
    assert people.persons() == groups("1 2 3")


def test_rotations_follow_each_other_and_old_index_keys_are_retired(people: People) -> None:
    people.come(clue(1), clue(2, "19900000021"))
    before = content(people)
    for active in (2, 3, 4):
        assert rotate(people).active == active
        retire_index_key(people.hub.engine, open_keyring(), active - 1, forget=False)
        people.hub.keyring.refresh(force=True)
        people.reload()
        assert content(people) == before

    assert sorted(open_keyring().index) == [4]
    check_keys(people.hub.engine)


def test_a_loader_without_the_new_index_key_stops_and_writes_nothing(
    people: People, key_file: Path
) -> None:
    people.come(clue(1))
    old = KeyRing.parse(json.loads(key_file.read_text("utf-8")))
    rotate(people)
    people.hub.store("douyin", [a_page(clue(2))], via=Via.PULL, at=AT + timedelta(hours=1))
    stale = Hub(people.hub.engine, old, people.hub.settings).loader()
    with pytest.raises(WrongKeysError, match="index key 2"):
        stale.drain()
    stale.close()

    assert people.persons() == groups("1")
    people.come(clue(3))
    assert people.persons() == groups("1 2 3")
    assert people.holds()


def test_a_loader_takes_over_the_new_index_key_without_a_restart(people: People) -> None:
    loader = people.hub.loader()
    people.come(clue(1))
    loader.drain()
    rotate(people)
    people.come(clue(2))

    assert people.hub.keyring.index_active == 2
    assert people.persons() == groups("1 2")


def test_a_stopped_key_that_no_lead_has_is_kept_with_its_index_key(people: People) -> None:
    """The split is a person's word; a lead that names the key again must respect it."""
    people.come(clue(1), clue(2))
    people.split(people.contact("1"), "2")
    with (
        people.hub.engine.begin() as conn
    ):  # as after an erasure, or a mapping that finds no phone
        conn.execute(sa.text("DELETE FROM crm.lead_revision"))
        conn.execute(sa.text("DELETE FROM crm.lead"))
    done = rotate(people)

    assert done.kept == 1
    with pytest.raises(ConfigError, match="stopped keys"):
        retire_index_key(people.hub.engine, open_keyring(), 1, forget=False)
    people.come(clue(1), clue(2))
    assert people.persons() == groups("1", "2")
    retire_index_key(people.hub.engine, open_keyring(), 1, forget=True)
    assert sorted(open_keyring().index) == [2]


def test_an_index_key_in_use_is_not_retired(people: People) -> None:
    with pytest.raises(ConfigError, match="active"):
        retire_index_key(people.hub.engine, open_keyring(), 1, forget=True)
    with pytest.raises(ConfigError, match="not in the key ring"):
        retire_index_key(people.hub.engine, open_keyring(), 7, forget=True)


def test_the_switch_waits_for_a_batch_that_is_under_way(people: People) -> None:
    """So that no batch writes under the old key alone after another has begun with the new one."""
    people.come(clue(1))
    with people.hub.engine.begin() as conn:
        index_rotation.share_index(driver(conn))
        with people.hub.engine.begin() as other:
            other.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(Exception, match="lock timeout"):
                index_rotation.own_index(driver(other))


def test_companies_move_with_their_statements(people: People) -> None:
    def come(number: int, company: str) -> None:
        fields = {
            "姓名": f"测试{number}", "手机": f"1990000{number:04d}", "公司": company,
            "邮箱": f"p{number}@ceshi-keji.cn",
        }  # fmt: skip
        body = {"submission_id": str(number), "fields": fields, "consent": {"privacy": True}}
        form = Envelope("form", json.dumps(body).encode(), context={"form": "f"})
        at = AT + timedelta(minutes=number)
        people.hub.store("form-f", [form], via=Via.FORM, at=at)
        people.hub.loader().drain()

    def companies() -> int:
        with people.hub.engine.begin() as conn:
            statement = (
                "SELECT count(*), count(DISTINCT company_id), count(domain) FROM crm.company_link"
            )
            links, found, domains = conn.execute(sa.text(statement)).one()
            assert links == domains > 0
            return int(found)

    come(1, "测试科技有限公司")
    come(2, "测试科技（有限公司）")
    come(3, "别家贸易有限公司")
    assert companies() == 2
    told = iter(range(4, 7))

    def between(_: Progress) -> None:
        if (number := next(told, None)) is not None:
            come(number, "测试科技有限公司")

    rotate(people, between)
    come(7, "别家贸易有限公司")
    people.reload()

    assert companies() == 2
    assert all(is_under(key, 2) for key in stored_keys(people))
