"""Who listens: the kernel's own answer and the tables of /proc say the same."""

import socket

import pytest

from releaser.onhost import listening, processes

pytestmark = pytest.mark.skipif(not listening.TABLES[0].exists(), reason="needs Linux with /proc")


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return int(unused.getsockname()[1])


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_listener_is_found_either_way(family: socket.AddressFamily, port: int) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    try:
        server = socket.create_server((host, port), family=family)
    except OSError as error:
        pytest.skip(f"this machine has no {host}: {error}")
    with server, socket.create_connection((host, port)):
        for source in (listening.from_kernel, listening.from_tables):
            assert len([inode for found, inode in source() if found == port]) == 1, source
        (inode,) = listening.inodes([port])[port]
        assert processes.holders({inode}) == processes.listeners(port)[0] != set()
    assert listening.inodes([port]) == {}
    assert processes.listeners(port) == (set(), False)


def test_a_kernel_without_an_answer_is_asked_by_its_tables(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK")
    with socket.create_server(("127.0.0.1", port)):
        assert set(listening.inodes([port])) == {port}
