"""Deliveries sealed and stored as the receiver, the puller and the importer store them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg

from bench.payloads import SOURCE, encoded, listed, page, people, pushed, without_id
from bench.stage import Stage
from hub.database.engine import libpq_url
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Delivery, Envelope, Via

PAGE = 100
BROKEN_EVERY = 10
_STORED_AT_ONCE = 1000


def pushes(stage: Stage, count: int) -> Iterator[Delivery]:
    """`count` deliveries of one pushed lead each."""
    for person in people(count):
        yield sealed(stage, Envelope(shape="clue_push", body=encoded(pushed(person))), Via.PUSH)


def pages(
    stage: Stage, count: int, via: Via, *, first: int = 0, is_broken: bool = False
) -> Iterator[Delivery]:
    """`count` leads as pages of `PAGE` listed items; if `is_broken`, every tenth item lacks its id."""
    items = (
        without_id(listed(person))
        if is_broken and person.number % BROKEN_EVERY == 0
        else listed(person)
        for person in people(count, first=first)
    )
    while items_of_page := list(itertools.islice(items, PAGE)):
        yield sealed(stage, Envelope(shape="clue", body=page(items_of_page)), via)


def store(conn: psycopg.Connection[Any], deliveries: Iterable[Delivery]) -> None:
    """Store deliveries in the caller's transaction."""
    iterator = iter(deliveries)
    while batch := list(itertools.islice(iterator, _STORED_AT_ONCE)):
        store_deliveries(conn, batch, receiver="bench")


def fill(url: str, deliveries: Iterable[Delivery]) -> None:
    """Store deliveries in the database of `url`."""
    with psycopg.connect(libpq_url(url)) as conn:
        store(conn, deliveries)


def sealed(stage: Stage, envelope: Envelope, via: Via) -> Delivery:
    """A delivery of the one source, just arrived."""
    return seal_delivery(
        stage.keyring, SOURCE, stage.source, envelope, Arrival(via, datetime.now(UTC))
    )
