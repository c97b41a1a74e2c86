"""The embedded server as real processes: shared, stopped by the last, never a handle to a dead one."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from hub.database import places
from hub.database.embedded import EmbeddedServer
from hub.database.engine import libpq_url
from hub.errors import ConfigError

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parent.parent.parent
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
# Opens the server of a home, says so, and holds it until its input ends.
HOLDER = """
import sys
from pathlib import Path
from hub.database.embedded import EmbeddedServer
with EmbeddedServer.start(Path(sys.argv[1]), fsync=False) as server:
    print(server.pid, server.url, flush=True)
    sys.stdin.read()
"""


def start(home: Path) -> EmbeddedServer:
    return EmbeddedServer.start(home, fsync=False)


def ask(server: EmbeddedServer, query: str) -> object:
    """The one value that `query` gives, asked as the hub asks."""
    return _answer(server.url, query)


def shown(server: EmbeddedServer, setting: str) -> str:
    """A setting that only the superuser may see."""
    return str(_answer(server.admin_url, f"SHOW {setting}"))


def _answer(url: str, query: str) -> object:
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def do(server: EmbeddedServer, statement: str) -> None:
    with psycopg.connect(libpq_url(server.url), autocommit=True) as connection:
        connection.execute(statement.encode())


def until(claim: Callable[[], bool]) -> None:
    """Wait for what another process does; it has ten seconds."""
    pause = threading.Event()
    assert any(claim() or pause.wait(0.01) for _ in range(1000)), "it never happened"


def is_alive(pid: int | None) -> bool:
    assert pid is not None
    return Path(f"/proc/{pid}/cwd").exists() if Path("/proc/self").exists() else _answers(pid)


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill(server: EmbeddedServer) -> int:
    """Kill the server's first process, as the kernel does when memory runs out; its pid."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid))
    return pid


@contextmanager
def holder(home: Path, user: int | None = None) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that holds the server of `home`; with the server's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home)],
        cwd=ROOT,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the other process could not open the server"
        yield process, int(line.split()[0])
        if process.stdin is not None:
            process.stdin.close()
        process.wait(timeout=60)


@pytest.fixture
def new_home(tmp_path: Path) -> Path:
    """A home that is not there yet."""
    return tmp_path / "home"


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made") / "home"
    start(home).release()
    return home


@pytest.fixture
def home(made_home: Path, tmp_path: Path) -> Path:
    """A home whose cluster was made before: a copy is quicker than making one."""
    return shutil.copytree(made_home, tmp_path / "home")


def test_a_home_gets_a_server_with_one_private_door(new_home: Path):
    with start(new_home) as server:
        assert ask(server, "SELECT current_user || ' ' || current_database()") == "hub_app hub"
        assert shown(server, "listen_addresses") == ""
        assert shown(server, "server_version").startswith("18.")
        folder = Path(shown(server, "unix_socket_directories"))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((new_home / "pg").stat().st_mode) == 0o700


def test_the_last_holder_stops_the_server(home: Path):
    first, second = start(home), start(home)
    pid = first.pid

    assert second.pid == pid
    first.release()
    assert ask(second, "SELECT 1") == 1
    second.release()
    assert not is_alive(pid)
    assert second.pid is None
    second.release()


def test_a_handle_outlives_the_process_that_started_the_server(home: Path):
    with ExitStack() as mine:
        with holder(home) as (other, pid):
            server = mine.enter_context(start(home))
            other.kill()
            other.wait(timeout=60)

        assert server.pid == pid
        assert ask(server, "SELECT 1") == 1
    assert not is_alive(pid)


def test_a_killed_holder_does_not_keep_the_server(home: Path):
    server = start(home)
    with holder(home) as (other, pid):
        assert server.pid == pid
        other.kill()
        other.wait(timeout=60)

    server.release()

    assert not is_alive(pid)


def test_processes_that_start_together_share_one_server(new_home: Path):
    with ExitStack() as stack:
        pids: list[int] = []
        starts = [
            threading.Thread(target=lambda: pids.append(_pid_of(stack, new_home)))
            for _ in range(4)
        ]
        for thread in starts:
            thread.start()
        for thread in starts:
            thread.join()

        assert len(pids) == 4
        assert len(set(pids)) == 1
    assert not is_alive(pids[0])


def _pid_of(stack: ExitStack, home: Path) -> int:
    return stack.enter_context(holder(home))[1]


def test_a_killed_server_is_started_again_by_the_next_to_open(home: Path):
    first = EmbeddedServer.start(home)
    do(first, "CREATE TABLE kept AS SELECT 42 AS n")
    dead = kill(first)

    assert first.pid is None
    with EmbeddedServer.start(home) as second:
        assert second.pid != dead
        assert second.url == first.url
        assert ask(second, "SELECT n FROM kept") == 42
        assert ask(first, "SELECT n FROM kept") == 42
        first.release()
        assert ask(second, "SELECT n FROM kept") == 42


