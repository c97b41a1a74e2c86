"""Dumps the hub's schemas and brings them back: `pg_dump` and `pg_restore`, their data through a pipe of ours.

Through a pipe neither outlives us: who is cut off leaves a dump that nobody named one, or a transaction that rolls
back. The password goes by environment, never on a command line.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO

import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hub.database.binaries import ClientProgram
from hub.database.engine import libpq_url
from hub.database.metadata import SCHEMAS
from hub.errors import StoreError

_CHUNK = 1_048_576
_END_WITHIN_S = 20.0

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written or read: bytes and SHA-256, hexadecimal."""

    size: int
    sha256: str


def server_major(connection: sa.Connection) -> int:
    """The server's major version: 18."""
    return int(str(connection.execute(sa.text("SHOW server_version_num")).scalar_one())) // 10_000


def dump(
    url: str, program: ClientProgram, snapshot: str, into: BinaryIO, progress: Progress
) -> Written:
    """Write what an open transaction sees of the hub's schemas to `into`, in pg_dump's custom format.

    Args:
        url: The hub's database.
        program: A `pg_dump` no older than the server.
        snapshot: What the transaction exported; it has to stay open until this returns.
        into: A new, empty file.
        progress: Called with the bytes written so far.

    Raises:
        StoreError: pg_dump failed or was killed; the text has its first error.
    """
    options = [
        "--format=custom",
        "--compress=1",  # what is sealed does not become smaller
        "--no-owner",
        "--no-privileges",
        "--lock-wait-timeout=60s",
        f"--snapshot={snapshot}",
        *(f"--schema={schema}" for schema in SCHEMAS),
    ]
    with _running(program, url, options, stdout=subprocess.PIPE) as process:
        if process.stdout is None:
            raise StoreError("pg_dump has no output")
        return _copy(process.stdout, into, progress)


def restore_dump(url: str, program: ClientProgram, source: BinaryIO, progress: Progress) -> None:
    """Bring a dump into a database that has none of the hub's schemas: all of it, or nothing.

    Args:
        url: The hub's database; its role becomes the owner.
        program: A `pg_restore` no older than the pg_dump that wrote it.
        source: The dump.
        progress: Called with the bytes read so far.

    Raises:
        StoreError: pg_restore failed or was killed; nothing is in the database.
    """
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    with _running(program, url, options, stdin=subprocess.PIPE) as process:
        if process.stdin is None:
            raise StoreError("pg_restore has no input")
        try:
            _copy(source, process.stdin, progress)
            process.stdin.close()
        except BrokenPipeError:
            return  # it has ended: `_running` tells why


@contextmanager
def _running(
    program: ClientProgram,
    url: str,
    options: Sequence[str],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """The program while the block runs; afterwards it has ended, and well.

    Raises:
        StoreError: it did not end well.
    """
    conninfo, environment = _connection(url)
    command = [str(program.path), *options, f"--dbname={conninfo}"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 -- a program of PostgreSQL and our own options
            command, env=environment, stdin=stdin, stdout=stdout, stderr=said
        )
        try:
            yield process
            code = process.wait()
        finally:
            _end(process)
        if code:
            raise StoreError(f"{program.path.name} failed: {_first_error(said, code)}")


def _connection(url: str) -> tuple[str, dict[str, str]]:
    """How libpq is told of the database: a text without the password, and an environment with it."""
    parts = conninfo_to_dict(libpq_url(url))
    password = parts.pop("password", None)
    environment = {**os.environ, "LC_ALL": "C"}
    environment.pop("PGOPTIONS", None)
    if password:
        environment["PGPASSWORD"] = str(password)
    return make_conninfo("", **parts), environment


def _copy(source: IO[bytes], target: IO[bytes], progress: Progress) -> Written:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        target.write(chunk)
        digest.update(chunk)
        size += len(chunk)
        progress(size)
    return Written(size, digest.hexdigest())


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close our ends of the pipes and see that the program is gone."""
    if process.poll() is None:
        process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not pipe.closed:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    process.wait(_END_WITHIN_S)


def _first_error(said: IO[bytes], code: int) -> str:
    """The first line with an error; those after it may repeat values of rows."""
    said.seek(0)
    lines = said.read(65_536).decode("utf-8", "replace").splitlines()
    errors = [line.partition("error: ")[2] for line in lines if "error: " in line]
    if errors:
        return errors[0]
    return f"killed by signal {-code}" if code < 0 else f"exit status {code}"
