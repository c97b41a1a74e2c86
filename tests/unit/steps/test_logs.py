"""Log lines: one JSON object each, by whomever they are written, with nothing of people in them."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog
import uvicorn

from hub.model.ids import uuid7
from hub.privacy.sensitive import Sensitive
from hub.steps.running.logs import REQUEST_ID, log_as_json

PHONE = "19900001234"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the lines go; everything is as it was afterwards."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    names = ("hub", "alembic.runtime.migration")
    before = (root.handlers[:], root.level, [logging.getLogger(n).level for n in names])
    made = io.StringIO()
    log_as_json("receive", made)
    under_way = REQUEST_ID.set(None)  # a receiver within another test may have left one
    yield made
    REQUEST_ID.reset(under_way)
    root.handlers[:], level, levels = before
    root.setLevel(level)
    for name, old in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(old)
    sys.excepthook, threading.excepthook = hooks
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_the_standard_library_has_every_key(stream: io.StringIO) -> None:
    logging.getLogger("hub.load").warning("retried in %s", "halves", extra={"source": "ads"})

    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line.pop("pid") > 0
    assert line == {
        "level": "warning",
        "logger": "hub.load",
        "event": "retried in halves",
        "process": "receive",
        "source": "ads",
    }


def test_a_line_of_structlog_goes_the_same_way(stream: io.StringIO) -> None:
    structlog.get_logger("hub.notify").warning("sent", channel="group", event_id=uuid7())

    (line,) = lines(stream)
    assert (line["logger"], line["level"], line["channel"]) == ("hub.notify", "warning", "group")
    assert UUID(line["event_id"]).version == 7


def test_a_request_under_way_names_itself(stream: io.StringIO) -> None:
    made = uuid7()
    token = REQUEST_ID.set(made)
    logging.getLogger("hub.receiver").error("refused")
    REQUEST_ID.reset(token)
    logging.getLogger("hub.receiver").error("refused")

    assert [line.get("request_id") for line in lines(stream)] == [str(made), None]


def test_an_error_is_told_by_type_and_place_only(stream: io.StringIO) -> None:
    """Its text and its frames could hold a lead."""
    try:
        raise ValueError(f"no number: {PHONE}")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
        structlog.get_logger("hub").exception("failed")

    assert [line["error"] for line in lines(stream)] == ["ValueError", "ValueError"]
    assert "test_logs.py:" in lines(stream)[0]["at"]
    assert PHONE not in stream.getvalue()


def test_a_server_that_set_up_its_own_lines_does_not_keep_them(stream: io.StringIO) -> None:
    uvicorn.Config("nothing:app")  # sets up lines of its own
    log_as_json("receive", stream)

    logging.getLogger("uvicorn.error").error("bound")

    assert [line["event"] for line in lines(stream)] == ["bound"]


def test_what_is_sensitive_shows_its_mask_and_what_is_unknown_its_type(
    stream: io.StringIO,
) -> None:
    log = logging.getLogger("hub.load")
    log.warning("got %s", Sensitive(PHONE, "phone"))
    log.warning("got", extra={"source": Sensitive(PHONE, "phone"), "reason": {"mobile": PHONE}})
    log.warning("got", extra={"mobile": PHONE})
    structlog.get_logger("hub").warning("got", mobile=PHONE)

    assert PHONE not in stream.getvalue()
    assert lines(stream)[1]["reason"] == "<dict>"
    assert "mobile" not in lines(stream)[3]


def test_what_others_add_in_further_lines_is_cut(stream: io.StringIO) -> None:
    """asyncio repeats the text of an error there."""
    logging.getLogger("asyncio").error("Task exception was never retrieved\n%s", PHONE)

    assert lines(stream)[0]["event"] == "Task exception was never retrieved"


def test_an_error_that_ends_the_process_is_a_line_too(stream: io.StringIO) -> None:
    sys.excepthook(ValueError, ValueError(PHONE), None)
    empty: dict[str, str] = {}
    broken = threading.Thread(target=lambda: empty[PHONE])
    broken.start()
    broken.join()

    assert [line["error"] for line in lines(stream)] == ["ValueError", "KeyError"]
    assert PHONE not in stream.getvalue()


def test_libraries_are_quiet_and_the_hub_is_not(stream: io.StringIO) -> None:
    """HTTP clients write whole addresses at INFO, tokens among them."""
    logging.getLogger("httpx").info("GET https://example.com/?access_token=x")
    logging.getLogger("hub.receiver").info("the store takes deliveries")

    assert [line["logger"] for line in lines(stream)] == ["hub.receiver"]


def test_a_terminal_gets_lines_for_people(stream: io.StringIO) -> None:
    shown = Terminal()
    log_as_json("work", shown)
    logging.getLogger("hub.load").warning("slow", extra={"ms": 12})

    assert "slow" in shown.getvalue()
    assert not shown.getvalue().startswith("{")
