"""Basic authentication, and bearer tokens of our own: what passes, what does not, until when."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.http_auth import basic_credentials, is_issued, issued_token
from hub.connectors.signatures import verify
from hub.errors import SignatureError
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings

NOW = datetime(2026, 2, 17, 12, tzinfo=UTC)
CREDENTIALS = b"client-demo:s3cret:with:colons"
BASIC = SignatureSettings(scheme="basic", secret_env="HUB_X")
ISSUED = SignatureSettings(scheme="bearer_issued", secret_env="HUB_X", max_age_s=600)


def passes(settings: SignatureSettings, header: str, now: datetime = NOW) -> bool:
    request = HookRequest("POST", b"", {"authorization": header}, b"{}")
    try:
        verify(settings, request, (b"another:one", CREDENTIALS), now)
    except SignatureError:
        return False
    return True


def a_token(credentials: bytes = CREDENTIALS, lives_s: float = 600) -> str:
    return issued_token(credentials, expires_at=NOW + timedelta(seconds=lives_s))


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_a_user_with_the_right_password_may_push(scheme: str) -> None:
    encoded = base64.b64encode(CREDENTIALS).decode()

    assert passes(BASIC, f"{scheme} {encoded}")
    assert basic_credentials(f" {scheme}  {encoded} ".encode()) == CREDENTIALS


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic " + base64.b64encode(b"client-demo:wrong").decode(),
        "Basic not base64!",
        "Bearer " + base64.b64encode(CREDENTIALS).decode(),
        base64.b64encode(CREDENTIALS).decode(),
        "Basic " + "A" * 5000,
    ],
)
def test_anything_else_may_not(header: str) -> None:
    assert not passes(BASIC, header)


def test_an_issued_token_passes_until_it_expires() -> None:
    header = f"Bearer {a_token()}"

    assert passes(ISSUED, header)
    assert passes(ISSUED, header, NOW + timedelta(seconds=599))
    assert not passes(ISSUED, header, NOW + timedelta(seconds=600))


def test_a_token_of_other_credentials_or_a_longer_life_does_not_pass() -> None:
    """Changed credentials end every token; a shortened life ends those that would outlive it."""
    assert not passes(ISSUED, f"Bearer {a_token(b'client-demo:old')}")
    assert not passes(ISSUED, f"Bearer {a_token(lives_s=601)}")


def test_an_expiry_cannot_be_moved() -> None:
    expiry, _, mac = a_token().partition(".")

    assert not passes(ISSUED, f"Bearer {int(expiry) - 1}.{mac}")
    assert not passes(ISSUED, f"Bearer {expiry}.{mac[:-1]}")
    assert not passes(ISSUED, f"Bearer {expiry}.")


def test_the_client_s_secret_is_no_token() -> None:
    assert not passes(ISSUED, f"Bearer {CREDENTIALS.decode()}")
    assert not passes(ISSUED, "Basic " + base64.b64encode(CREDENTIALS).decode())


@given(header=st.binary(max_size=200) | st.sampled_from([b"Bearer 9" * 9, b"Bearer 1.\xff"]))
def test_no_header_raises(header: bytes) -> None:
    assert basic_credentials(header) != CREDENTIALS
    assert not is_issued(header, [CREDENTIALS], now=NOW, max_age_s=600)
