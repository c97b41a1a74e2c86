"""The cipher of 三方私信: the computed vector of the notes, and what cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.xiaohongshu.im_crypto import ImCryptoError, decrypt_im, encrypt_im, im_key
from hub.errors import ConfigError

KEY = im_key("00112233445566778899aabbccddeeff")
IV = bytes(range(16))
PLAIN = '{"user_id":"u-demo","nick_name":"演示","app_id":"1","token":"t"}'.encode()
CONTENT = (
    "AAECAwQFBgcICQoLDA0ODw==~split~D47j65RzMa7R4Kp+W32m1TG9tK7BQ69L4uWsEpDFHnv1Z1fzQ3p7UKCAKCVnAFOL"
    "9Rd+lM2vdkHDZZ5tMYcc9PxGKwK2PJTYp5YBDpxsojQ="
)


def test_the_vector_is_read_and_written() -> None:
    assert decrypt_im(CONTENT, KEY) == PLAIN
    assert encrypt_im(PLAIN, KEY, iv=IV) == CONTENT


@pytest.mark.parametrize(
    "content",
    [
        "",
        "~split~",
        CONTENT[:-8],
        CONTENT.replace("~split~", ""),
        "AAEC" + CONTENT[24:],
        "中~split~文",
    ],
)
def test_what_cannot_be_read_is_one_error(content: str) -> None:
    with pytest.raises(ImCryptoError):
        decrypt_im(content, KEY)


def test_another_key_reads_nothing() -> None:
    with pytest.raises(ImCryptoError):
        decrypt_im(CONTENT, im_key("ff" * 16))


@pytest.mark.parametrize("text", ["", "00", "zz" * 16, "00" * 17])
def test_a_key_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="32 hexadecimal"):
        im_key(text)


@given(plain=st.binary(max_size=200))
def test_what_is_written_is_read_again(plain: bytes) -> None:
    assert decrypt_im(encrypt_im(plain, KEY, iv=IV), KEY) == plain
