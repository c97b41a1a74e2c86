"""What can be set for a Douyin source under `options:`; each LIKELY of the notes is one of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.connectors.source_options import PerSource, checked_options, https_base
from hub.errors import ConfigError
from hub.settings import SourceSettings

# What people type into the keys of a push rule, to the names of route A. `options.fields` adds to it.
DEFAULT_FIELDS: Mapping[str, str] = {
    "clueId": "clue_id",
    "clueid": "clue_id",
    "线索id": "clue_id",
    "线索ID": "clue_id",
    "姓名": "name",
    "mobile": "telephone",
    "tel": "telephone",
    "telphone": "telephone",
    "phone": "telephone",
    "电话": "telephone",
    "手机号": "telephone",
    "create_time": "create_time_detail",
    "createTime": "create_time_detail",
    "创建时间": "create_time_detail",
    "adv_id": "advertiser_id",
    "advertiserId": "advertiser_id",
    "adv_name": "advertiser_name",
    "advertiserName": "advertiser_name",
    "adId": "ad_id",
    "ad_plan_id": "ad_id",
    "ad_plan_name": "ad_name",
    "计划id": "ad_id",
    "promotionId": "promotion_id",
    "广告id": "promotion_id",
    "appname": "app_name",
    "wechat": "weixin",
    "微信": "weixin",
    "province": "province_name",
    "city": "city_name",
    "省份": "province_name",
    "城市": "city_name",
    "备注": "remark",
}


class DouyinOptions(BaseModel):
    """Options of one Douyin source; an unknown one is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Push (route F) and its answers.
    fields: dict[str, str | None] = Field(
        default_factory=dict,
        description="key typed in the rule → name of the platform's list; null keeps the key",
    )
    drop_fields: tuple[str, ...] = Field(
        default=(), description="constants of the rule that are no part of the lead"
    )
    ack: dict[str, Any] = Field(default_factory=lambda: {"code": 0, "message": "success"})
    refusal: dict[str, Any] = Field(default_factory=lambda: {"code": -1, "message": "refused"})
    refused_status: int = Field(default=401, ge=200, le=599)
    spi_status_code: int = 200

    # OAuth.
    grant: str = Field(default="", description="key of the source whose grant this one uses")
    app_id: str = ""
    secret_env: str = Field(default="", description="environment variable that holds the secret")
    scope: tuple[int, ...] = ()
    material_auth: bool = True
    api_base: str = "https://api.oceanengine.com"
    authorize_base: str = "https://ad.oceanengine.com"
    warn_days: int = Field(default=7, ge=0)

    # Pulls.
    advertiser_ids: tuple[str, ...] = ()
    star_ids: tuple[str, ...] = ()
    local_account_ids: tuple[str, ...] = ()
    zone: str = "Asia/Shanghai"
    settle_s: int = Field(default=600, ge=0)
    window_days: int = Field(default=7, ge=1)
    max_pages: int = Field(default=10_000, ge=1)
    star_order: Literal["observe", "newest_first", "unknown"] = "observe"
    star_full_sweep_s: int = Field(default=86_400, ge=0)
    star_known_max: int = Field(default=5_000, ge=100)

    # 来客 (route D): an application of the open platform, with its own token, host and codes.
    client_key: str = Field(default="", description="its secret is in `secret_env`")
    laike_base: str = "https://open.douyin.com"
    laike_account_ids: tuple[str, ...] = ()
    laike_root_account: str = Field(default="", description="sent as Rpc-Transit-Life-Account")
    laike_times: Literal["text", "unix"] = "text"
    laike_lag_s: int = Field(default=600, ge=600)
    laike_span_days: int = Field(default=365, ge=1, le=365)
    laike_earliest: date = date(2022, 9, 1)
    laike_window_max: int = Field(default=9_000, ge=1, description="of 10,000 that are listed")
    laike_per_minute: int = Field(default=90, ge=1)
    decrypt: Literal["full", "mask", "off"] = "full"
    decrypt_per_day: int | None = Field(
        default=None, ge=0, description="whole numbers a day (null: as many as the platform gives)"
    )
    decrypt_quota_words: tuple[str, ...] = ("额度", "配额", "quota")
    busy_words: tuple[str, ...] = ("请求太频繁",)
    pad_first: Literal["left", "right"] | None = None
    local_iv: Literal["last", "first"] = "last"

    # Limits and retries.
    developer_qps: int = Field(default=5, ge=1)
    account_qps: int = Field(default=2, ge=1)
    customer_delay_s: float = Field(default=60.0, gt=0)
    tries: int = Field(default=6, ge=1)
    retry_budget_s: float = Field(default=400.0, ge=0)
    error_actions: dict[int, str] = Field(default_factory=dict)

    @field_validator(
        "advertiser_ids", "star_ids", "local_account_ids", "laike_account_ids", mode="before"
    )
    @classmethod
    def _ids(cls, value: object) -> object:
        """YAML reads an account id as a number; either is fine, decimals are not."""
        items = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(item, int | str) and str(item).isdigit() for item in items):
            raise ValueError("account ids are whole numbers")
        return tuple(str(item) for item in items)

    @field_validator("app_id", "laike_root_account", mode="before")
    @classmethod
    def _app_id(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value

    @field_validator("api_base", "authorize_base", "laike_base")
    @classmethod
    def _base(cls, value: str) -> str:
        return https_base(value)

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("not a time zone") from error
        return value


@dataclass(frozen=True, slots=True)
class Reading:
    """How pushes of a source are read: its options, and what follows from them for every key.

    `names` is customer key → name of the platform's list, the configured ones and (飞鱼 only, whose keys
    people type) the defaults; `constants` are keys that are no part of the lead, the constant token of
    the rule among them.
    """

    options: DouyinOptions
    names: Mapping[str, str]
    constants: frozenset[str]


def _reading(source: SourceSettings) -> Reading:
    options = checked_options(DouyinOptions, source)
    chosen = {key: name for key, name in options.fields.items() if name is not None}
    defaults = {} if source.push == "star_push" else DEFAULT_FIELDS
    rest = {key: name for key, name in defaults.items() if key not in options.fields}
    guard = (source.signature.field,) if source.signature.scheme == "static_body" else ()
    return Reading(options, {**chosen, **rest}, frozenset((*options.drop_fields, *guard)))


reading_of = PerSource(_reading)
"""The options of a source, checked, and how its pushes are read: ConfigError names a wrong option."""


def options_of(source: SourceSettings) -> DouyinOptions:
    """The options of a source, checked; see `reading_of` for errors."""
    return reading_of(source).options


def accounts_of(source: SourceSettings, configured: tuple[str, ...]) -> tuple[str, ...]:
    """The account ids to pull: those of the options, else the source's own `account`.

    Raises:
        ConfigError: neither is set, or the source's account is no number.
    """
    if configured:
        return configured
    if source.account and source.account.isdigit():
        return (source.account,)
    raise ConfigError("set `account` (the platform's account id) of the source before pulling it")
