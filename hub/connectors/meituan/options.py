"""What can be set for a Meituan source under `options:`; what the notes do not know has no default."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.connectors.meituan.signing import Profile
from hub.connectors.source_options import PerSource, checked_options, https_base


class MeituanOptions(BaseModel):
    """Options of one Meituan source; an unknown one is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Push. The names are those that one public receiver has met; the vendor's own page is not public.
    message_field: str = Field(default="message", min_length=1)
    id_fields: tuple[str, ...] = Field(
        default=("businessId", "msgType", "msgId"),
        description="fields that together name a message; the last one must be there",
    )
    account_fields: tuple[str, ...] = ("opBizCode", "ePoiId")
    ack: dict[str, Any] = Field(default_factory=lambda: {"code": 0, "message": "success"})
    refusal: dict[str, Any] = Field(default_factory=lambda: {"code": -1, "message": "refused"})
    refused_status: int = Field(default=401, ge=400, le=599)

    # Calls.
    profile: Profile = Profile.MTOP
    app_id: str = Field(default="", description="developerId, or app_key of 北极星")
    business_id: str = "58"
    secret_env: str = Field(default="", description="environment variable of signKey or secret")
    api_base: str = ""
    authorize_base: str = ""
    scope: str = ""
    refresh_days: int = Field(default=35, ge=1, description="life of a refresh token")
    warn_days: int = Field(default=7, ge=0)
    warn_refreshes: int = Field(
        default=3, ge=0, description="北极星 counts refreshes: warn at so few"
    )
    redirect_url: str = Field(default="", description="北极星: the callback, as registered there")
    followup_fields: dict[str, str] = Field(
        default_factory=dict,
        description="external_id, state, note → what addfollowup calls them",
    )
    followup_states: dict[str, str | int] = Field(
        default_factory=dict, description="our word for a state → the platform's; none: as typed"
    )
    tries: int = Field(default=4, ge=1)
    retry_budget_s: float = Field(default=60.0, ge=0)
    error_actions: dict[str, Literal["stop", "retry", "reauthorize"]] = Field(default_factory=dict)

    @field_validator("app_id", "business_id", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        """YAML reads an id as a number."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if whole else value

    @field_validator("error_actions", mode="before")
    @classmethod
    def _codes(cls, value: object) -> object:
        return {str(k): v for k, v in value.items()} if isinstance(value, dict) else value

    @field_validator("id_fields")
    @classmethod
    def _id_fields(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(value):
            raise ValueError("name at least one field")
        return value

    @field_validator("api_base", "authorize_base")
    @classmethod
    def _base(cls, value: str) -> str:
        return https_base(value) if value else ""


options_of = PerSource(lambda source: checked_options(MeituanOptions, source))
"""The options of a source, checked: ConfigError if one is unknown or has a wrong value."""
