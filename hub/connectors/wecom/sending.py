"""Sending to people: a group bot for alerts, an application's messages to members (notes §7).

The platform drops what is over a member's limit without a word, so both keep their own count: the bot
holds back what has no room and folds it into a digest, the application says whom it left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import msgspec

from hub.connectors.http import RetryPolicy, retried, send
from hub.connectors.limits import Limit, RateLimiter
from hub.connectors.sessions import PullPorts
from hub.connectors.wecom.client import WecomSession, read_answer
from hub.connectors.wecom.messages import EVERYBODY, MAX_RECIPIENTS, Message, app_text, digest
from hub.connectors.wecom.options import WecomOptions
from hub.connectors.wecom.secrecy import keep_tokens_out_of_logs
from hub.connectors.wecom.token import check_answer
from hub.errors import ConfigError, RateLimitedError

BOT_PATH, APP_PATH = "webhook/send", "message/send"
# The platform takes 20 a minute; the rest is room for whoever else uses the bot.
BOT_PER_MINUTE = Limit(15, 60.0)
MEMBER_PER_MINUTE, MEMBER_PER_HOUR = Limit(30, 60.0), Limit(1000, 3600.0)
_HELD_BACK = 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to a group: `title` is the line that stands for it in a digest."""

    title: str
    message: Message


class GroupBot:
    """One bot of a group. `key` is the whole credential of its webhook: it is never shown.

    The limiter of `ports` is this process's own; `held_back` are notices that wait for room.
    """

    def __init__(self, key: str, ports: PullPorts, options: WecomOptions | None = None) -> None:
        if not key:
            raise ConfigError("a group bot needs the key of its webhook")
        keep_tokens_out_of_logs()
        self._key = key
        self._options = options or WecomOptions()
        self._ports = ports
        self._http = ports.http()
        self._policy = RetryPolicy(
            tries=self._options.tries, budget_s=self._options.retry_budget_s
        )
        self.held_back: list[Notice] = []

    async def aclose(self) -> None:
        """Close the HTTP client; what is held back stays with the caller."""
        await self._http.aclose()

    async def send(self, notice: Notice) -> bool:
        """Send a notice, or hold it back if there is no room this minute; whether it went out.

        Raises:
            RouteLostError: the bot is gone (93000, 93004, 93008): use another way.
            TransientError, PlatformRejectedError: it was not sent, and is not held back.
        """
        if self.held_back or self._wait_s() > 0:
            # Past the bound the oldest goes: the digest says how many kinds it cannot list.
            self.held_back = [*self.held_back, notice][-_HELD_BACK:]
            return False
        await self._post(notice.message)
        return True

    async def flush(self) -> int:
        """Send what is held back as one digest, if there is room; how many notices it stands for.

        Raises:
            RouteLostError, TransientError, PlatformRejectedError: they stay held back.
        """
        waiting = list(self.held_back)
        if not waiting or self._wait_s() > 0:
            return 0
        one = waiting[0].message if len(waiting) == 1 else digest([each.title for each in waiting])
        await self._post(one)
        self.held_back = self.held_back[len(waiting) :]
        return len(waiting)

    def _wait_s(self) -> float:
        return self._ports.limiter.wait_s(self._limits())

    def _limits(self) -> dict[Hashable, Limit]:
        return {("wecom-bot", self._ports.fingerprint("wecom-bot", self._key)): BOT_PER_MINUTE}

    async def _post(self, message: Message) -> None:
        async def attempt() -> None:
            await self._ports.limiter.acquire(self._limits())
            url = f"{self._options.api_base}/cgi-bin/{BOT_PATH}"
            request = self._http.build_request(
                "POST", url, params={"key": self._key}, json=dict(message)
            )
            try:
                check_answer(await send(self._http, request), self._options)
            except RateLimitedError as error:
                for key in self._limits():
                    self._ports.limiter.block(key, error.retry_after_s or BOT_PER_MINUTE.window_s)
                raise

        await retried(attempt, self._policy, self._ports.sleep)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an application's message. All lists are userids.

    `refused` the platform does not know or does not show to this application, `unlicensed` have no
    licence, `left_out` had their fill for now and were not sent to: the platform would have dropped it.
    `message_ids` recall it within a day.
    """

    message_ids: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    unlicensed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    reached: int = field(default=0)


class _Answer(msgspec.Struct):
    msgid: str = ""
    invaliduser: str = ""
    unlicenseduser: str = ""


async def send_app_text(
    session: WecomSession,
    agent_id: int,
    users: Sequence[str],
    content: str,
    *,
    duplicate_s: int = 1800,
) -> Sent:
    """Send a text to members, a thousand a call. Who got it is what the answer says, not that it came.

    Raises:
        ConfigError: there is no recipient; everybody (`@all`) has no count and is not sent to here.
        TransientError, PlatformRejectedError, AuthorizationLostError: as `WecomSession.post`; earlier
            thousands were sent, and the platform's check of repetitions keeps them from coming twice.
    """
    wanted = list(dict.fromkeys(users))
    if not wanted or EVERYBODY in wanted:
        raise ConfigError("name the members that a message goes to")
    limiter = session.ports.limiter
    open_to = [user for user in wanted if limiter.wait_s(_of_member(session, user)) <= 0]
    left_out = tuple(user for user in wanted if user not in set(open_to))
    answers = []
    for start in range(0, len(open_to), MAX_RECIPIENTS):
        group = open_to[start : start + MAX_RECIPIENTS]
        message = app_text(agent_id, group, content, duplicate_s=duplicate_s)
        answers.append(read_answer(await session.post(APP_PATH, message), _Answer))
        await _count(limiter, session, group)
    refused = tuple(user for answer in answers for user in _listed(answer.invaliduser))
    unlicensed = tuple(user for answer in answers for user in _listed(answer.unlicenseduser))
    return Sent(
        message_ids=tuple(answer.msgid for answer in answers if answer.msgid),
        refused=refused,
        unlicensed=unlicensed,
        left_out=left_out,
        reached=len(open_to) - len({*refused, *unlicensed}),
    )


def _of_member(session: WecomSession, user: str) -> dict[Hashable, Limit]:
    corp = session.options.corp_id
    return {
        ("wecom-member", corp, user, "minute"): MEMBER_PER_MINUTE,
        ("wecom-member", corp, user, "hour"): MEMBER_PER_HOUR,
    }


async def _count(limiter: RateLimiter, session: WecomSession, users: Sequence[str]) -> None:
    for user in users:
        await limiter.acquire(_of_member(session, user))


def _listed(text: str) -> list[str]:
    return [part for part in text.split("|") if part]
