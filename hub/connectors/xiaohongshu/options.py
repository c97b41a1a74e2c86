"""What can be set for a Xiaohongshu source under `options:`; each LIKELY of the notes is one of these."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.connectors.source_options import PerSource, checked_options, https_base


class XiaohongshuOptions(BaseModel):
    """Options of one Xiaohongshu source; an unknown one is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Pushes and their answers.
    fields: dict[str, str] = Field(
        default_factory=dict, description="the platform's key inside `data` → the contract's name"
    )
    blank_is_test: bool = Field(
        default=True, description="a message in which nobody answered anything is a set-up test"
    )
    test_values: tuple[str, ...] = Field(
        default=(), description="placeholders: a lead id or answer that says just this is a test"
    )
    ack: dict[str, Any] = Field(default_factory=lambda: {"code": 0, "message": "success"})
    refusal: dict[str, Any] = Field(default_factory=lambda: {"code": -1, "message": "refused"})
    refused_status: int = Field(default=401, ge=400, le=599)

    # OAuth.
    grant: str = Field(default="", description="key of the source whose grant this one uses")
    app_id: str = Field(default="", pattern=r"^\d*$")
    secret_env: str = Field(default="", description="environment variable that holds the secret")
    scope: tuple[str, ...] = ("report_service",)
    api_base: str = "https://adapi.xiaohongshu.com"
    authorize_page: str = "https://ad-market.xiaohongshu.com/auth"
    lost_codes: tuple[int, ...] = Field(
        default=(), description="codes after which a person must authorise again"
    )
    lost_words: tuple[str, ...] = Field(
        default=("token", "auth_code", "授权"), description="the same, by what `msg` says"
    )
    warn_days: int = Field(default=7, ge=0)

    # Write-back of valid forms.
    return_base: str = "https://www.xiaohongshu.com"

    @field_validator("app_id", mode="before")
    @classmethod
    def _app_id(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value

    @field_validator("api_base", "authorize_page", "return_base")
    @classmethod
    def _address(cls, value: str) -> str:
        return https_base(value)

    @field_validator("test_values", mode="before")
    @classmethod
    def _texts(cls, value: object) -> object:
        """YAML reads a placeholder such as 0 as a number."""
        items = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(item, int | str) and str(item).strip() for item in items):
            raise ValueError("placeholders are texts")
        return tuple(str(item).strip() for item in items)


options_of = PerSource(lambda source: checked_options(XiaohongshuOptions, source))
"""The options of a source, checked: ConfigError if one is unknown or has a wrong value."""
