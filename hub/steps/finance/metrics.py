"""Figures of the metric dictionary from the store, and how fresh what they are made from is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import yaml

from hub.database.engine import driver, store_errors
from hub.errors import ConfigError
from hub.finance import metric_values
from hub.mapping.nearest import did_you_mean
from hub.ops.cursors import pulled_at
from hub.reconciliation.figures import Figure, figures
from hub.reconciliation.metrics import Dictionary, Metric, compile_metrics
from hub.reconciliation.months import Month
from hub.reconciliation.papers import Papers
from hub.registry.files import schema_files
from hub.settings import HubSettings

FOLDER = "metrics"
ZONE = ZoneInfo("Asia/Shanghai")  # business days are those of the books, which are kept in China
# Whatever a metric sums, what it says of a contract comes from these.
_EVIDENCE = frozenset(
    {
        *("contract", "opportunity", "approval", "signing", "receiving_account"),
        *("receivable", "invoice", "receipt", "refund"),
    }
)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old an entity's data are: the newest arrival of its sources, and which of them are too old."""

    entity: str
    newest: datetime | None
    allowed: timedelta
    late: tuple[str, ...]

    @property
    def is_missing(self) -> bool:
        """Whether nothing of it ever came."""
        return self.newest is None


@dataclass(frozen=True, slots=True)
class Figures:
    """Several metrics of one merchant and month, what they were made from, and how fresh that is."""

    merchant: str
    month: Month
    at: datetime
    papers: Papers
    by_name: Mapping[str, Figure]
    freshness: Mapping[str, tuple[Freshness, ...]]

    def all_freshness(self) -> list[Freshness]:
        """Every entity once, under its strictest metric."""
        found: dict[str, Freshness] = {}
        for listed in self.freshness.values():
            for one in listed:
                if one.entity not in found or one.allowed < found[one.entity].allowed:
                    found[one.entity] = one
        return [found[entity] for entity in sorted(found)]


def load_dictionary(settings: HubSettings) -> dict[str, Metric]:
    """The metric dictionary of this installation, compiled.

    Raises:
        ConfigError: A file says something that we do not know; names file and place.
    """
    documents = {}
    for path in sorted((schema_files(settings).root / FOLDER).glob("*.yaml")):
        try:
            documents[path.stem] = yaml.safe_load(path.read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path.name}: not valid YAML") from error
    return compile_metrics(documents)


def metric_of(dictionary: Dictionary, name: str) -> Metric:
    """The metric of a name.

    Raises:
        ConfigError: There is none; suggests the nearest.
    """
    if name not in dictionary:
        raise ConfigError(f"no metric {name!r}{did_you_mean(name, list(dictionary))}")
    return dictionary[name]


def business_day(now: datetime) -> date:
    """The day on which the books stand at `now`."""
    return now.astimezone(ZONE).date()


def read_papers(
    conn: sa.Connection, merchant: str, dictionary: Dictionary, names: Iterable[str]
) -> Papers:
    """What these metrics and a bridge between them are made from."""
    entities = _EVIDENCE | {
        term.entity for name in names for term in metric_of(dictionary, name).terms
    }
    return Papers(metric_values.read_papers(driver(conn), merchant, entities))


def read_freshness(
    conn: sa.Connection, settings: HubSettings, merchant: str, metric: Metric, now: datetime
) -> tuple[Freshness, ...]:
    """How fresh each source of a metric is.

    A source that is pulled must be fresh itself (a pull that found nothing is fresh); of sources that are pushed or
    imported, the newest counts for all.
    """
    allowed = timedelta(hours=metric.freshness_hours)
    arrived: dict[str, dict[str, datetime]] = {}
    for one in metric_values.newest_records(conn, merchant):
        arrived.setdefault(one.entity, {})[one.source_key] = one.at
    found = []
    for entity in metric.sources:
        ages = arrived.get(entity, {})
        for source_key in ages:
            pulled = pulled_at(conn, source_key)
            ages[source_key] = max(ages[source_key], pulled) if pulled else ages[source_key]
        found.append(_freshness(entity, ages, _pulled(settings, ages), allowed, now))
    return tuple(found)


def _pulled(settings: HubSettings, source_keys: Iterable[str]) -> set[str]:
    sources = settings.all_sources()
    return {key for key in source_keys if key in sources and sources[key].pulls}


def _freshness(
    entity: str,
    ages: Mapping[str, datetime],
    pulled: set[str],
    allowed: timedelta,
    now: datetime,
) -> Freshness:
    old = {key for key, at in ages.items() if now - at > allowed}
    late = (old & pulled) or (old if len(old) == len(ages) else set())
    return Freshness(entity, max(ages.values(), default=None), allowed, tuple(sorted(late)))


def compute(
    conn: sa.Connection,
    settings: HubSettings,
    merchant: str,
    names: Sequence[str],
    month: Month,
    now: datetime,
) -> Figures:
    """These metrics of a merchant's month, in the caller's snapshot.

    Raises:
        ConfigError: No such metric, or the dictionary is wrong.
    """
    dictionary = load_dictionary(settings)
    papers = read_papers(conn, merchant, dictionary, names)
    return figures_of(conn, settings, merchant, papers, names, month, now)


def figures_of(  # noqa: PLR0913 -- papers are read once for several months
    conn: sa.Connection,
    settings: HubSettings,
    merchant: str,
    papers: Papers,
    names: Sequence[str],
    month: Month,
    now: datetime,
) -> Figures:
    """As `compute`, from papers that were read already."""
    dictionary = load_dictionary(settings)
    return Figures(
        merchant=merchant,
        month=month,
        at=now,
        papers=papers,
        by_name=figures(dictionary, names, papers, month),
        freshness={
            name: read_freshness(conn, settings, merchant, dictionary[name], now) for name in names
        },
    )


def compute_and_keep(
    engine: sa.Engine,
    settings: HubSettings,
    merchant: str,
    names: Sequence[str],
    month: Month,
    now: datetime,
) -> Figures:
    """Compute metrics and remember what they came to.

    Raises:
        ConfigError: No such metric, or the dictionary is wrong.
        StoreError: The database refused.
    """
    with store_errors(), engine.begin() as conn:
        found = compute(conn, settings, merchant, names, month, now)
        metric_values.keep_values(conn, merchant, list(found.by_name.values()), now)
    return found
