"""Servers that do what OpenSSH never does: a library's server in this process, with one habit each."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko
import pytest

from releaser.errors import FailedError
from releaser.shell.known_hosts import parse
from releaser.shell.ssh import Connections, Destination
from releaser.shell.ssh.channel import Ran, close, run
from releaser.shell.ssh.connect import connect

pytestmark = pytest.mark.real
ADDRESS = ("127.0.77.210", 2222)


class Odd(paramiko.ServerInterface):
    """Lets everybody in. `habit`: what it does with a command."""

    def __init__(self, habit: str) -> None:
        self.habit = habit
        self.heard = threading.Event()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.heard.set()
        if self.habit == "never answers":
            threading.Event().wait(20)
        if self.habit == "says no more":
            threading.Timer(0.2, channel.close).start()
        if self.habit == "no status":
            threading.Timer(0.2, half, (channel,)).start()
        return self.habit != "refuses"


def half(channel: paramiko.Channel) -> None:
    channel.sendall(b"half")
    channel.close()


@contextmanager
def asked(habit: str, within: float, stdin: bytes = b"") -> Iterator[Ran]:
    """What came of a command on such a server."""
    host_key, key = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    known = parse(f"[{ADDRESS[0]}]:{ADDRESS[1]} {host_key.get_name()} {host_key.get_base64()}\n", "known_hosts")
    with socket.create_server(ADDRESS) as listening:
        served: list[paramiko.Transport] = []

        def serve() -> None:
            transport = paramiko.Transport(listening.accept()[0])
            transport.add_server_key(host_key)
            transport.start_server(server=Odd(habit))
            served.append(transport)

        thread = threading.Thread(target=serve)
        thread.start()
        pool = Connections()
        to = Destination(ADDRESS[0], "ada", known, ADDRESS[1], agent=False)
        try:
            link = connect(to, key, None, pool.deadlines, until=time.monotonic() + 20)
            thread.join()
            try:
                yield run(link, "true", stdin, pool.deadlines, until=time.monotonic() + within)
            finally:
                close(link)
        finally:
            for transport in served:
                transport.close()
            pool.close()


def test_a_server_that_refuses_commands() -> None:
    with pytest.raises(FailedError) as caught, asked("refuses", 20):
        pass
    assert caught.value.code == "exec"


def test_a_server_that_never_says_whether_it_takes_a_command() -> None:
    """The library waits for that for ever; our own deadline ends it."""
    began = time.monotonic()
    with asked("never answers", 1) as ran:
        assert (ran.status, ran.lost) == (None, "connection")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("habit", ["no status", "says no more"])
def test_a_command_without_a_status_is_not_known(habit: str) -> None:
    with asked(habit, 20) as ran:
        assert (ran.status, ran.lost) == (None, "connection")


def test_a_command_that_never_reads_what_it_is_sent() -> None:
    with asked("never reads", 1.5, stdin=b"x" * 20_000_000) as ran:
        assert (ran.status, ran.lost) == (None, "time-out")
