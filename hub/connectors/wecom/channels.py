"""Channel codes: contact ways (联系我), acquisition links (获客助手) and their quota (notes §3.3, §5).

The same channel key stands in both worlds: the `state` of a contact way has room for 30 characters, the
`customer_channel` of a link for 64 bytes, and the platform cuts what is longer without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from hub.connectors.wecom.client import WecomSession, read_answer
from hub.errors import ConfigError

ADD_WAY_PATH = "externalcontact/add_contact_way"
LINK_PATH = "externalcontact/customer_acquisition/get"
CREATE_LINK_PATH = "externalcontact/customer_acquisition/create_link"
QUOTA_PATH = "externalcontact/customer_acquisition_quota"
LINK_PREFIX = "https://work.weixin.qq.com/ca/"
MAX_STATE, MAX_REMARK, MAX_USERS = 30, 30, 100
MAX_CHANNEL_BYTES = 64


@dataclass(frozen=True, slots=True)
class ContactWay:
    """A contact way as the platform made it. It is listed nowhere in its console: keep `config_id`."""

    config_id: str
    qr_code: str


@dataclass(frozen=True, slots=True)
class Quota:
    """How many more customers links may bring: of `total` bought, `balance` are left."""

    total: int
    balance: int


class _Way(msgspec.Struct):
    config_id: str
    qr_code: str = ""


class _Link(msgspec.Struct):
    link_id: str
    url: str = ""


class _LinkAnswer(msgspec.Struct):
    link: _Link


class _Quota(msgspec.Struct):
    total: int
    balance: int


def check_state(state: str) -> str:
    """`state`, if the platform keeps all of it.

    Raises:
        ConfigError: it is empty or longer than 30 characters.
    """
    if not state or len(state) > MAX_STATE:
        raise ConfigError(f"state: 1 to {MAX_STATE} characters, not {len(state)}")
    return state


def link_with_channel(url: str, channel: str) -> str:
    """The address of an acquisition link with its channel, which comes back as `state`.

    Raises:
        ConfigError: `url` is no such link, has a channel already, or the channel is empty or too long.
    """
    size = len(channel.encode())
    if not channel or size > MAX_CHANNEL_BYTES:
        raise ConfigError(f"customer_channel: 1 to {MAX_CHANNEL_BYTES} bytes, not {size}")
    if not url.startswith(LINK_PREFIX) or "customer_channel=" in url:
        raise ConfigError(f"an acquisition link begins with {LINK_PREFIX} and has no channel yet")
    joined = "&" if "?" in url else "?"
    return f"{url}{joined}customer_channel={quote(channel, safe='')}"


async def add_contact_way(
    session: WecomSession, *, state: str, users: Sequence[str], remark: str = ""
) -> ContactWay:
    """A QR code by which a customer adds one of `users`; `state` says through which channel.

    Raises:
        ConfigError: `state`, `users` or `remark` is more than the platform keeps; nothing was called.
        TransientError, PlatformRejectedError, AuthorizationLostError: as `WecomSession.post`.
    """
    check_state(state)
    if not 1 <= len(users) <= MAX_USERS:
        raise ConfigError(f"users: 1 to {MAX_USERS} members, not {len(users)}")
    if len(remark) > MAX_REMARK:
        raise ConfigError(f"remark: at most {MAX_REMARK} characters, not {len(remark)}")
    document: dict[str, Any] = {
        "type": 1 if len(users) == 1 else 2,
        "scene": 2,
        "state": state,
        "skip_verify": True,
        "user": list(users),
        "remark": remark,
        "is_temp": False,
    }
    way = read_answer(await session.post(ADD_WAY_PATH, document), _Way)
    return ContactWay(way.config_id, way.qr_code)


async def create_link(
    session: WecomSession, *, name: str, users: Sequence[str]
) -> tuple[str, str]:
    """Id and address of a new acquisition link that leads to one of `users`.

    Raises:
        ConfigError: no name or no member; nothing was called.
        TransientError, PlatformRejectedError, AuthorizationLostError: as `WecomSession.post`.
    """
    if not name or not users:
        raise ConfigError("an acquisition link has a name and at least one member")
    document = {
        "link_name": name,
        "range": {"user_list": list(users), "department_list": []},
        "skip_verify": True,
    }
    found = read_answer(await session.post(CREATE_LINK_PATH, document), _LinkAnswer).link
    return found.link_id, found.url


async def link_url(session: WecomSession, link_id: str) -> str:
    """The address of a link.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: as `WecomSession.post`.
    """
    return read_answer(await session.post(LINK_PATH, {"link_id": link_id}), _LinkAnswer).link.url


async def acquisition_quota(session: WecomSession) -> Quota:
    """What is left of the quota: at nothing, links stop bringing customers and no call says so.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: as `WecomSession.get`.
    """
    found = read_answer(await session.get(QUOTA_PATH), _Quota)
    return Quota(found.total, found.balance)
