"""Tries the files of this folder with the programs that read them; says which programs are not here.

`make deploy-check`. Exit status 1 if a program found a mistake; that a program is missing is no mistake.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

DEPLOY = Path(__file__).parent
INSTALLED = "/opt/lead-hub/bin/"
HASH = (
    "$2a$14$abcdefghijklmnopqrstuuMvOKTHPV8GyI7TRs3cKSLLwy3XEtDYS"  # of nothing that anybody uses
)


def run(*command: str, warnings: str = "", **variables: str) -> list[str]:
    """What a program complained of; nothing if it was content.

    `warnings`: what it says about this is a complaint, too, whatever its exit status.
    """
    done = subprocess.run(  # noqa: S603 -- the programs named below
        command,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        return [said or f"exit status {done.returncode}"]
    return [line for line in said.splitlines() if warnings and warnings in line]


def check_systemd(folder: Path) -> list[str]:
    """The units, with the program folder of this environment in place of the installed one."""
    here = f"{Path(sys.executable).parent}/"
    names = []
    for source in sorted((DEPLOY / "systemd").iterdir()):
        if source.suffix in (".service", ".target"):
            text = source.read_text("utf-8").replace(INSTALLED, here)
            (folder / source.name).write_text(text, "utf-8")
            names.append(str(folder / source.name).replace("@.", "@8700."))
    # An instance has to be there by name to be looked at.
    for template in folder.glob("*@.service"):
        (folder / template.name.replace("@.", "@8700.")).symlink_to(template)
    return run(
        *("systemd-analyze", "verify", "--man=no", *names),
        warnings=str(folder),  # a value that it does not know is a warning to it, and is ignored
        SYSTEMD_UNIT_PATH=f"{folder}:",
    )


def check_caddy(_: Path) -> list[str]:
    """The proxy's file, as it is with a password set."""
    caddyfile = str(DEPLOY / "Caddyfile")
    return run(
        *("caddy", "validate", "--adapter", "caddyfile", "--config", caddyfile),
        UI_PASSWORD_HASH=HASH,
    )


def check_compose(folder: Path) -> list[str]:
    """The compose file with all that it names."""
    copy = folder / "deploy"
    shutil.copytree(DEPLOY, copy)
    shutil.copy(copy / "env.example", copy / "env")
    return run(
        *("docker", "compose", "--env-file", str(copy / "env"), "-f", str(copy / "compose.yaml")),
        *("--profile", "inside", "config", "--quiet"),
    )


def check_dockerfile(_: Path) -> list[str]:
    """The image's recipe."""
    return run("hadolint", str(DEPLOY / "Dockerfile"))


def has_compose() -> bool:
    """Whether `docker` is here with its plugin."""
    return bool(shutil.which("docker")) and not run("docker", "compose", "version")


CHECKS: tuple[tuple[str, Callable[[], bool], Callable[[Path], list[str]]], ...] = (
    ("systemd-analyze", lambda: bool(shutil.which("systemd-analyze")), check_systemd),
    ("caddy", lambda: bool(shutil.which("caddy")), check_caddy),
    ("docker compose", has_compose, check_compose),
    ("hadolint", lambda: bool(shutil.which("hadolint")), check_dockerfile),
)


def main() -> int:
    """Run what is here."""
    bad = False
    for name, is_here, check in CHECKS:
        if not is_here():
            sys.stdout.write(f"not here   {name}\n")
            continue
        with tempfile.TemporaryDirectory(prefix="deploy-check-") as folder:
            problems = check(Path(folder))
        bad = bad or bool(problems)
        sys.stdout.write(f"{'BAD' if problems else 'good':<10} {name}\n")
        sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
