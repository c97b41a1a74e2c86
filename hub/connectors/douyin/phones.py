"""Encrypted phones of 来客: which leads have one, and what the local key or the platform makes of it.

`Enc.…` is read by an online call that counts each ciphertext against a quota a day. The masked number costs
nothing and is asked for first: past the quota the lead is loaded with that, and asked about again tomorrow. What
has no such prefix is read here with the application's secret; the platform is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hub.connectors.douyin import crypto
from hub.connectors.douyin.client import Call, DouyinSession
from hub.connectors.douyin.laike_gateway import LAIKE
from hub.connectors.douyin.options import DouyinOptions, accounts_of, options_of
from hub.connectors.douyin.records import LAIKE_CLUE
from hub.connectors.resolving import RESOLVED, Answer, Ask, Found, Later, Never
from hub.connectors.source_options import application_secret
from hub.errors import ConfigError, PlatformDownError, TransientError
from hub.settings import SourceSettings

DECRYPT_PATH = "/goodlife/v1/open/common_biz/crypto/decrypt/batch"
MASK_PATH = "/goodlife/v1/open/common_biz/crypto/decrypt_mask/batch"
ASK_SIZE = 50
NEED = "phone"
_UNANSWERED = "unanswered"
_SOON_S = 600.0  # until what did not work this time is tried again
_FIELDS = ("enc_telephone", "telephone")
_WHOLE = re.compile(r"\+?[\d -]{5,20}")


class _Result(msgspec.Struct):
    cipher_text: str
    plain_text: str | None = None
    is_success: bool = False
    error_msg: str | None = None


class _Results(msgspec.Struct):
    results: list[_Result]


class _Decrypted(msgspec.Struct):
    data: _Results


@dataclass(frozen=True, slots=True)
class _Read:
    """What a call made of one ciphertext: a number, or why there is none."""

    telephone: str = ""
    error: str = ""


def needs(entity: str, payload: Mapping[str, Any], source: SourceSettings) -> str | None:
    """`phone` for a lead of 来客 whose phone is a ciphertext that nobody has read yet."""
    if entity != LAIKE_CLUE or options_of(source).decrypt == "off":
        return None
    resolved = payload.get(RESOLVED)
    if isinstance(resolved, Mapping) and resolved.get("telephone"):
        return None
    return NEED if cipher_of(payload) else None


def cipher_of(payload: Mapping[str, Any]) -> str | None:
    """The ciphertext of a lead's phone, None if it has none or the phone stands there, whole and plain."""
    shown = payload.get("telephone")
    if isinstance(shown, int) or (isinstance(shown, str) and _WHOLE.fullmatch(shown)):
        return None
    for name in _FIELDS:
        value = payload.get(name)
        if isinstance(value, str) and (crypto.is_online(value) or crypto.is_local(value)):
            return value
    return None


async def resolve(
    session: DouyinSession, asks: Sequence[Ask], source: SourceSettings
) -> list[Answer]:
    """One answer for each ask, in order; at most `ASK_SIZE` asks.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: for all of them.
        ConfigError: a phone is encrypted locally and the key cannot be made; says what to set.
    """
    ciphers = [cipher_of(ask.payload) or "" for ask in asks]
    answers: dict[str, Answer] = {"": Never("no_ciphertext")}
    local = [text for text in dict.fromkeys(ciphers) if text and not crypto.is_online(text)]
    if local:
        key = _local_key(session.options, local)
        answers |= {text: _read_locally(text, key, session.options) for text in local}
    online = [text for text in dict.fromkeys(ciphers) if crypto.is_online(text)]
    if online:
        answers |= await _ask_online(session, online, source)
    return [answers[text] for text in ciphers]


# ---- the local key


def _local_key(options: DouyinOptions, ciphers: Sequence[str]) -> bytes:
    """The key made of the secret.

    Where it hangs on which side comes first, that must be set: the error says which side reads these.
    """
    secret = application_secret(options.client_key, options.secret_env, "douyin").encode()
    if options.pad_first is not None or not crypto.is_ambiguous(secret):
        return crypto.key_of(secret, options.pad_first or "left")
    fitting = [
        side
        for side in ("left", "right")
        if any(_fits(text, crypto.key_of(secret, side), options) for text in ciphers)
    ]
    hint = (
        f"{fitting[0]} reads these phones" if len(fitting) == 1 else "neither reads these phones"
    )
    raise ConfigError(f"options.pad_first: left or right: the secret has not 32 bytes, and {hint}")


