"""A source that cannot be pulled as configured says so at the start, not at the first pull."""

from __future__ import annotations

import pytest

from hub.connectors.call400 import CONNECTOR
from hub.errors import ConfigError
from hub.settings import SourceSettings

KEYS = {"key_id_env": "HUB_CALL_ID", "secret_env": "HUB_CALL_SECRET"}


def a_source(*pulls: str, account: str | None = "1400000001", **options: object) -> SourceSettings:
    return SourceSettings(platform="call400", account=account, pulls=pulls, options=options)


def test_what_is_complete_passes_whether_or_not_the_secrets_are_there() -> None:
    CONNECTOR.check(a_source())
    CONNECTOR.check(a_source("tccc_cdr_list", **KEYS))
    CONNECTOR.check(a_source("clink_cdr", api_base="https://api-sh.clink.cn", **KEYS))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (a_source("tccc_cdr_list"), "key_id_env"),
        (a_source("tccc_cdr_list", key_id_env="HUB_CALL_ID"), "secret_env"),
        (a_source("tccc_cdr_list", account=None, **KEYS), "SdkAppId"),
        (a_source("clink_cdr", **KEYS), "api_base"),
        (a_source("tccc_cdr_list", "clink_cdr", **KEYS), "one vendor"),
        (a_source("clink_cdr", api_base="http://api-sh.clink.cn", **KEYS), "https"),
        (a_source(clink_hidden_type=9), "clink_hidden_type"),
    ],
)
def test_what_is_missing_is_named(source: SourceSettings, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CONNECTOR.check(source)
