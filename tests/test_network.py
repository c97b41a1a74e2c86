"""The tests' own guard against the network."""

from __future__ import annotations

import socket

import pytest

from tests.conftest import NetworkIsShutError


def test_another_machine_cannot_be_reached():
    with socket.socket() as one, pytest.raises(NetworkIsShutError):
        one.connect(("192.0.2.1", 80))
    with socket.socket() as two, pytest.raises(NetworkIsShutError):
        two.connect_ex(("192.0.2.1", 80))


def test_a_name_is_not_looked_up():
    with socket.socket() as one, pytest.raises(NetworkIsShutError):
        one.connect(("example.com", 80))


def test_this_machine_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address) as client:
            assert client.getpeername() == address
