"""Settings: `hub.yaml` for what is configured, the environment (`HUB_*`) for secrets and places.

Reading settings opens nothing and connects to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from hub.alert_settings import AlertSettings, Strict, WatchSettings
from hub.errors import ConfigError
from hub.mapping.nearest import did_you_mean

DEFAULT_MERCHANT = "default"
Scheme = Literal[
    "none",
    "record_only",
    "basic",
    "bearer_issued",
    "esign",
    "fasc",
    "sha1_concat",
    "sha256_concat",
    "hmac_sha1",
    "hmac_sha256",
    "sorted_md5",
    "sorted_sha1",
    "sorted_values_sha1",
    "standard_webhooks",
    "static_body",
    "static_header",
    "static_path",
    "yonbip_hmac_sha256",
    "yonbip_sha1",
    "yonbip_sha256",
]
SCHEMES: tuple[str, ...] = get_args(Scheme)


Channel = Literal["web", "mini_program", "official_account", "qr_code"]
UtmName = Literal["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id"]


class FinanceSettings(Strict):
    """What finance of a merchant declares, and who is told when its figures do not agree."""

    posting_lag_days: int = Field(
        default=10, ge=0, le=92, description="after a month's end; then its figures are judged"
    )
    governance: str = Field(default="governance", description="the group that the gate tells")


class MerchantSettings(Strict):
    """One merchant: a company whose leads stay apart from every other's."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    name: str = ""
    trust: tuple[str, ...] = Field(
        default=(), description="sources and platforms, most trusted first; the others are equal"
    )
    finance: FinanceSettings = FinanceSettings()


class SignatureSettings(Strict):
    """How a push proves where it comes from. Secrets are named by environment variable, never written here.

    `header` or `field` names where the signature (or the static secret) stands; `prefix` is cut off it
    (`sha1=`). Several secrets may be valid at once while one is rotated: separate them by a comma in the variable.
    """

    scheme: Scheme = "none"
    secret_env: str = ""
    header: str = ""
    field: str = ""
    prefix: str = ""
    encoding: Literal["hex", "base64"] = "hex"
    tolerate_line_breaks: bool = False
    max_age_s: int = 300


class PullSettings(Strict):
    """When and how a source is pulled."""

    every_s: int = Field(default=300, ge=60)
    overlap_s: int = Field(default=1200, ge=0)
    first_days: int = Field(default=7, ge=1)
    page_size: int = Field(default=100, ge=1)


class ResolveSettings(Strict):
    """How long records of a source wait for what the network must say (a name, a phone)."""

    tries: int = Field(default=20, ge=1, description="then the record is held as `unresolved`")
    alert_after_s: int = Field(
        default=900, ge=1, description="a record that waits longer is alerted"
    )


class MatchSettings(Strict):
    """How often one token may ask whether somebody is known."""

    per_s: float = Field(default=20.0, gt=0)
    burst: int = Field(default=100, ge=1)


class SourceSettings(Strict):
    """One platform account. Its key in `sources:` never changes; `name` may."""

    platform: str
    merchant: str = DEFAULT_MERCHANT
    name: str = ""
    account: str | None = None
    owner: str = ""
    push: str | None = Field(
        default=None, description="the shape of what is pushed, e.g. clue_push"
    )
    pulls: tuple[str, ...] = Field(default=(), description="streams to pull, e.g. clue, star_clue")
    signature: SignatureSettings = SignatureSettings()
    pull: PullSettings = PullSettings()
    resolve: ResolveSettings = ResolveSettings()
    dedupe_window_s: int = Field(default=86_400, ge=0)
    fresh_within_s: int = Field(default=86_400, ge=60)
    keep_raw_days: int | None = Field(
        default=None, ge=1, description="raw payloads older than this are dropped; none: kept"
    )
    core: tuple[str, ...] = Field(
        default=(), description="core fields that it is expected to fill; none: all of them"
    )
    verifies: tuple[str, ...] = Field(
        default=(), description="canonical fields that it checks itself, e.g. by an SMS code"
    )
    options: Mapping[str, Any] = Field(default_factory=dict, description="read by the connector")


