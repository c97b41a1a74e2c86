"""Where keys come from, and that nobody else can read them."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli.keys import app
from hub.errors import ConfigError
from hub.privacy.keyring import new_keys
from hub.steps.keys.ring import open_keyring, rotate_keys


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ring.json"
    path.write_text(json.dumps(new_keys()), "utf-8")
    path.chmod(0o600)
    monkeypatch.setenv("HUB_KEYS_FILE", str(path))
    return path


def test_a_new_hub_makes_its_keys_once(hub_home: Path):
    first, second = open_keyring(), open_keyring()

    assert first == second
    assert stat.S_IMODE((hub_home / "keys.json").stat().st_mode) == 0o600
    assert [path.name for path in hub_home.iterdir() if path.is_file()] == ["keys.json"]


def test_processes_that_start_together_use_the_same_keys():
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: open_keyring(), range(8)))

    assert all(ring == rings[0] for ring in rings)


def test_lost_keys_are_told_not_replaced(hub_home: Path):
    """New keys would start well and then fail to open everything sealed before."""
    open_keyring()
    (hub_home / "keys.json").unlink()

    with pytest.raises(ConfigError, match="restore it"):
        open_keyring()


def test_keys_given_in_a_variable_come_first(key_file: Path, monkeypatch: pytest.MonkeyPatch):
    document = new_keys()
    monkeypatch.setenv("HUB_KEYS", json.dumps(document))

    assert open_keyring().sealing != {}
    assert open_keyring().seal(b"x", b"")[:2] == b"\x00\x01"
    with pytest.raises(ConfigError, match="HUB_KEYS_FILE"):
        rotate_keys()


def test_keys_that_others_can_read_are_refused(key_file: Path):
    key_file.chmod(0o640)

    with pytest.raises(ConfigError, match="chmod 600"):
        open_keyring()


@pytest.mark.parametrize("text", ["", "not json: s3cret", "[]", "{}", '{"sealing": "s3cret"}'])
def test_what_is_no_key_ring_is_refused_unseen(key_file: Path, text: str):
    key_file.write_text(text, "utf-8")

    with pytest.raises(ConfigError) as caught:
        open_keyring()

    assert "s3cret" not in str(caught.value)


def test_a_missing_file_is_told_by_its_path(key_file: Path):
    key_file.unlink()

    with pytest.raises(ConfigError, match=r"ring\.json"):
        open_keyring()


def test_a_given_database_needs_given_keys(monkeypatch: pytest.MonkeyPatch, hub_home: Path):
    """Two hosts on one database must not each make keys of their own."""
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://hub@127.0.0.1:1/hub")

    with pytest.raises(ConfigError, match="HUB_KEYS_FILE"):
        open_keyring()
    assert not hub_home.exists()


def test_after_a_rotation_old_values_open_and_new_ones_use_the_new_key(key_file: Path):
    sealed = open_keyring().seal(b"hello", b"row")

    assert rotate_keys() == 2

    ring = open_keyring()
    assert ring.active == 2
    assert ring.unseal(sealed, b"row") == b"hello"
    assert ring.seal(b"hello", b"row")[:2] == b"\x00\x02"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_rotations_at_once_each_add_a_key(key_file: Path):
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda _: rotate_keys(), range(4)))

    assert sorted(ids) == [2, 3, 4, 5]
    assert set(open_keyring().sealing) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    "command", [["list", "--offline"], ["list", "--offline", "--json"], ["rotate"]]
)
def test_commands_print_no_key(key_file: Path, command: list[str]):
    result = CliRunner().invoke(app, command)

    document = json.loads(key_file.read_text("utf-8"))
    assert result.exit_code == 0
    for key in (*document["sealing"].values(), *document["index"].values(), document["id"]):
        assert key not in result.output


def test_a_printed_new_ring_can_be_used(key_file: Path):
    result = CliRunner().invoke(app, ["new"])
    key_file.write_text(result.stdout, "utf-8")

    assert open_keyring().active == 1
    assert "HUB_KEYS_FILE" in result.stderr
