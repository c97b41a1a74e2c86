"""Known persons: how well identity tells them apart, and that neither order nor loaders change what it says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.privacy.keyring import KeyRing
from tests.conftest import TestServer
from tests.identity.generator import generate
from tests.identity.scores import score
from tests.identity.store import Hub, Truth, partition

SHORT, LONG = 3_000, 200_000
SIZES = [SHORT, pytest.param(LONG, marks=pytest.mark.chaos)]
PRECISION, RECALL = 0.999, 0.98
# In the short form one wrong pair is more than a thousandth.
SHORT_PRECISION = 0.995


@pytest.fixture
def hub(test_server: TestServer, template_database: str, tmp_path: Path) -> Iterator[Hub]:
    made = Hub(test_server, template_database, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("leads", SIZES)
def test_known_persons_are_told_apart(keyring: KeyRing, leads: int) -> None:
    truth = Truth(generate(leads), keyring)
    found = score(truth.given, truth.clusters(), truth.keys)
    print(f"\n{found}")  # noqa: T201 -- the figures are what this is run for

    assert found.precision >= (PRECISION if leads == LONG else SHORT_PRECISION)
    assert found.recall >= RECALL


def test_a_world_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert generate(200, 1) == generate(200, 1)
    assert generate(200, 1) != generate(200, 2)


def test_nobody_is_one_person_at_two_merchants(keyring: KeyRing) -> None:
    truth = Truth(generate(SHORT), keyring)
    merchants = {
        frozenset(truth.given[lead].merchant for lead in group)
        for group in partition(truth.clusters())
    }

    assert all(len(each) == 1 for each in merchants)


@pytest.mark.postgres
@pytest.mark.parametrize("leads", SIZES)
def test_any_order_and_number_of_loaders_give_one_state(hub: Hub, leads: int) -> None:
    """The store is what all leads at once give, and its content hash is one."""
    world = generate(leads)
    expected = partition(Truth(world, hub.ring).clusters())
    shuffled = list(world)
    random.Random(3).shuffle(shuffled)
    runs = [(world, 1), (world[::-1], 2), (shuffled, 4)]
    results = [hub.load(hub.filled(order), loaders) for order, loaders in runs]

    for found, together in results:
        assert found.holds
        assert (found.leads, found.misplaced, found.stale) == (leads, 0, 0)
        assert partition(together) == expected
    assert len({found.content_hash for found, _ in results}) == 1
