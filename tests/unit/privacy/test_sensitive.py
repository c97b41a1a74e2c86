"""A sensitive value shows its mask wherever it goes."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel

from hub.privacy.mask import mask_value
from hub.privacy.sensitive import Sensitive, masked_default

PHONE = "19900007351"
MASK = "199****7351"


class Body(BaseModel):
    phone: Sensitive[str]


@dataclass(frozen=True)
class Held:
    phone: Sensitive[str]


@given(st.text(min_size=9), st.sampled_from(["phone", "name", "text", "id", "none", "other"]))
def test_no_way_of_printing_it_shows_more_than_its_mask(value: str, kind: str) -> None:
    wrapped = Sensitive(value, kind)
    mask = str(mask_value("text" if kind == "none" else kind, value))
    assume(value not in f"Sensitive({mask})")
    shown = [
        str(wrapped), repr(wrapped), f"{wrapped}", f"{wrapped!r}", f"{wrapped:>40}", "%s" % wrapped,  # noqa: UP031 -- one more way
        repr([wrapped]), repr(Held(wrapped)), repr({"a": wrapped}),
    ]  # fmt: skip

    assert all(mask in each for each in shown)
    assert not [each for each in shown if value in each]
    assert wrapped.reveal() == value


def test_a_log_line_and_an_error_show_the_mask(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("hub.test").warning("asked for %s, %r", *[Sensitive(PHONE, "phone")] * 2)
    error = ValueError(Sensitive(PHONE, "phone"))

    assert PHONE not in caplog.text + str(error) + repr(error)
    assert MASK in caplog.text


def test_json_shows_the_mask_or_refuses() -> None:
    wrapped = {"phone": Sensitive(PHONE, "phone")}
    with pytest.raises(TypeError):
        json.dumps(wrapped)
    with pytest.raises(TypeError):
        msgspec.json.encode(wrapped)
    with pytest.raises(TypeError, match="object is no JSON"):
        json.dumps(object(), default=masked_default)

    for text in (
        json.dumps(wrapped, default=masked_default),
        json.dumps(wrapped, default=str),
        msgspec.json.encode(wrapped, enc_hook=masked_default).decode(),
    ):
        assert json.loads(text) == {"phone": MASK}


def test_pydantic_reads_the_value_and_writes_the_mask() -> None:
    body = Body.model_validate_json(f'{{"phone": "{PHONE}"}}')

    assert body.phone.reveal() == PHONE
    assert PHONE not in body.model_dump_json() + str(body.model_dump()) + repr(body)
    assert Body(phone=Sensitive(PHONE, "phone")).model_dump_json() == f'{{"phone":"{MASK}"}}'


def test_it_can_be_compared_and_copied_but_neither_hashed_nor_pickled() -> None:
    wrapped = Sensitive(PHONE, "phone")

    assert wrapped == Sensitive(PHONE) != Sensitive("other")
    assert wrapped != PHONE
    assert copy.deepcopy([wrapped]) == [wrapped]
    with pytest.raises(TypeError):
        hash(wrapped)
    with pytest.raises(TypeError):
        pickle.dumps(wrapped)
    with pytest.raises(AttributeError):
        wrapped.other = 1  # type: ignore[attr-defined]  # what is tried
