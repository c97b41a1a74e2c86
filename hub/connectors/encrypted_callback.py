"""The values of a callback whose content is encrypted: signed are token, timestamp, nonce and ciphertext.

The three stand in the query; the ciphertext in `echostr` of the query (a set-up request, GET) or in
`Encrypt` of an XML body, `encrypt` of a JSON one.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import msgspec

from hub.connectors.pushed_xml import read_xml
from hub.model.delivery import HookRequest

_BOM = b"\xef\xbb\xbf"
_MAX_FIELDS = 100


@dataclass(frozen=True, slots=True)
class CallbackValues:
    """What stands in a callback, nothing of it verified."""

    signature: bytes
    timestamp: bytes
    nonce: bytes
    encrypted: bytes


class _JsonBody(msgspec.Struct):
    encrypt: str


def callback_values(request: HookRequest, signature_field: str) -> CallbackValues:
    """The values of a request.

    Raises:
        ValueError, RecursionError: the body holds no ciphertext that can be read.
    """
    query = query_values(request.query)
    encrypted = query.get(b"echostr", b"") if request.method == "GET" else ciphertext(request.body)
    return CallbackValues(
        signature=query.get(signature_field.encode(), b""),
        timestamp=query.get(b"timestamp", b""),
        nonce=query.get(b"nonce", b""),
        encrypted=encrypted,
    )


def ciphertext(body: bytes) -> bytes:
    """The ciphertext in a body, XML or JSON, as the bytes that were signed.

    Raises:
        ValueError, RecursionError: there is none.
    """
    body = body.removeprefix(_BOM)
    if body.lstrip()[:1] == b"{":
        return msgspec.json.decode(body, type=_JsonBody).encrypt.encode()
    found = read_xml(body).get("Encrypt")
    if not isinstance(found, str):
        raise ValueError("no ciphertext")
    return found.encode()


def query_values(query: bytes) -> dict[bytes, bytes]:
    """The first value of each name, decoded once. A plus stays one, and a blank is taken for one.

    Whether the platform writes the plus of its base64 as %2B is not documented; read as a form it would
    be a blank, and no value here may hold one.

    Raises:
        ValueError: too many fields.
    """
    pairs = query.split(b"&", _MAX_FIELDS)
    if len(pairs) > _MAX_FIELDS:
        raise ValueError("too many fields")
    values: dict[bytes, bytes] = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        values.setdefault(unquote_to_bytes(name), unquote_to_bytes(value).replace(b" ", b"+"))
    return values
