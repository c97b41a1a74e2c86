"""A form that another system posts to a hook passes the suite of every push; pages have a door of their own."""

from __future__ import annotations

import json

import pytest

from hub.connectors.webform import CONNECTOR
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings, SourceSettings
from tests.connectors.checks import Check, shows
from tests.connectors.suite import PushCase, PushSuite

TOKEN = "demo-header-token"
SOURCE = SourceSettings(
    platform="webform",
    push="form",
    signature=SignatureSettings(scheme="static_header", header="X-Form-Key", secret_env="HUB_X"),
    options={"form": "contact"},
)
POSTED = {
    "form_id": "contact",
    "submission_id": "demo-1",
    "fields": {"name": "张三", "mobile": "19900001234"},
}


class TestFormHook(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        headers = {"content-type": "application/json", "x-form-key": TOKEN}
        return PushCase(
            connector=CONNECTOR,
            source=SOURCE,
            request=HookRequest("POST", b"", headers, json.dumps(POSTED).encode()),
            secrets=(TOKEN.encode(),),
            payloads=[POSTED],
            ack=None,
            delivery_key="demo-1",
            secret_texts=(TOKEN,),
        )

    @shows(Check.ANSWERS)
    def test_a_good_push_is_acknowledged_in_the_platforms_form(self, case: PushCase) -> None:
        """Whoever posts has no words of its own: 202, and nothing to read."""
        reply = case.connector.accepted(case.request, case.source)

        assert (reply.status, reply.body) == (202, b"")