def test_a_holder_revives_a_killed_server(home: Path):
    with start(home) as server:
        assert server.ensure() is False
        kill(server)

        assert server.ensure() is True
        assert server.ensure() is False
        assert ask(server, "SELECT 1") == 1


def test_a_server_with_busy_clients_stops_and_recovers(home: Path):
    """The processes of its clients outlive a killed server for a moment and keep the next one out."""
    with start(home) as server:
        client = psycopg.connect(libpq_url(server.url))
        client.execute("CREATE TABLE half AS SELECT 1")
        kill(server)

        assert server.ensure() is True
        assert ask(server, "SELECT count(*) FROM pg_tables WHERE tablename = 'half'") == 0
        client.close()
        waiting = psycopg.connect(libpq_url(server.url))
        waiting.execute("SELECT 1")
        pid = server.pid
    waiting.close()
    assert not is_alive(pid)


def test_a_crashed_client_process_is_waited_out(home: Path):
    """PostgreSQL restarts all its processes when one is killed; opening waits for that."""
    with start(home) as server:
        client = psycopg.connect(libpq_url(server.url))
        os.kill(client.info.backend_pid, signal.SIGKILL)
        with start(home) as second:
            assert ask(second, "SELECT 1") == 1
            assert second.pid == server.pid
        client.close()


def test_a_lock_file_whose_number_another_program_has_is_no_obstacle(home: Path):
    """After a restart of a container its numbers come again; PostgreSQL alone refuses for ever."""
    server = start(home)
    locks = (
        home / "pg" / "data" / "postmaster.pid",
        Path(shown(server, "unix_socket_directories")) / ".s.PGSQL.5432.lock",
    )
    texts = [lock.read_bytes() for lock in locks]
    kill(server)
    for lock, text in zip(locks, texts, strict=True):
        lock.write_bytes(f"{os.getpid()}\n".encode() + text.split(b"\n", 1)[1])

    with start(home) as second:
        assert ask(second, "SELECT 1") == 1
        server.release()


def test_two_homes_are_two_databases(tmp_path: Path):
    with start(tmp_path / "a") as one, start(tmp_path / "b") as two:
        do(one, "CREATE TABLE mine (n int)")

        assert one.pid != two.pid
        assert one.url != two.url
        assert ask(two, "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'") == 0


def test_a_home_with_a_long_path_works(tmp_path: Path):
    """A socket's path has at most 107 bytes; a home under it need not know."""
    home = tmp_path / ("很长的目录" * 8) / ("x" * 100)

    with start(home) as server:
        assert ask(server, "SELECT 1") == 1
        folder = Path(shown(server, "unix_socket_directories"))
        assert not folder.is_relative_to(home)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.rmdir()


def test_a_home_with_odd_letters_works(tmp_path: Path):
    """libpq takes a comma in the path of a socket for a list of hosts."""
    with start(tmp_path / "a, b'c%41 \"d") as server:
        assert ask(server, "SELECT 1") == 1
        folder = Path(shown(server, "unix_socket_directories"))
    folder.rmdir()


def test_a_half_made_cluster_is_thrown_away(home: Path):
    start(home).release()
    (home / "pg" / "data").rename(home / "pg" / "data.new")
    (home / "pg" / "data.new" / "PG_VERSION").unlink()

    with start(home) as server:
        assert ask(server, "SELECT 1") == 1


def test_a_first_start_killed_before_the_role_was_made_is_finished(home: Path):
    with start(home) as server, psycopg.connect(libpq_url(server.admin_url)) as admin:
        admin.autocommit = True
        admin.execute("DROP DATABASE hub")
        admin.execute("DROP ROLE hub_app")

    with start(home) as server:
        assert ask(server, "SELECT current_user") == "hub_app"


def test_data_of_another_major_version_is_refused(home: Path):
    start(home).release()
    (home / "pg" / "data" / "PG_VERSION").write_text("17\n", "ascii")

    with pytest.raises(ConfigError, match="made by PostgreSQL 17"):
        start(home)


def test_a_home_that_everybody_can_write_in_is_refused_not_repaired(new_home: Path):
    new_home.mkdir()
    new_home.chmod(0o777)

    with pytest.raises(ConfigError, match="open to other users"):
        start(new_home)
    assert stat.S_IMODE(new_home.stat().st_mode) == 0o777
    assert not list(new_home.iterdir())


def test_a_database_folder_open_to_others_is_refused_not_repaired(new_home: Path):
    (new_home / "pg").mkdir(parents=True)
    (new_home / "pg").chmod(0o750)

    with pytest.raises(ConfigError, match="open to other users"):
        start(new_home)
    assert stat.S_IMODE((new_home / "pg").stat().st_mode) == 0o750


