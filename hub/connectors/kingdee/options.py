"""What can be set for a source under `options:`; each LIKELY of the README is one of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hub.connectors.kingdee.bills import BILLS, ENTRY, ENTRY_AMOUNT, FID, MODIFIED, Bill
from hub.connectors.source_options import PerSource, checked_options, https_base, require_option
from hub.errors import ConfigError
from hub.settings import SourceSettings, secrets_from_environment

# What stands in a query is built of these names, so nothing else may be one.
FieldKey = Annotated[
    str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]{0,63}(\.[A-Za-z0-9_]{1,64}){0,2})?$")
]
_NEEDED = (FID, MODIFIED, "FDATE")


class KingdeeOptions(BaseModel):
    """Options of one source; an unknown one is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(default="", description="the customer's own site, https://erp.example.com")
    context: str = Field(default="k3cloud", pattern=r"^[A-Za-z0-9_-]+$")
    auth: Literal["signed", "session"] = "signed"
    acct_id: str = Field(default="", description="data-centre id")
    user: str = ""
    lcid: int = 2052
    org: str = Field(default="", description="number of the organisation that signs in")
    app_id: str = Field(default="", description="signed: clientId_ and 32 characters")
    secret_env: str = Field(default="", description="signed: variable with the AppSecret")
    password_env: str = Field(default="", description="session: variable with the password")
    login_positional: bool = Field(default=False, description="session: parameters as a list")

    fields: Mapping[str, Mapping[str, FieldKey]] = Field(
        default_factory=dict,
        description="bill → our name of a field → the customer's; empty: not asked for",
    )
    zone: str = "Asia/Shanghai"
    largest_page: int = Field(default=2000, ge=1, le=10_000)
    reread_days: int = Field(default=90, ge=1, le=400)
    reread_every_s: int = Field(default=72_000, ge=0)
    max_gone_share: float = Field(default=0.2, gt=0, le=1)

    max_pages: int = Field(default=10_000, ge=1)
    calls_per_s: int = Field(default=2, ge=1, le=20)
    tries: int = Field(default=5, ge=1)
    retry_budget_s: float = Field(default=180.0, ge=0)

    @field_validator("site")
    @classmethod
    def _site(cls, value: str) -> str:
        return https_base(value) if value else ""

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:
            raise ValueError("no time zone") from error
        return value

    @model_validator(mode="after")
    def _fields_known(self) -> KingdeeOptions:
        for entity, names in self.fields.items():
            if entity not in BILLS:
                raise ValueError(f"fields.{entity}: bills are {', '.join(BILLS)}")
            unknown = sorted(set(names) - set(BILLS[entity].names))
            if unknown:
                raise ValueError(f"fields.{entity}.{unknown[0]}: not one of our names")
            if any(names.get(name) == "" for name in _NEEDED):
                raise ValueError(f"fields.{entity}: {', '.join(_NEEDED)} are needed")
            if bool(names.get(ENTRY)) != bool(names.get(ENTRY_AMOUNT)):
                # A row for each line repeats the head's amount: it would be counted many times.
                raise ValueError(f"fields.{entity}: {ENTRY} and {ENTRY_AMOUNT} go together")
        return self

    def columns(self, bill: Bill) -> dict[str, str]:
        """What is asked for: our name → the installation's own, in order.

        Of lines the head's amount is not asked for: nobody can take it for that of a line.
        """
        own = self.fields.get(bill.entity, {})
        head = bill.fields if own.get(ENTRY) else (*bill.fields, bill.amount)
        asked = {name: own.get(name, name) for name in head}
        asked |= {name: own[name] for name in bill.more if name in own}
        return {name: key for name, key in asked.items() if key}


options_of = PerSource(lambda source: checked_options(KingdeeOptions, source))
"""The options of a source, checked: ConfigError if one is unknown or has a wrong value."""


def check_pulls(source: SourceSettings) -> None:
    """Look at what the pulls of a source need; secrets are looked for when they are used.

    Raises:
        ConfigError: an option that they need is not set.
    """
    options = options_of(source)
    if not source.pulls:
        return
    needed = ("site", "acct_id", "user")
    own = ("app_id", "secret_env") if options.auth == "signed" else ("password_env",)
    for name in (*needed, *own):
        require_option(getattr(options, name), name, "kingdee")


def secret_of(variable: str) -> str:
    """The secret in an environment variable.

    Raises:
        ConfigError: there is none.
    """
    found = secrets_from_environment(variable)
    if not found:
        raise ConfigError(f"set the environment variable {variable or '(none named)'}")
    return found[0].decode()
