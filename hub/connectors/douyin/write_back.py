"""Telling the platform what became of a lead of an ad account (`tools/clue/callback`, notes §2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.connectors.douyin.client import MARKETING, Call, DouyinSession
from hub.connectors.douyin.options import accounts_of, options_of
from hub.connectors.write_back import FollowUp, FollowUpCall
from hub.errors import ConfigError
from hub.settings import SourceSettings

PATH = "/open_api/2/tools/clue/callback/"
# The vendor's six states under names of ours.
STATES: Mapping[str, int] = {
    "confirmed": 194,  # 信息确认
    "friend_added": 195,  # 加为好友
    "high_potential": 196,  # 高潜成交
    "visited": 527,  # 到店/上门
    "paid": 285,  # 正价品支付
    "invalid": 10000,  # 无效
}
_FROM_CRM, _BY_A_PERSON = 1, 1


def follow_up(told: FollowUp, source: SourceSettings) -> FollowUpCall:
    """The call that tells a state, by name or by the vendor's number.

    Raises:
        ConfigError: a state that the vendor does not know, a lead without a clue id, no account.
    """
    by_number = {str(number): number for number in STATES.values()}
    state = STATES.get(told.state, by_number.get(told.state))
    if state is None:
        raise ConfigError(f"state {told.state!r}: choose from {', '.join(STATES)}")
    if not (told.external_id.isascii() and told.external_id.isdecimal()):
        raise ConfigError("only leads of ad accounts (with a clue_id) can be told to 巨量引擎")
    accounts = accounts_of(source, options_of(source).advertiser_ids)
    document: dict[str, Any] = {
        "advertiser_ids": [int(account) for account in accounts],
        "source": _FROM_CRM,
        "clue_id": told.external_id,
        "clue_convert_state": state,
        "source_type": _BY_A_PERSON,
    }
    if told.note:
        document["event_data"] = {"reason_message": told.note}
    return FollowUpCall(PATH, document)


async def tell(session: DouyinSession, call: FollowUpCall) -> None:
    """Send it; telling one state twice is telling it once."""
    accounts = [str(account) for account in call.document["advertiser_ids"]]
    await session.call(Call(MARKETING, call.path, document=call.document, accounts=accounts))
