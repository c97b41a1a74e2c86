"""The doctor at this machine: settings, secrets, disks, ports, Dagster's home."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx

from hub.alert_settings import WatchSettings
from hub.connectors.base import connectors
from hub.database.places import cluster_folder, is_embedded
from hub.settings import HubSettings, SourceSettings, config_path
from hub.steps.check_settings import settings_problems
from hub.steps.doctor.finding import Finding, Scene, bad, good, warning
from hub.steps.keys.ring import open_keyring

_SECRET_SCHEMES_WITHOUT = ("none", "record_only")
_MB = 1_048_576
_ASK_WITHIN_S = 2.0
# Who usually listens where, and how one of ours answers: path, a word of the answer.
_PORTS = {
    8700: ("hub receive", "/healthz", '"status":"ok"'),
    3000: ("Dagster's UI", "/server_info", "dagster_webserver_version"),
}


def look_at_settings(settings: HubSettings) -> Iterator[Finding]:
    """The settings file, and what in it cannot work."""
    path = config_path()
    yield good("settings", str(path) if path.exists() else "no file: one merchant, no source")
    for problem in settings_problems(settings):
        yield bad("settings", problem, "correct that line")


def look_at_sources(scene: Scene) -> Iterator[Finding]:
    """Each configured source: its connector and the secrets of its pushes."""
    installed = connectors()
    sources = scene.settings.all_sources()
    if not sources:
        yield warning("sources", "none", "add one to hub.yaml: docs/configuration.md")
    for key, source in sources.items():
        if source.platform in installed:
            yield _secret(key, source, scene)
        else:
            known = ", ".join(sorted(installed))
            yield bad(f"source {key}", f"no connector {source.platform}", f"installed: {known}")


def _secret(key: str, source: SourceSettings, scene: Scene) -> Finding:
    signature, what = source.signature, f"source {key}"
    if not source.push or source.platform == "webform":
        return good(what, source.platform)
    if signature.scheme in _SECRET_SCHEMES_WITHOUT:
        seen = f"signature scheme {signature.scheme}: anybody who knows the address can push"
        return warning(what, seen, "set `signature:` in hub.yaml")
    if not scene.environment.get(signature.secret_env, ""):
        seen = f"environment variable {signature.secret_env or '(secret_env)'} is not set"
        return bad(what, seen, "set it; until then every push is refused")
    return good(what, f"{source.platform}, {signature.scheme}")


def look_at_keyring() -> Iterator[Finding]:
    """Whether there is a key ring."""
    yield good("keys", f"{len(open_keyring().sealing)} sealing keys")


def look_at_disks(scene: Scene) -> Iterator[Finding]:
    """Room where the hub writes: its home, the spool, an embedded database."""
    cluster = cluster_folder(scene.home) if is_embedded() else None
    seen: set[int] = set()
    for name, path in (
        ("home", scene.home),
        ("spool", scene.home / "spool"),
        ("database", cluster),
    ):
        if path is None or not path.exists() or (device := path.stat().st_dev) in seen:
            continue
        seen.add(device)
        yield _disk(f"disk of {name}", path, scene.settings.watch)


def _disk(what: str, path: Path, limits: WatchSettings) -> Finding:
    usage = shutil.disk_usage(path)
    free_mb, percent = usage.free / _MB, 100 * usage.free / max(usage.total, 1)
    seen = f"{free_mb:.0f} MB free ({percent:.0f} %) under {path}"
    mend = "make room or grow the disk: without room receivers answer 503"
    if percent < limits.disk_critical_percent or free_mb < limits.disk_critical_mb:
        return bad(what, seen, mend)
    if percent < limits.disk_warning_percent or free_mb < limits.disk_warning_mb:
        return warning(what, seen, mend)
    return good(what, seen)


def look_at_ports() -> Iterator[Finding]:
    """Whether the usual ports are free, ours, or somebody else's."""
    for port, (whose, path, word) in _PORTS.items():
        yield look_at_port(port, whose, path, word)


def look_at_port(port: int, whose: str, path: str, word: str) -> Finding:
    """One port of this machine: free, one of ours (its answer under `path` has `word`), or taken."""
    what = f"port {port}"
    try:
        answer = httpx.get(
            f"http://127.0.0.1:{port}{path}", timeout=_ASK_WITHIN_S, trust_env=False
        )
    except httpx.ConnectError:
        return good(what, f"free for {whose}")
    except httpx.HTTPError:
        said = ""
    else:
        said = answer.text.replace(" ", "")
    if word in said:
        return good(what, whose)
    return warning(
        what,
        f"somebody else listens where {whose} would",
        f"stop it, or start {whose} with --port",
    )


def look_at_dagster_home(scene: Scene) -> Iterator[Finding]:
    """Whether Dagster has its files where it looks for them."""
    given = scene.environment.get("DAGSTER_HOME", "")
    folder = Path(given) if given else scene.home / "dagster"
    if (folder / "dagster.yaml").exists():
        yield good("dagster home", str(folder))
    elif given:
        yield bad(
            "dagster home",
            f"DAGSTER_HOME is {folder}, which has no dagster.yaml",
            "docs/dagster.md",
        )
    else:
        yield good("dagster home", "none yet: made at Dagster's first start")
