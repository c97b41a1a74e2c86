"""Keeps a release's store for those after it: `python -m tests.upgrade.make`, in its checkout, before it goes out.

`--code PATH` takes another checkout's code (`git worktree add PATH COMMIT`), `--leads N` another size. Needs about a
minute and the ports of a demo. Writes tests/upgrade/<schema revision>/: the store as SQL, the ring that it is under
(made for this, used for nothing else), its settings, and what that release said of it. All people in it are invented.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from hub.database.binaries import client_program
from hub.database.embedded import EmbeddedServer
from hub.database.engine import libpq_url
from hub.database.metadata import SCHEMAS

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
NOTE = "a test's store: invented people, and keys that seal nothing else"


def main() -> None:
    """Live a day of that release, then write down what is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--code", type=Path, default=CHECKOUT, help="the release's checkout")
    parser.add_argument("--leads", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-past-") as folder:
        home = Path(folder) / "demo"
        environment = {**os.environ, "PYTHONPATH": str(given.code), "HUB_HOME": folder}
        run(environment, "-m", "hub.cli.main", "demo", "--once", "--leads", str(given.leads))
        environment |= {"HUB_HOME": str(home), "HUB_CONFIG": str(home / "hub.yaml")}
        said = Path(folder) / "said.json"
        run(environment, str(HERE / "past.py"), str(said))
        keep(home, json.loads(said.read_text("utf-8")))


def run(environment: Mapping[str, str], *words: str) -> None:
    """A program of the release, under its own code."""
    code = environment["PYTHONPATH"]
    subprocess.run([sys.executable, *words], env=environment, cwd=code, check=True, timeout=600)


def keep(home: Path, said: dict[str, object]) -> None:
    """The store under `home` and what its release said of it, in a folder of its schema revision."""
    with EmbeddedServer.start(home) as server:
        engine = sa.create_engine(server.url)
        with engine.connect() as conn:
            revision = str(
                conn.exec_driver_sql("SELECT version_num FROM ops.alembic_version").scalar_one()
            )
        engine.dispose()
        dumped = subprocess.run(
            [
                client_program("pg_dump", at_least=18).path, "--no-owner", "--no-privileges",
                *(f"--schema={schema}" for schema in SCHEMAS), f"--dbname={libpq_url(server.url)}",
            ],
            capture_output=True, check=True, timeout=120,
        ).stdout  # fmt: skip
    folder = HERE / revision
    folder.mkdir(exist_ok=True)
    (folder / "store.sql.gz").write_bytes(gzip.compress(dumped, 9, mtime=0))
    (folder / "keys.json").write_bytes((home / "keys.json").read_bytes())
    (folder / "hub.yaml").write_bytes((home / "hub.yaml").read_bytes())
    text = json.dumps({"note": NOTE, "revision": revision, **said}, indent=2) + "\n"
    (folder / "manifest.json").write_text(text, "utf-8")
    size = sum(one.stat().st_size for one in folder.iterdir())
    sys.stdout.write(f"{folder}: {size // 1024} KiB, {said['leads']} leads\n")


if __name__ == "__main__":
    main()
