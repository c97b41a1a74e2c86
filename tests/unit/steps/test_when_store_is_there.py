"""A process that comes up before its database waits for it; one that is told to stop does not."""

from __future__ import annotations

import threading

import pytest

from hub.errors import ConfigError, StoreAwayError
from hub.steps import work


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "FIRST_PAUSE_S", 0.0)


def test_it_tries_until_the_store_answers() -> None:
    answers: list[Exception | str] = [StoreAwayError("away"), StoreAwayError("away"), "store"]

    def start() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert work.when_store_is_there(start, threading.Event()) == "store"


def test_it_gives_up_when_told_to_stop() -> None:
    stop = threading.Event()

    def start() -> str:
        stop.set()
        raise StoreAwayError("away")

    assert work.when_store_is_there(start, stop) is None


def test_a_wrong_setting_is_told_at_once() -> None:
    def start() -> str:
        raise ConfigError("the server refuses this user")

    with pytest.raises(ConfigError):
        work.when_store_is_there(start, threading.Event())
