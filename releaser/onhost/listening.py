"""Which sockets listen on these TCP ports of this host? By inode, so that whoever holds one can be found in /proc."""

from __future__ import annotations

import struct
from pathlib import Path

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Iterator

__all__ = ["from_kernel", "from_tables", "inodes"]

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY, REQUEST_AND_DUMP = 20, 0x301
ERROR, DONE = 2, 3
LISTENING = 10
HEADER = struct.Struct("=LHHLL")
"""length type flags sequence pid"""
ASKED = struct.Struct("=BBBxL48x")
"""family protocol extensions states, and a socket id that is left empty: linux/inet_diag.h"""
PORT, INODE = struct.Struct("!H"), struct.Struct("=L")
PORT_AT, INODE_AT = 4, 68
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def inodes(ports: Collection[int]) -> dict[int, set[str]]:
    """Port -> inodes, for those of `ports` on which somebody listens, IPv4 or IPv6.

    The tables in /proc also hold every connection that was closed in the last minute, which takes tens of milliseconds on
    a busy host; they are read where the kernel has no socket diagnosis.
    """
    try:
        found = list(from_kernel())
    except OSError:
        found = list(from_tables())
    wanted: dict[int, set[str]] = {}
    for port, inode in found:
        if port in ports:
            wanted.setdefault(port, set()).add(inode)
    return wanted


def from_kernel() -> Iterator[tuple[int, str]]:
    """(port, inode) of all that listens. Raises OSError where the kernel cannot say."""
    import socket  # here: most verbs look at no port

    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        raise OSError("this host has no netlink")
    with socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG) as link:
        link.settimeout(1.0)
        for inet in (socket.AF_INET, socket.AF_INET6):
            body = ASKED.pack(inet, socket.IPPROTO_TCP, 0, 1 << LISTENING)
            link.send(HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, REQUEST_AND_DUMP, inet, 0) + body)
            yield from _answers(link)


def _answers(link: socket.socket) -> Iterator[tuple[int, str]]:
    while True:
        received = link.recv(1 << 16)
        at = 0
        while at < len(received):
            length, kind = HEADER.unpack_from(received, at)[:2]
            if kind == DONE:
                return
            if kind == ERROR or length < HEADER.size:
                raise OSError("the kernel has no socket diagnosis for TCP")
            told = at + HEADER.size
            yield PORT.unpack_from(received, told + PORT_AT)[0], str(INODE.unpack_from(received, told + INODE_AT)[0])
            at += (length + 3) & ~3


def from_tables() -> Iterator[tuple[int, str]]:
    """The same from /proc. Fields: sl local remote state tx:rx tr retr uid to inode."""
    for table in TABLES:
        try:
            lines = table.read_text().splitlines()[1:]
        except FileNotFoundError:  # a kernel without IPv6
            continue
        for line in lines:
            if " 0A " in line:
                fields = line.split()
                yield int(fields[1].rpartition(":")[2], 16), fields[9]
