"""Which ports of this machine may a server of ours take, that nobody has now and no connection gets by chance in a moment?"""

import random
import socket

__all__ = ["free_ports"]

FIRST, LAST = 10_000, 32_000
"""Below the range that systems hand out to outgoing connections (Linux: 32768 to 60999), where a port free now is taken soon."""
CHANCE = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """`count` different ports that are free on 127.0.0.1 at this moment."""
    found: list[int] = []
    while len(found) < count:
        port = CHANCE.randrange(FIRST, LAST)
        if port not in found and _free(port):
            found.append(port)
    return found


def _free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
