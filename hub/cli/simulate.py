"""`hub simulate`: a platform on this machine that behaves like the real one, good and bad."""

from __future__ import annotations

import dataclasses
import signal
import sys
import threading
from functools import partial
from types import FrameType
from typing import Annotated, Any

import typer

from hub.cli.output import CheckFailedError, print_json, print_line
from hub.errors import ConfigError
from hub.steps.simulate import SimulationPlan, drifts_of, simulate


def register(app: typer.Typer) -> None:
    """Add `simulate`."""
    app.command("simulate")(simulate_command)


def simulate_command(  # noqa: PLR0913 -- one parameter an option
    platform: Annotated[str, typer.Argument(help="douyin, xiaohongshu …")],
    rate: Annotated[float, typer.Option(min=0.01, max=2000, help="Leads a second.")] = 1.0,
    count: Annotated[int, typer.Option(min=0, help="Leads in all; 0 means no end.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same leads.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    push_to: Annotated[
        str, typer.Option(help="Push each lead to this address (a source's hook).")
    ] = "",
    token: Annotated[
        str,
        typer.Option(
            help="Constant of the push rule, as key=value; token=… where pushes are signed.",
            envvar="HUB_SIMULATE_TOKEN",
        ),
    ] = "",
    form: Annotated[bool, typer.Option("--form", help="Push forms instead of JSON.")] = False,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share pushed twice.")] = 0.0,
    lost_acks: Annotated[
        float, typer.Option(min=0, max=1, help="Share of acknowledgements the sender never sees.")
    ] = 0.0,
    reorder: Annotated[int, typer.Option(min=1, help="Shuffle leads among so many.")] = 1,
    drift: Annotated[
        str,
        typer.Option(help="Change what comes: douyin-id-required …; `list` names all of them."),
    ] = "",
    drift_after: Annotated[
        int, typer.Option(min=0, help="The change comes after so many leads.")
    ] = 0,
    star: Annotated[
        bool,
        typer.Option("--star", help="Push the second kind of lead: 星图 of 抖音, 私信 of 小红书."),
    ] = False,
) -> None:
    """Serve the platform's lists and OAuth; push leads if told where; exit 1 if one was given up.

    With --push-to and --count it ends by itself, else with Ctrl-C. All leads are invented.
    """
    if drift == "list":
        print_line(drifts_of(platform))
        return
    habits = {
        "form": form,
        "duplicate_share": duplicates,
        "lost_ack_share": lost_acks,
        "reorder_within": reorder,
    }
    plan = SimulationPlan(
        rate=rate,
        count=count or None,
        seed=seed,
        port=port,
        push_to=push_to or None,
        drift=drift or None,
        drift_after=drift_after,
        star=star,
        habits=habits,
        constants=_constants(token),
    )
    report = simulate(
        platform, plan, stop=_stop_on_signals(), on_start=partial(_announce, platform)
    )
    print_json(dataclasses.asdict(report))
    if report.given_up:
        raise CheckFailedError


def _constants(token: str) -> dict[str, str]:
    if not token:
        return {}
    key, equals, value = token.partition("=")
    if not key or not equals:
        raise ConfigError("--token: write key=value, as the constant field of the push rule")
    return {key: value}


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return stop


def _announce(platform: str, simulator: Any) -> None:  # noqa: ANN401 -- the platform's Simulator
    """Say where it answers and what to write into hub.yaml; the secret is invented too."""
    variable = f"HUB_{platform.upper()}_SECRET"
    lines = [f"simulated platform: {simulator.url or platform}"]
    options = simulator.options(variable)
    if options:
        lines.append("options for a source in hub.yaml:")
        lines += [f"  {name}: {value}" for name, value in options.items()]
    secrets = {variable: simulator.world.app_secret}
    if hasattr(simulator, "environment"):  # a platform with more secrets than one
        secrets = simulator.environment(variable)
    lines += [f"environment: {name}={value}" for name, value in secrets.items()]
    sys.stderr.write("\n".join(lines) + "\n")
