"""Dagster as a person and its daemon use it, in a process of its own: every asset, every check, the sensor's tick.

python -m tests.privacy.dagster_run FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg

from hub.definitions.location import build_definitions
from hub.definitions.store import HubStore
from hub.settings import load_settings


def main(folder: str) -> None:
    """Materialise what can be, check everything, tick twice; all of it into the storage at `folder`."""
    defs = build_definitions(load_settings())
    Path(folder).mkdir()
    instance = dg.DagsterInstance.local_temp(folder)
    repository = defs.get_repository_def()
    for job in ("load_queue", "check_everything"):
        defs.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)
    everything = defs.resolve_implicit_global_asset_job_def()
    keys = [key for key in everything.asset_layer.executable_asset_keys if key.path[0] != "replay"]
    for key in keys:
        everything.execute_in_process(
            instance=instance, asset_selection=[key], raise_on_error=False
        )
    cursor = None
    for _ in range(2):
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            repository_def=repository,
            resources={"hub": HubStore()},
        )
        result = repository.get_sensor_def("report_loader")(context)
        assert isinstance(result, dg.SensorResult)
        cursor = result.cursor
        for event in result.asset_events:
            instance.report_runless_asset_event(event)


if __name__ == "__main__":
    main(sys.argv[1])