class FormSettings(Strict):
    """One web form; it is a source of platform `webform` under the key `form-<id>`."""

    merchant: str = DEFAULT_MERCHANT
    name: str = ""
    owner: str = ""
    origins: tuple[str, ...] = Field(default=(), description="may post; https://host[:port]")
    token_secret_env: str = Field(default="", description="none: the key ring signs")
    min_fill_s: float = Field(default=3.0, ge=0)
    token_max_age_s: int = Field(default=86_400, ge=60)
    require_token: bool = Field(default=True, description="false for pages that do without hub.js")
    honeypot: str = Field(default="website_url", min_length=1)
    keep_raw_days: int | None = Field(default=None, ge=1, description="as for a source")
    max_per_s: int = Field(default=200, ge=1, description="posts a second and process; burst ×5")
    channel: Channel = "web"
    core: tuple[str, ...] = Field(
        default=(), description="core fields that it is expected to fill; none: all of them"
    )
    verifies: tuple[str, ...] = Field(
        default=(), description="canonical fields that the page checks itself, e.g. by an SMS code"
    )
    utm: Mapping[UtmName, str] = Field(
        default_factory=dict,
        description="of posts that carry none: a QR code at a fair, a mini-program",
    )


class QualitySettings(Strict):
    """When a field is called badly filled, and over how many days the checks look."""

    fill_min: float = Field(default=0.6, ge=0, le=1, description="filled less: flagged")
    anomaly_max: float = Field(default=0.1, ge=0, le=1, description="anomalous more: flagged")
    min_leads: int = Field(default=20, ge=1, description="of fewer leads nothing is said")
    days: int = Field(default=7, ge=1, le=92, description="the checks look at so many days")
    core: tuple[str, ...] = Field(default=(), description="core fields; none: the dictionary's")


class PruneSettings(Strict):
    """How many days is kept what only grows; leads, their history and the audit are not among it."""

    windows_days: int = Field(
        default=30, ge=2, description="counts of 30 seconds, quotas, loaders that are gone"
    )
    gate_days: int = Field(default=180, ge=31, description="hourly readings; then one a day")
    alerts_days: int = Field(default=90, ge=7, description="after they closed, and who was told")
    events_days: int = Field(
        default=7, ge=1, description="Dagster: events and check results that no run made"
    )
    runs_days: int = Field(default=14, ge=1, description="Dagster: runs that went well")
    failed_runs_days: int = Field(default=60, ge=1, description="Dagster: runs that failed")


class HubSettings(Strict):
    """All of `hub.yaml`. An empty file is a working hub with one merchant and no source."""

    merchants: tuple[MerchantSettings, ...] = (MerchantSettings(id=DEFAULT_MERCHANT),)
    sources: Mapping[str, SourceSettings] = Field(default_factory=dict)
    forms: Mapping[str, FormSettings] = Field(default_factory=dict)
    max_body_bytes: int = Field(default=1_048_576, ge=1024)
    import_max_bytes: int = Field(default=256 * 1_048_576, ge=1024)
    spool_max_bytes: int = Field(default=256 * 1_048_576, ge=4096)
    public_url: str = "http://127.0.0.1:8700"
    schemas_dir: str = ""
    match: MatchSettings = MatchSettings()
    detect_drift: bool = Field(default=True, description="look at what payloads look like")
    quality: QualitySettings = QualitySettings()
    alerts: AlertSettings = AlertSettings()
    watch: WatchSettings = WatchSettings()
    prune: PruneSettings = PruneSettings()

    @model_validator(mode="after")
    def _merchants_exist(self) -> HubSettings:
        known = {merchant.id for merchant in self.merchants}
        owners = {key: source.merchant for key, source in self.sources.items()}
        owners |= {key: form.merchant for key, form in self.forms.items()}
        for key, merchant in owners.items():
            if merchant not in known:
                raise ValueError(f"source {key}: merchant {merchant!r} is not under `merchants:`")
        return self

    def trust_of(self, merchant: str) -> tuple[str, ...]:
        """The merchant's order of sources and platforms, most trusted first."""
        return next((one.trust for one in self.merchants if one.id == merchant), ())

    def finance_of(self, merchant: str) -> FinanceSettings:
        """What a merchant's finance declares."""
        found = (one.finance for one in self.merchants if one.id == merchant)
        return next(found, FinanceSettings())

    def all_sources(self) -> dict[str, SourceSettings]:
        """Sources and forms alike, by source key."""
        forms = {
            f"form-{form_id}": SourceSettings(
                platform="webform",
                merchant=form.merchant,
                name=form.name or form_id,
                owner=form.owner,
                push="form",
                keep_raw_days=form.keep_raw_days,
                core=form.core,
                verifies=form.verifies,
                options=_options_of(form_id, form),
            )
            for form_id, form in self.forms.items()
        }
        return {**self.sources, **forms}