def test_a_link_in_place_of_the_database_folder_is_refused(new_home: Path, tmp_path: Path):
    new_home.mkdir()
    (tmp_path / "other").mkdir(mode=0o700)
    (new_home / "pg").symlink_to(tmp_path / "other")

    with pytest.raises(ConfigError, match="not a folder"):
        start(new_home)


def test_a_home_that_is_no_folder_is_refused(new_home: Path, tmp_path: Path):
    new_home.write_text("", "utf-8")
    with pytest.raises(ConfigError, match="not a folder"):
        start(new_home)

    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="cannot be used"):
        start(tmp_path / "dangling")


def test_the_parents_of_a_home_stay_as_they_are(tmp_path: Path):
    tmp_path.chmod(0o700)

    with start(tmp_path / "parent" / "home"):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_the_log_holds_no_value_of_a_row(home: Path):
    with start(home) as server:
        do(server, "CREATE TABLE person (phone text PRIMARY KEY)")
        do(server, "INSERT INTO person VALUES ('10000000001')")
        for statement in (
            "INSERT INTO person VALUES ('10000000001')",
            "SELECT 'x10000000001'::integer",
            "SELECT '10000000001' FROM nowhere",
        ):
            with pytest.raises(psycopg.Error):
                do(server, statement)
        connection = psycopg.connect(libpq_url(server.url))
        connection.execute("INSERT INTO person VALUES (%s)", ("10000000002",))
        do(server, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)")
        connection.close()
    log = (home / "pg" / "postgres.log").read_text("utf-8")

    assert "ready to accept connections" in log
    assert "1000000000" not in log


def test_the_callers_postgresql_variables_change_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGPORT", "1")

    with start(home) as server:
        assert shown(server, "port") == "5432"


@contextmanager
def folder_of(user: int) -> Iterator[Path]:
    """A folder that only `user` can use."""
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, user, user)
        yield Path(folder)


def can_run_the_hub(user: int) -> bool:
    command = [sys.executable, "-c", "import hub.database.embedded"]
    try:
        subprocess.run(command, cwd=ROOT, user=user, group=user, extra_groups=[], check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@AS_ROOT
@pytest.mark.parametrize("user", [pwd.getpwnam("nobody").pw_uid, 54321], ids=["named", "nameless"])
def test_an_ordinary_user_has_a_server(user: int):
    """`initdb` refuses a uid without a name, which is what some containers give."""
    if not can_run_the_hub(user):
        pytest.skip("this checkout or its Python lies in a folder that other users cannot reach")
    with folder_of(user) as folder:
        with holder(folder / "home", user) as (_, pid):
            assert (folder / "home" / "pg" / "data").stat().st_uid == user
            assert Path(f"/proc/{pid}").stat().st_uid == user
        assert not is_alive(pid)


@AS_ROOT
def test_another_users_home_is_refused():
    with folder_of(54321) as folder, pytest.raises(ConfigError, match="another user"):
        start(folder)


@pytest.fixture
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As in a container that refuses user namespaces to root; where its PostgreSQL may go."""
    monkeypatch.setattr(places, "find_runner", lambda _: None)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setattr(places, "_ELSEWHERE", Path(folder) / "elsewhere")
        yield Path(folder)


@AS_ROOT
def test_root_without_namespaces_runs_it_as_an_unprivileged_user(no_namespaces: Path):
    home = no_namespaces / "home"
    with start(home) as server:
        pid = server.pid
        do(server, "CREATE TABLE kept AS SELECT 42 AS n")
        assert Path(f"/proc/{pid}").stat().st_uid != 0
    assert not is_alive(pid)

    assert (home / "pg" / "data").stat().st_uid != 0
    with start(home) as server:
        assert ask(server, "SELECT n FROM kept") == 42


@AS_ROOT
def test_a_home_that_this_user_cannot_reach_keeps_its_data_elsewhere(
    no_namespaces: Path, new_home: Path, monkeypatch: pytest.MonkeyPatch
):
    new_home.parent.chmod(0o700)
    with start(new_home) as server:
        do(server, "CREATE TABLE kept AS SELECT 42 AS n")
    assert not (new_home / "pg").exists()

    # Namespaces allowed again: still the same data, not an empty database in the home.
    monkeypatch.undo()
    with start(new_home) as server:
        assert ask(server, "SELECT n FROM kept") == 42


@AS_ROOT
def test_data_that_was_elsewhere_and_is_gone_is_told(no_namespaces: Path, new_home: Path):
    new_home.parent.chmod(0o700)
    start(new_home).release()
    base = Path((new_home / "locks" / "elsewhere").read_text("utf-8"))
    base.rename(base.with_name("lost"))

    with pytest.raises(ConfigError, match="is gone"):
        start(new_home)