def _fits(text: str, key: bytes, options: DouyinOptions) -> bool:
    return isinstance(_read_locally(text, key, options), Found)


def _read_locally(text: str, key: bytes, options: DouyinOptions) -> Answer:
    try:
        return Found({"telephone": crypto.decrypt_phone(text, key, options.local_iv)})
    except crypto.UndecryptableError:
        return Never("undecryptable")


# ---- the online call


async def _ask_online(
    session: DouyinSession, ciphers: Sequence[str], source: SourceSettings
) -> dict[str, Answer]:
    """Masked numbers for all, which cost nothing; then whole ones as far as the quota goes.

    So a platform that is away uses up no quota of ours, and a whole number that does not come leaves a
    masked one: the lead is loaded with that and asked about again.
    """
    options = session.options
    account = _account(source, options)
    masks = await _call(session, MASK_PATH, ciphers, account)
    answers = {text: _answer(read, options) for text, read in masks.items()}
    if options.decrypt == "mask":
        return answers
    readable = [text for text in ciphers if masks[text].telephone]
    allowed = await _allowed(session, len(readable))
    until_midnight_s = _until_midnight_s(session)
    for text in readable[allowed:]:
        answers[text] = Found({"telephone": masks[text].telephone}, until_midnight_s)
    for text, read in (await _whole(session, readable[:allowed], account)).items():
        answer = _answer(read, options)
        if any(word in read.error for word in options.decrypt_quota_words):
            answer = Later("quota", until_midnight_s)  # the platform's count is not ours
        if isinstance(answer, Later):
            answer = Found({"telephone": masks[text].telephone}, answer.after_s)
        answers[text] = answer
    return answers


async def _whole(session: DouyinSession, ciphers: Sequence[str], account: str) -> dict[str, _Read]:
    """Whole numbers; where the call fails for now, that there are none."""
    try:
        return await _call(session, DECRYPT_PATH, ciphers, account)
    except TransientError:
        return dict.fromkeys(ciphers, _Read(error=_UNANSWERED))


async def _allowed(session: DouyinSession, wanted: int) -> int:
    """How many whole numbers may be asked for now; they count as used."""
    options, quota = session.options, session.ports.quota
    if options.decrypt_per_day is None:
        return wanted
    if quota is None:
        raise ConfigError("options.decrypt_per_day needs the store that counts it")
    day = session.ports.now().astimezone(ZoneInfo(options.zone)).date()
    name = f"decrypt:{options.client_key}"
    return await quota.take(name, wanted, limit=options.decrypt_per_day, day=day)


async def _call(
    session: DouyinSession, path: str, ciphers: Sequence[str], account: str
) -> dict[str, _Read]:
    """What the platform made of each ciphertext; one that it does not answer for says so."""
    if not ciphers:
        return {}
    document = {"account_id": account, "cipher_texts": list(ciphers)}
    call = Call(LAIKE, path, {}, document, (account,))
    body = await session.call(call)
    try:
        results = msgspec.json.decode(body, type=_Decrypted).data.results
    except (ValueError, RecursionError):
        raise PlatformDownError("the platform's decrypted phones cannot be read") from None
    read = {result.cipher_text: _read(result) for result in results}
    return {text: read.get(text, _Read(error=_UNANSWERED)) for text in ciphers}


def _read(result: _Result) -> _Read:
    if result.is_success and result.plain_text:
        return _Read(telephone=result.plain_text)
    return _Read(error=result.error_msg or "refused")


def _answer(read: _Read, options: DouyinOptions) -> Answer:
    """What one item's result means. The platform's words are looked at and not repeated."""
    if read.telephone:
        return Found({"telephone": read.telephone})
    if read.error == _UNANSWERED:
        return Later("unanswered", _SOON_S)
    if any(word in read.error for word in options.busy_words):
        return Later("busy", _SOON_S, counts=False)
    return Never("decryption_refused")


def _account(source: SourceSettings, options: DouyinOptions) -> str:
    """The account in whose name phones are decrypted: the root merchant's, else the first that is pulled."""
    return options.laike_root_account or accounts_of(source, options.laike_account_ids)[0]


def _until_midnight_s(session: DouyinSession) -> float:
    """Seconds until the platform's day ends and its quota begins anew."""
    now = session.ports.now().astimezone(ZoneInfo(session.options.zone))
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
    return (midnight - now).total_seconds()