def _options_of(form_id: str, form: FormSettings) -> dict[str, Any]:
    """What the connector of forms reads."""
    named = {"channel": form.channel} if form.channel != "web" else {}
    return {"form": form_id, **named, **({"utm": dict(form.utm)} if form.utm else {})}


def home() -> Path:
    """Where this hub keeps its own files: `HUB_HOME`, default `.hub/` in the working folder."""
    return Path(os.environ.get("HUB_HOME", ".hub")).absolute()


def config_path() -> Path:
    """The settings file: `HUB_CONFIG`, default `hub.yaml` in the working folder."""
    return Path(os.environ.get("HUB_CONFIG", "hub.yaml")).absolute()


def load_settings(path: Path | None = None) -> HubSettings:
    """Settings from `path` (default: `config_path()`); a file that is not there is an empty one.

    Raises:
        ConfigError: the file is no YAML or says something we do not know; names file, line and field.
    """
    path = path or config_path()
    if not path.exists():
        return HubSettings()
    text = path.read_text("utf-8")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{path}:{line}: not valid YAML") from error
    _refuse_doubled_keys(path, root)
    try:
        return HubSettings.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        line = _line_of(root, first["loc"])
        hint = _hint(first["type"], first["loc"])
        message = f"{where or 'settings'}: {hint or first['msg']}"
        raise ConfigError(f"{path}:{line}: {message}") from None


def line_in_settings(location: Sequence[str | int], path: Path | None = None) -> int:
    """The line of the settings file where `location` stands, or of what is nearest above it."""
    text = (path or config_path()).read_text("utf-8")
    return _line_of(yaml.compose(text, Loader=yaml.SafeLoader), location)


def _line_of(node: yaml.Node | None, location: Sequence[str | int]) -> int:
    line = 1
    for part in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line + 1
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        match = next(((k, v) for k, v in pairs if k.value == str(part)), None)
        if match is None:
            break
        line, node = match[0].start_mark.line + 1, match[1]
    return line


def _refuse_doubled_keys(path: Path, node: yaml.Node | None) -> None:
    """YAML lets the second of two equal keys win in silence; a source would be gone."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_doubled_keys(path, item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.value in seen:
            raise ConfigError(
                f"{path}:{line}: {key.value!r} stands here twice (first in line {seen[key.value]})"
            )
        seen[key.value] = line
        _refuse_doubled_keys(path, value)


def _hint(kind: str, location: Sequence[str | int]) -> str:
    """What is wrong with a key that we do not know, and the nearest that we do; "" for other mistakes."""
    if kind != "extra_forbidden":
        return ""
    known = _known_keys(location[:-1])
    return f"unknown key{did_you_mean(location[-1], known)} (known: {', '.join(known)})"


def _known_keys(location: Sequence[str | int]) -> list[str]:
    """The keys that may stand under a place of the settings file."""
    model: type[BaseModel] = HubSettings
    inside: list[Any] = []
    for part in location:
        if inside:  # a name or a place within a mapping or list: what follows is its item
            [model], inside = inside, []
            continue
        found = model.model_fields[str(part)].annotation
        inside = [one for one in get_args(found) if _is_model(one)]
        if _is_model(found):
            model = cast(type[BaseModel], found)
    return sorted(model.model_fields)


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def secrets_from_environment(variable: str) -> tuple[bytes, ...]:
    """Every secret in an environment variable (comma-separated), none if it is not set."""
    value = os.environ.get(variable, "") if variable else ""
    return tuple(part.strip().encode() for part in value.split(",") if part.strip())
